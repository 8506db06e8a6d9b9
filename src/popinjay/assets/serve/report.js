// The report's game and theme, for a document of its own and for a shadow root of another page.

/**
 * Show a report in an element of another page.
 *
 * Its styles and ids stay in a shadow root; it takes its colours from the page.
 *
 * @param {HTMLElement} host an element that has no shadow root yet
 * @param {string} content the report's content, from the server
 * @param {{ signal?: AbortSignal }} options ends listening to keys
 */
export const embedReport = (host, content, { signal } = {}) => {
  const root = host.attachShadow({ mode: "open" });
  const styles = document.createElement("link");
  styles.rel = "stylesheet";
  styles.href = new URL("report.css", import.meta.url).href;
  const parts = document.createElement("template");
  parts.innerHTML = content;
  root.append(styles, parts.content);
  mountReport(root, { signal });
};

/**
 * Bring a report to life.
 *
 * @param {Document | ShadowRoot} root what holds it
 * @param {{ signal?: AbortSignal }} options ends listening to keys
 */
export const mountReport = (root, { signal } = {}) => {
  const at = (id) => root.getElementById(id);
  if (at("theme")) themeSwitch(at("theme"));
  if (at("pairs")) playGame(root, at, signal);
};

const themeSwitch = (button) => {
  // the system's, until somebody chooses
  const page = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (page.dataset.theme ? page.dataset.theme === "dark" : dark.matches);
  const label = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    const other = isDark() ? "light" : "dark";
    button.setAttribute("aria-label", `Switch to ${other} colours`);
  };
  button.addEventListener("click", () => {
    page.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  dark.addEventListener("change", label);
  label();
  button.hidden = false;
};

const SHORT = 280; // characters: longer posts come last
const CHANCE = 0.53; // a program that is right no more often does no better than guessing

const shuffled = (list) => {
  const copy = [...list];
  for (let last = copy.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [copy[last], copy[other]] = [copy[other], copy[last]];
  }
  return copy;
};

const isLong = (pair) => Math.max(pair.real.length, pair.written.length) > SHORT;

const playGame = (root, at, signal) => {
  const pairs = JSON.parse(at("pairs").textContent);
  const game = at("game");
  const question = at("game-title").textContent;
  const posts = [...game.querySelectorAll(".post")];
  let round = pairs;
  let place = 0;
  let right = 0;
  let isTold = false;

  const restart = () => {
    place = right = 0;
    at("game-title").textContent = question;
    at("dots").replaceChildren(...round.map(() => document.createElement("li")));
    at("end").hidden = true;
    at("play").hidden = false;
    show();
  };

  const count = () => {
    at("count").textContent = `Pair ${place + 1} of ${round.length}`;
    at("score").textContent = `you: ${right} right`;
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
    at("play").hidden = true;
    at("end").hidden = false;
    at("game-title").textContent = `You: ${right} of ${all}`;
    at("result").textContent = judged(right, all, Number(game.dataset.luck));
    at("meaning").textContent = beside(all, game.dataset.classifier);
    at("end").focus({ preventScroll: true });
  };

  posts.forEach((post, number) => post.addEventListener("click", () => choose(number)));
  at("next").addEventListener("click", next);
  at("again").addEventListener("click", () => {
    const mixed = shuffled(pairs).map((pair) => ({ ...pair, realIsFirst: Math.random() < 0.5 }));
    round = [...mixed.filter((pair) => !isLong(pair)), ...mixed.filter(isLong)];
    restart();
    posts[0].focus({ preventScroll: true });
  });

  const isElsewhere = () => {
    const here = document.activeElement;
    if (!here || here === document.body) return false;
    if (root !== document) return here !== root.host || !game.contains(root.activeElement);
    return !game.contains(here);
  };
  document.addEventListener(
    "keydown",
    (event) => {
      const isShortcut = event.ctrlKey || event.metaKey || event.altKey;
      if (isShortcut || event.repeat || at("play").hidden || isElsewhere()) return;
      if (event.key === "1" || event.key === "2") choose(Number(event.key) - 1);
    },
    { signal },
  );
  restart();
};

const judged = (right, all, luck) => {
  if (luck > all) return "With so few pairs, luck and a good eye look the same.";
  if (right >= luck) return `${luck} or more is rarely luck: you can tell.`;
  return `It takes ${luck} to be more than luck: the model fooled you.`;
};

const beside = (all, classifier) => {
  const guessing = `Guessing finds ${all / 2} of ${all} on average.`;
  if (!classifier) return guessing;
  const share = Number(classifier);
  if (share <= CHANCE) {
    return `${guessing} A program that goes by style alone did no better than guessing.`;
  }
  const expected = Math.round(share * all);
  return `${guessing} A program that goes by style alone finds about ${expected}.`;
};
