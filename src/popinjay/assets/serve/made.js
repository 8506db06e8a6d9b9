// A persona that was just made: its verdict in words, ten posts, and what to do next.

import { get, personaPath, post } from "./api.js";
import { actionHandler, el, fill } from "./dom.js";
import { pictureOf } from "./persona.js";

/** Show the persona of this name; errors of the buttons are shown in `errors`. */
export const made = (name, errors) => {
  const about = encodeURIComponent(name);
  const verdict = el("p", { class: "verdict", dir: "auto", hidden: true });
  const posts = el("ul", { class: "said made" });
  const longer = el("span", {});
  const picture = el("div", {});
  showPersona(name, { verdict, longer, picture, errors });
  showPosts(name, posts);
  return el(
    "div",
    { class: "end" },
    verdict,
    el(
      "div",
      { class: "acts" },
      el("a", { class: "button main large", href: `#/say/${about}` }, "Let it write"),
      el("a", { class: "button large", href: `#/look/${about}` }, "How good is it?"),
      longer,
    ),
    el("div", { class: "fresh" }, posts, picture),
  );
};

const showPersona = async (name, { verdict, longer, picture, errors }) => {
  try {
    const persona = await get(personaPath(name));
    verdict.textContent = persona.verdict ?? "";
    verdict.hidden = !persona.verdict;
    if (persona.may_learn_longer) fill(longer, longerButton(name, errors));
    if (persona.picture)
      fill(
        picture,
        el("img", {
          src: pictureOf(name, Date.now()),
          width: "1200",
          height: "630",
          alt: `A picture of ${name}, with something it wrote`,
        }),
      );
  } catch {
    // the links work without it
  }
};

const showPosts = async (name, container) => {
  try {
    const { posts } = await get(personaPath(name, "opening"));
    fill(
      container,
      posts.map((text) => el("li", { dir: "auto" }, text)),
    );
  } catch {
    fill(container);
  }
};

/** A button that trains the persona again, for twice as long. */
export const longerButton = (name, errors) => {
  const words = "Let it learn longer";
  const button = el("button", { type: "button", class: "large" }, words);
  button.addEventListener(
    "click",
    actionHandler(button, errors, async () => {
      const job = await post(personaPath(name, "retrain"), { longer: true });
      location.hash = `#/job/${job.id}`;
    }),
  );
  return button;
};
