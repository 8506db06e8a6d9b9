// The files of a persona, in groups by who may have them, and all of them as a zip.

import { personaPath } from "./api.js";
import { bdi, el } from "./dom.js";
import { confirm } from "./manage.js";
import { bytes } from "./words.js";

const GROUPS = [
  ["share", "To share", "They hold no post of the author."],
  ["model", "The model", "What other programs load. It holds no posts as files."],
  ["private", "Posts (private)", "Somebody’s words: think before you pass them on."],
  ["record", "How it was made", "Settings, curves and numbers."],
];
const SHARED = ["share", "model"];

/** Return the list of files, with downloads. */
export const files = (persona, found) => {
  const size = (groups) =>
    found
      .filter((file) => groups.includes(file.group))
      .reduce((sum, file) => sum + file.bytes, 0);
  return el(
    "div",
    {},
    el(
      "div",
      { class: "acts" },
      el(
        "a",
        { class: "button main", href: zipPath(persona, "share"), download: true },
        `Download as zip (${bytes(size(SHARED))})`,
      ),
      el(
        "button",
        { type: "button", onclick: () => downloadAll(persona) },
        `With all posts (${bytes(size(GROUPS.map(([group]) => group)))})`,
      ),
    ),
    el(
      "p",
      { class: "aside" },
      "The zip holds the model card, the picture and the model. ",
      persona.may_be_public
        ? null
        : "Pass it on in private only: it is not known that its author allowed more.",
    ),
    GROUPS.map(([group, words, meaning]) => {
      const own = found.filter((file) => file.group === group);
      return own.length ? section(persona, words, meaning, own) : null;
    }),
  );
};

const zipPath = (persona, what) => personaPath(persona.name, `zip?what=${what}`);

const downloadAll = (persona) =>
  confirm(
    "Download everything?",
    [
      "This zip also holds the posts that it learnt from, those that were set aside, and those " +
        "that you kept. Treat it as private: whoever has it can read them.",
    ],
    "Download everything",
    async () => {
      const link = el("a", { href: zipPath(persona, "everything"), download: true });
      document.body.append(link);
      link.click();
      link.remove();
    },
  );

const section = (persona, words, meaning, found) =>
  el(
    "div",
    { class: "group" },
    el("h3", {}, words),
    el("p", { class: "aside" }, meaning),
    el(
      "ul",
      { class: "rows files" },
      found.map((file) => {
        const path = file.name.split("/").map(encodeURIComponent).join("/");
        return el(
          "li",
          {},
          el(
            "a",
            { href: personaPath(persona.name, `files/${path}`), download: true },
            bdi(file.name),
          ),
          el("span", {}, bytes(file.bytes)),
        );
      }),
    ),
  );
