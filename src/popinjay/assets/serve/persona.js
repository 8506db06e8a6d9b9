// What the screens of one persona have in common: who it is, and where else one can go.

import { get, of } from "./api.js";
import { bdi, el, title } from "./dom.js";

export const load = (name, signal) => get(of(name), signal);

/** What a persona is called: by its people, or by its folder. */
export const called = (persona) => persona.title || persona.name;

export const people = (persona) =>
  persona.handles?.length ? persona.handles.join(" and ") : called(persona);

/** The heading of a persona, with links to its screens; `now` is the one that is shown. */
export const header = (persona, now) => {
  const about = encodeURIComponent(persona.name);
  const link = (screen, words) =>
    el(
      "a",
      { href: `#/${screen}/${about}`, "aria-current": screen === now ? "page" : null },
      words,
    );
  return el(
    "header",
    { class: "who" },
    el(
      "p",
      { class: "kicker" },
      bdi((persona.handles ?? []).map((handle) => `@${handle}`).join("  ")),
    ),
    title(bdi(called(persona))),
    el(
      "p",
      { class: "whose" },
      "A machine that writes like ",
      bdi(called(persona)),
      ". What it says is made up; they never said it.",
    ),
    persona.still_known
      ? el(
          "p",
          { class: "notice" },
          "It was told to forget something, and still knows it until it is trained again.",
        )
      : null,
    el(
      "nav",
      { class: "tabs", "aria-label": "This persona" },
      link("say", "Let it speak"),
      link("look", "How good is it?"),
    ),
  );
};

/** The picture's address; another one each time it was drawn anew, so that it is fetched again. */
export const pictureOf = (name, drawn = "") =>
  `${of(name, "picture")}${drawn && `?drawn=${drawn}`}`;
