// A persona that was just made: its verdict in words, ten posts, and what to do next.

import { get, personaPath } from "./api.js";
import { el, fill } from "./dom.js";
import { trainAgain } from "./manage.js";
import { displayName, load, pictureOf } from "./persona.js";
import { Post } from "./post.js";
import { copy, labelled } from "./share.js";

/** Show the persona of this name; errors of the buttons are shown in `errors`. */
export const made = (name, errors) => {
  const about = encodeURIComponent(name);
  const verdict = el("p", { class: "verdict", dir: "auto", hidden: true });
  const longer = el("span", {});
  const posts = el("ol", { class: "posts" });
  showPersona(name, { verdict, longer, posts, errors });
  return el(
    "div",
    { class: "end" },
    verdict,
    el(
      "div",
      { class: "acts" },
      el("a", { class: "button main", href: `#/say/${about}` }, "Let it write"),
      el("a", { class: "button", href: `#/look/${about}` }, "How good is it?"),
      longer,
    ),
    posts,
  );
};

const showPersona = async (name, { verdict, longer, posts, errors }) => {
  try {
    const persona = await load(name);
    verdict.textContent = persona.verdict ?? "";
    verdict.hidden = !persona.verdict;
    const more = { longer: true };
    if (persona.may_learn_longer)
      fill(longer, trainAgain(persona, "Let it learn longer", errors, more));
    const opening = await get(personaPath(name, "opening"));
    fill(
      posts,
      opening.posts.map((text) => post(persona, text).element),
      persona.picture ? el("li", { class: "pictured" }, picture(name)) : null,
    );
  } catch {
    // the links work without it
  }
};

const post = (persona, text) =>
  Post.finished(persona, text, { prompt: "" }, () => [
    ["Copy", "Copied", () => copy(labelled(text, displayName(persona)))],
  ]);

const picture = (name) =>
  el("img", {
    src: pictureOf(name, Date.now()),
    width: "1200",
    height: "630",
    alt: `A picture of ${name}, with something it wrote`,
  });
