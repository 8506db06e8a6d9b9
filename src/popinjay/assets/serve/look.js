// The screen "How good is it?": the report, the card and the files of a persona.

import { get, personaPath } from "./api.js";
import { bdi, el, fill, errorBox } from "./dom.js";
import { markdown } from "./markdown.js";
import { displayName, header, load, authorNames, pictureOf } from "./persona.js";
import { bytes, date, plural, STAGES, STATES } from "./words.js";

const STAGE_STATES = {
  done: "done",
  stale: "out of date",
  missing: "not done yet",
  failed: "did not work out",
};

export const show = async (container, name, { signal }) => {
  const persona = await load(name, signal);
  if (signal.aborted) return;
  fill(
    container,
    el(
      "div",
      { class: "head" },
      header(persona, "look"),
      persona.picture
        ? el(
            "div",
            { class: "picture" },
            el("img", {
              src: pictureOf(name),
              width: "1200",
              height: "630",
              alt: `The picture of ${displayName(persona)}`,
            }),
          )
        : null,
    ),
    facts(persona),
    persona.state === "ready" ? report(name) : stages(persona),
    lazySection("Its card", "card", () =>
      get(personaPath(name, "card"), signal).then(({ markdown: text }) => markdown(text)),
    ),
    lazySection("Its files", "files", () =>
      get(personaPath(name, "files"), signal).then((found) => files(name, found)),
    ),
  );
};

const facts = (persona) => {
  const rows = [
    ["State", STATES[persona.state] ?? persona.state],
    [
      "Learnt from",
      persona.posts === null ? null : `${plural(persona.posts, "post")} of ${authorNames(persona)}`,
    ],
    ["Made", date(persona.made)],
    ["From", persona.base],
    ["Takes", persona.bytes === null ? null : bytes(persona.bytes)],
  ];
  return el(
    "div",
    {},
    persona.verdict ? el("p", { class: "verdict", dir: "auto" }, persona.verdict) : null,
    el(
      "dl",
      { class: "facts" },
      rows
        .filter(([, value]) => value)
        .map(([words, value]) => el("div", {}, el("dt", {}, words), el("dd", {}, bdi(value)))),
    ),
  );
};

const report = (name) =>
  el(
    "section",
    { class: "report", "aria-labelledby": "report-title" },
    el(
      "div",
      { class: "line between" },
      el("h2", { id: "report-title" }, "The report, and a game"),
      el(
        "a",
        { class: "button", href: personaPath(name, "report"), target: "_blank", rel: "noopener" },
        "Open it alone",
      ),
    ),
    el("iframe", {
      src: personaPath(name, "report"),
      sandbox: "allow-scripts",
      title: "The report",
      loading: "lazy",
    }),
  );

const stages = (persona) =>
  el(
    "section",
    {},
    el("h2", {}, "How far it is"),
    el(
      "ul",
      { class: "rows" },
      (persona.stages ?? []).map(({ stage, state, error }) =>
        el(
          "li",
          {},
          el("b", {}, STAGES[stage] ?? stage),
          el("span", { class: `state ${state}` }, STAGE_STATES[state] ?? state),
          error ? el("p", { class: "aside", dir: "auto" }, error) : null,
        ),
      ),
    ),
    el(
      "p",
      {},
      "Give it the same posts again, and it goes on from there. ",
      el("a", { class: "button", href: "#/make" }, "Make one"),
    ),
  );

/** A section whose content is loaded when it is opened. */
const lazySection = (words, id, loadContent) => {
  const body = el("div");
  const part = el("details", { class: "part", id }, el("summary", {}, words), body);
  part.addEventListener("toggle", async () => {
    if (!part.open || body.hasChildNodes()) return;
    try {
      fill(body, await loadContent());
    } catch (error) {
      fill(body, errorBox(error));
    }
  });
  return part;
};

const files = (name, found) =>
  el(
    "div",
    {},
    el(
      "p",
      { class: "aside" },
      "In model/ lie the files that other programs read. Posts among these are somebody’s: " +
        "think before you pass them on.",
    ),
    el(
      "ul",
      { class: "rows files" },
      found.map((file) =>
        el(
          "li",
          {},
          el(
            "a",
            {
              href: personaPath(
                name,
                `files/${file.name.split("/").map(encodeURIComponent).join("/")}`,
              ),
              download: true,
            },
            bdi(file.name),
          ),
          el("span", {}, bytes(file.bytes)),
        ),
      ),
    ),
  );
