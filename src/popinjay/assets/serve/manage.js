// What can be done with a persona: train it again or for longer, rename it, delete it.

import { patch, personaPath, post, remove } from "./api.js";
import { actionHandler, announce, bdi, el } from "./dom.js";
import { displayName } from "./persona.js";
import { bytes } from "./words.js";

/** The section at the end of a persona's page. */
export const actions = (persona) => {
  const errors = el("div");
  const isFinished = (persona.stages ?? []).every(({ state }) => state !== "missing");
  const canLearn = isFinished && !persona.blend?.length;
  return el(
    "section",
    { class: "manage", "aria-labelledby": "manage-title" },
    el("h2", { id: "manage-title" }, "Change it"),
    el(
      "div",
      { class: "acts" },
      canLearn
        ? [
            trainAgain(persona, "Update", errors, {}, "update"),
            trainAgain(persona, "Learn longer", errors, { longer: true }),
            trainAgain(persona, "Train again", errors),
          ]
        : null,
      el("button", { type: "button", onclick: () => rename(persona) }, "Rename…"),
      el(
        "button",
        { type: "button", class: "danger", onclick: () => removeAll(persona) },
        "Delete…",
      ),
    ),
    canLearn
      ? el(
          "p",
          { class: "aside" },
          "“Update” reads its posts again where they came from, and has it learn the new ones. " +
            "“Learn longer” trains it anew for twice the time. Until then it stays as it is.",
        )
      : null,
    errors,
  );
};

/** A button that queues a training, and shows its progress. */
export const trainAgain = (persona, words, errors, how = {}, doing = "retrain") => {
  const button = el("button", { type: "button" }, words);
  button.addEventListener(
    "click",
    actionHandler(button, errors, async () => {
      const job = await post(personaPath(persona.name, doing), how);
      location.hash = `#/job/${job.id}`;
    }),
  );
  return button;
};

/** Ask before something is done; `work` may throw, and is then explained in the dialog. */
export const confirm = (heading, lines, words, work, { isDangerous = false } = {}) =>
  ask(
    heading,
    lines.map((line) => el("p", {}, line)),
    words,
    work,
    isDangerous,
  );

/** A dialog with a form; `work` is done when it is sent, and the dialog then closes. */
const ask = (heading, content, words, work, isDangerous = false) => {
  const errors = el("div");
  const button = el("button", { class: isDangerous ? "main danger" : "main" }, words);
  const form = el(
    "form",
    {},
    content,
    errors,
    el(
      "div",
      { class: "acts" },
      el(
        "button",
        { type: "button", autofocus: isDangerous, onclick: () => dialog.close() },
        "Cancel",
      ),
      button,
    ),
  );
  const dialog = el(
    "dialog",
    { class: "ask-first", "aria-labelledby": "ask-title" },
    el("h2", { id: "ask-title" }, heading),
    form,
  );
  form.addEventListener(
    "submit",
    actionHandler(button, errors, async () => {
      await work(new FormData(form));
      dialog.close();
    }),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.getElementById("main").append(dialog);
  dialog.showModal();
};

const rename = (persona) =>
  ask(
    "Rename it",
    el(
      "div",
      { class: "field" },
      el("label", { for: "new-name" }, "New name"),
      el("input", {
        id: "new-name",
        name: "name",
        type: "text",
        value: persona.name,
        required: true,
        maxlength: "200",
        autocomplete: "off",
        spellcheck: "false",
      }),
      el(
        "p",
        { class: "aside" },
        "The name of its folder and in its model card. The authors’ names stay as they are.",
      ),
    ),
    "Rename",
    async (given) => {
      const renamed = await patch(personaPath(persona.name), { name: given.get("name").trim() });
      announce("Renamed");
      location.hash = `#/look/${encodeURIComponent(renamed.name)}`;
    },
  );

const removeAll = (persona) =>
  ask(
    "Delete it?",
    [
      el(
        "p",
        {},
        "Everything in the folder of ",
        el("b", {}, bdi(persona.name)),
        " is deleted for good",
        persona.bytes === null ? "" : ` (${bytes(persona.bytes)})`,
        ":",
      ),
      el(
        "ul",
        {},
        el("li", {}, "the model"),
        el("li", {}, "the posts as they were read, and those that you kept"),
        el("li", {}, "the report, the model card and the picture"),
      ),
      el(
        "p",
        { class: "aside" },
        "The file or account that it was made from stays, and so does what you published.",
      ),
    ],
    `Delete ${displayName(persona)}`,
    async () => {
      await remove(personaPath(persona.name));
      announce("Deleted");
      location.hash = "#/all";
    },
    true,
  );
