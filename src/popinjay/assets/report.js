"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const root = document.documentElement;

  // the theme: the system's, until somebody chooses
  const button = at("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const label = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    const other = isDark() ? "light" : "dark";
    button.setAttribute("aria-label", `Switch to ${other} colours`);
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  dark.addEventListener("change", label);
  label();
  button.hidden = false;

  // the game
  const source = at("pairs");
  if (!source) return;
  const pairs = JSON.parse(source.textContent);
  const game = at("game");
  const posts = [...document.querySelectorAll(".post")];
  let place = 0;
  let right = 0;
  let isTold = false;

  const shuffled = (list) => {
    const copy = [...list];
    for (let last = copy.length - 1; last > 0; last--) {
      const other = Math.floor(Math.random() * (last + 1));
      [copy[last], copy[other]] = [copy[other], copy[last]];
    }
    return copy;
  };
  let round = pairs;

  const restart = () => {
    place = right = 0;
    at("dots").replaceChildren(...round.map(() => document.createElement("li")));
    at("end").hidden = true;
    at("play").hidden = false;
    show();
  };

  const count = () => {
    at("count").textContent = `Pair ${place + 1} of ${round.length}`;
    at("score").textContent = `${right} right`;
  };

  const show = () => {
    const pair = round[place];
    isTold = false;
    at("told").textContent = "";
    at("next").disabled = true;
    at("next").textContent = place + 1 < round.length ? "Next" : "See your score";
    posts.forEach((post, number) => {
      post.className = "post";
      post.removeAttribute("aria-disabled");
      post.querySelector(".tag").textContent = "";
      post.querySelector(".text").textContent = isReal(number) ? pair.real : pair.written;
    });
    at("dots").children[place].className = "now";
    count();
  };

  const isReal = (number) => (number === 0) === round[place].realIsFirst;

  const choose = (number) => {
    if (isTold) return;
    isTold = true;
    const isRight = isReal(number);
    right += isRight ? 1 : 0;
    posts.forEach((post, other) => {
      post.classList.add(isReal(other) ? "real" : "made");
      if (other === number) post.classList.add("chosen");
      post.setAttribute("aria-disabled", "true");
      const kind = isReal(other) ? "real" : "made up";
      const mark = other === number ? " · your choice" : "";
      post.querySelector(".tag").textContent = kind + mark;
    });
    at("dots").children[place].className = isRight ? "right" : "wrong";
    at("told").textContent = `${isRight ? "Right" : "No"}: number ${isReal(0) ? 1 : 2} is real.`;
    count();
    at("next").disabled = false;
    at("next").focus({ preventScroll: true });
  };

  const next = () => {
    place += 1;
    if (place === round.length) return finish();
    show();
    posts[0].focus({ preventScroll: true });
  };

  const finish = () => {
    const all = round.length;
    const luck = Number(game.dataset.luck);
    at("play").hidden = true;
    at("end").hidden = false;
    at("result").textContent = `You found ${right} of ${all}.`;
    let words = `Guessing finds ${all / 2} on average. `;
    if (luck > all) words += "With so few pairs, luck and a good eye look the same.";
    else if (right >= luck) words += `${luck} or more is rarely luck: you can tell.`;
    else words += `It takes ${luck} to be more than luck, so the model fooled you.`;
    if (game.dataset.classifier) {
      const share = Number(game.dataset.classifier);
      const [percent, expected] = [Math.round(100 * share), Math.round(share * all)];
      words += ` The classifier is right in ${percent} pairs of 100, so about ${expected} of ${all}.`;
    }
    at("meaning").textContent = words;
    at("end").focus({ preventScroll: true });
  };

  posts.forEach((post, number) => post.addEventListener("click", () => choose(number)));
  at("next").addEventListener("click", next);
  at("again").addEventListener("click", () => {
    round = shuffled(pairs).map((pair) => ({ ...pair, realIsFirst: Math.random() < 0.5 }));
    restart();
    posts[0].focus({ preventScroll: true });
  });
  document.addEventListener("keydown", (event) => {
    const here = document.activeElement;
    const isElsewhere = here && here !== document.body && !game.contains(here);
    const isShortcut = event.ctrlKey || event.metaKey || event.altKey;
    if (isShortcut || event.repeat || isElsewhere || at("play").hidden) return;
    if (event.key === "1" || event.key === "2") choose(Number(event.key) - 1);
  });
  restart();
})();
