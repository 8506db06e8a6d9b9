// What the screens of one persona have in common: its header, and links between them.

import { get, personaPath } from "./api.js";
import { bdi, el, title } from "./dom.js";

export const load = (name, signal) => get(personaPath(name), signal);

/** Return a persona's title, which names its authors, or the name of its folder. */
export const displayName = (persona) => persona.title || persona.name;

export const authorNames = (persona) =>
  persona.handles?.length ? persona.handles.join(" and ") : displayName(persona);

/** The pictures of a persona's authors, or its initial if they are not known. */
export const avatar = (persona) => {
  const isKnown = persona.posts !== null && persona.handles?.length;
  return el(
    "span",
    { class: "avatar", "aria-hidden": "true" },
    isKnown
      ? persona.handles
          .slice(0, 2)
          .map((handle) =>
            el("img", {
              src: personaPath(persona.name, `avatar/${encodeURIComponent(handle)}`),
              width: "48",
              height: "48",
              alt: "",
            }),
          )
      : el("span", {}, [...displayName(persona)][0] ?? "?"),
  );
};

/** The header of a persona with links to its screens; `current` is the one that is shown. */
export const header = (persona, current) => {
  const about = encodeURIComponent(persona.name);
  const link = (screen, words) =>
    el(
      "a",
      { href: `#/${screen}/${about}`, "aria-current": screen === current ? "page" : null },
      words,
    );
  const handles = (persona.handles ?? []).map((handle) => `@${handle}`).join("  ");
  return el(
    "header",
    { class: "who" },
    el(
      "div",
      { class: "name" },
      avatar(persona),
      el("div", {}, title(bdi(displayName(persona))), el("p", { class: "kicker" }, bdi(handles))),
    ),
    el(
      "p",
      { class: "whose" },
      "A machine that writes like ",
      bdi(displayName(persona)),
      ". What it says is made up; they never said it.",
    ),
    el(
      "nav",
      { class: "tabs", "aria-label": "This persona" },
      persona.speaks ? link("say", "Let it speak") : null,
      link("look", "How good is it?"),
      persona.speaks ? link("queue", "What it may post") : null,
      persona.speaks ? link("export", "Take it elsewhere") : null,
    ),
  );
};

/** Return the picture's URL; a new value of `drawn` makes browsers load it again. */
export const pictureOf = (name, drawn = "") =>
  `${personaPath(name, "picture")}${drawn && `?drawn=${drawn}`}`;
