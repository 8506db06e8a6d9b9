// What the screens of one persona have in common: its header, and links between them.

import { get, personaPath } from "./api.js";
import { bdi, el, title } from "./dom.js";

export const load = (name, signal) => get(personaPath(name), signal);

/** Return a persona's title, which names its authors, or the name of its folder. */
export const displayName = (persona) => persona.title || persona.name;

export const authorNames = (persona) =>
  persona.handles?.length ? persona.handles.join(" and ") : displayName(persona);

/** The header of a persona with links to its screens; `current` is the one that is shown. */
export const header = (persona, current) => {
  const about = encodeURIComponent(persona.name);
  const link = (screen, words) =>
    el(
      "a",
      { href: `#/${screen}/${about}`, "aria-current": screen === current ? "page" : null },
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
    title(bdi(displayName(persona))),
    el(
      "p",
      { class: "whose" },
      "A machine that writes like ",
      bdi(displayName(persona)),
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

/** Return the picture's URL; a new value of `drawn` makes browsers load it again. */
export const pictureOf = (name, drawn = "") =>
  `${personaPath(name, "picture")}${drawn && `?drawn=${drawn}`}`;
