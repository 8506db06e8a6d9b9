// The screen "How good is it?": the report, the card and the files of a persona, and what can be
// done with it.

import { get, personaPath } from "./api.js";
import { bdi, el, fill, errorBox, loading } from "./dom.js";
import { files } from "./files.js";
import { actions, trainAgain } from "./manage.js";
import { markdown } from "./markdown.js";
import { authorNames, displayName, header, load, pictureOf } from "./persona.js";
import { reportContent } from "./report_content.js";
import { bytes, date, plural, STAGES, STATES } from "./words.js";

const STAGE_STATES = {
  done: "done",
  stale: "out of date",
  missing: "not done yet",
  failed: "did not work out",
};
const BEFORE_MEASURING = ["collect", "clean", "dataset", "train"];

export const show = async (container, name, { signal }) => {
  const persona = await load(name, signal);
  if (signal.aborted) return;
  const report = has(persona, "evaluate") ? reportSection(name) : null; // `condition` says why
  fill(
    container,
    el("div", { class: "head" }, header(persona, "look"), picture(persona)),
    condition(persona),
    facts(persona),
    report,
    has(persona, "card")
      ? lazySection("Its model card", "card", () =>
          get(personaPath(name, "card"), signal).then(({ markdown: text }) => markdown(text, name)),
        )
      : null,
    lazySection("Its files", "files", () =>
      get(personaPath(name, "files"), signal).then((found) => files(persona, found)),
    ),
    actions(persona),
  );
  if (report) showReport(report, name, signal); // it takes seconds, and the rest is here
};

const picture = (persona) =>
  persona.picture
    ? el(
        "div",
        { class: "picture" },
        el("img", {
          src: pictureOf(persona.name),
          width: "1200",
          height: "630",
          alt: `The picture of ${displayName(persona)}`,
        }),
      )
    : null;

/** Return whether a stage has left its files, even if they are out of date. */
const has = (persona, name) =>
  (persona.stages ?? []).some(
    ({ stage, state }) => stage === name && (state === "done" || state === "stale"),
  );

/** Say in words what is not as it should be, with a button that mends it. */
const condition = (persona) => {
  if (persona.state === "making")
    return el("section", { class: "condition" }, el("p", {}, "It is being made right now."));
  const open = (persona.stages ?? []).filter(({ state }) => state !== "done");
  if (!open.length && !persona.still_known) return null;
  const wasFinished = open.every(({ state }) => state !== "missing");
  const mustLearn = open.some(({ stage }) => BEFORE_MEASURING.includes(stage));
  const failed = open.find(({ state }) => state === "failed");
  const isBlend = persona.blend?.length > 0;
  const words = isBlend
    ? "It is out of date. Blend it again from what it was made of, with popinjay blend in a terminal."
    : persona.still_known
      ? "It was told to forget something, and still knows it until it is trained again."
      : !wasFinished
        ? "It is not finished. Give it the same posts again, and it goes on from there."
        : failed
          ? `“${STAGES[failed.stage] ?? failed.stage}” did not work out.`
          : mustLearn
            ? "It is out of date: its posts, its settings or popinjay changed since it was trained."
            : "Its report or its model card is out of date.";
  const errors = el("div");
  return el(
    "section",
    { class: "condition" },
    el("p", {}, words),
    failed?.error ? el("p", { class: "aside", dir: "auto" }, failed.error) : null,
    isBlend
      ? null
      : wasFinished
        ? trainAgain(persona, mustLearn || persona.still_known ? "Train again" : "Measure", errors)
        : [stages(persona), el("a", { class: "button main", href: "#/make" }, "Choose the posts")],
    errors,
  );
};

const stages = (persona) =>
  el(
    "ul",
    { class: "rows" },
    persona.stages.map(({ stage, state }) =>
      el(
        "li",
        {},
        el("b", {}, STAGES[stage] ?? stage),
        el("span", { class: `state ${state}` }, STAGE_STATES[state] ?? state),
      ),
    ),
  );

const facts = (persona) => {
  const rows = [
    ["State", STATES[persona.state] ?? persona.state],
    [
      "Made from",
      persona.posts === null ? null : `${plural(persona.posts, "post")} of ${authorNames(persona)}`,
    ],
    ["Made", date(persona.made)],
    ["Base model", persona.base],
    ["Size", persona.bytes === null ? null : bytes(persona.bytes)],
  ];
  return el(
    "dl",
    { class: "facts" },
    rows
      .filter(([, value]) => value)
      .map(([words, value]) => el("div", {}, el("dt", {}, words), el("dd", {}, bdi(value)))),
  );
};

/** A section for the report, whose first element is to be replaced by it. */
const reportSection = (name) =>
  el(
    "div",
    { class: "report" },
    el("div", { class: "report-host coming" }, loading("Reading the report…")),
    el(
      "p",
      {},
      el(
        "a",
        { class: "button", href: personaPath(name, "report"), target: "_blank", rel: "noopener" },
        "Open in a new tab",
      ),
    ),
  );

/** Show the report in its section, which is removed if there is none. */
const showReport = async (section, name, signal) => {
  try {
    const content = await reportContent(name, signal);
    section.firstElementChild.replaceWith(content);
  } catch (error) {
    if (error.status === 404) section.remove();
    else if (error.name !== "AbortError") section.firstElementChild.replaceWith(errorBox(error));
  }
};

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
