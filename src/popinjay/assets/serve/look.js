// How good is it: the report, the card, and the files.

import { get, of } from "./api.js";
import { bdi, el, fill, trouble } from "./dom.js";
import { markdown } from "./markdown.js";
import { called, header, load, people, pictureOf } from "./persona.js";
import { bytes, date, many, STAGES, STATES } from "./words.js";

const STAGE_STATES = {
  done: "done",
  stale: "out of date",
  missing: "not done yet",
  failed: "did not work out",
};

export const show = async (place, name, { signal }) => {
  const persona = await load(name, signal);
  if (signal.aborted) return;
  fill(
    place,
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
              alt: `The picture of ${called(persona)}`,
            }),
          )
        : null,
    ),
    facts(persona),
    persona.state === "ready" ? report(name) : stages(persona),
    later("Its card", "card", () =>
      get(of(name, "card"), signal).then(({ markdown: text }) => markdown(text)),
    ),
    later("Its files", "files", () =>
      get(of(name, "files"), signal).then((found) => files(name, found)),
    ),
  );
};

const facts = (persona) => {
  const rows = [
    ["State", STATES[persona.state] ?? persona.state],
    [
      "Learnt from",
      persona.posts === null ? null : `${many(persona.posts, "post")} of ${people(persona)}`,
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
        { class: "button", href: of(name, "report"), target: "_blank", rel: "noopener" },
        "Open it alone",
      ),
    ),
    el("iframe", {
      src: of(name, "report"),
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

/** A part that is fetched when it is opened. */
const later = (words, id, fetched) => {
  const body = el("div");
  const part = el("details", { class: "part", id }, el("summary", {}, words), body);
  part.addEventListener("toggle", async () => {
    if (!part.open || body.hasChildNodes()) return;
    try {
      fill(body, await fetched());
    } catch (error) {
      fill(body, trouble(error));
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
      "In model/ lie the files that other programs read. Posts among these are somebody’s: think before you pass them on.",
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
              href: of(name, `files/${file.name.split("/").map(encodeURIComponent).join("/")}`),
              download: true,
            },
            bdi(file.name),
          ),
          el("span", {}, bytes(file.bytes)),
        ),
      ),
    ),
  );
