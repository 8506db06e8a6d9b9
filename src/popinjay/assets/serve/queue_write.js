// "Write 20 more": fills the queue while its user looks on, or goes on deciding.

import { events, personaPath } from "./api.js";
import { announce, el, errorBox, fill } from "./dom.js";
import { plural } from "./words.js";

const MORE = 20;

export class QueueWriter {
  constructor(persona, signal, onWritten) {
    this.persona = persona;
    this.onWritten = onWritten;
    this.stop = null;
    this.button = el("button", { type: "button", onclick: () => this.press() });
    this.bar = el("progress", { max: String(MORE), "aria-label": "Writing drafts", hidden: true });
    this.note = el("p", { class: "aside told" });
    this.errors = el("div");
    this.element = el(
      "div",
      { class: "writer", hidden: !persona.speaks },
      el("div", { class: "line" }, this.button, this.bar),
      this.note,
      this.errors,
    );
    this.setBusy(false);
    signal.addEventListener("abort", () => this.stop?.abort());
  }

  setBusy(isBusy) {
    this.isBusy = isBusy;
    this.label();
    this.bar.hidden = !isBusy;
    this.bar.removeAttribute("value");
  }

  /** Say whether there is nothing to decide about: then writing is what to do next. */
  setEmpty(isEmpty) {
    this.isEmpty = isEmpty;
    this.label();
  }

  label() {
    const more = this.isEmpty ? `Write ${MORE} posts` : `Write ${MORE} more`;
    this.button.textContent = this.isBusy ? "Stop" : more;
    this.button.classList.toggle("main", Boolean(this.isEmpty) && !this.isBusy);
  }

  async press() {
    if (this.stop) {
      this.stop.abort();
      return;
    }
    this.stop = new AbortController();
    this.setBusy(true);
    fill(this.errors);
    this.note.textContent = "Getting ready…";
    try {
      await this.write(this.stop.signal);
    } catch (error) {
      this.note.textContent = error.name === "AbortError" ? "Stopped." : "";
      if (error.name !== "AbortError") fill(this.errors, errorBox(error));
    }
    this.stop = null;
    this.setBusy(false);
    await this.onWritten().catch(() => {});
  }

  async write(signal) {
    let isShown = false;
    const path = personaPath(this.persona.name, "queue/write");
    for await (const { event, data } of events(path, { body: { n: MORE }, signal })) {
      if (event === "error") throw Object.assign(new Error(data.message), { hint: data.hint });
      if (event === "end") {
        this.note.textContent = summary(data);
        announce(this.note.textContent);
        return;
      }
      this.bar.value = data.done;
      this.note.textContent = data.done ? `${data.done} of ${data.total} written` : "Writing…";
      if (data.done && !isShown) {
        isShown = true;
        this.onWritten().catch(() => {}); // there is something to decide about already
      }
    }
    throw Object.assign(new Error("The answer broke off."), { hint: "Try again." });
  }
}

const summary = ({ written, superseded }) => {
  const said = [`${plural(written, "draft")} written.`];
  if (written < MORE) said.push("It wrote nothing else that the queue did not have.");
  if (superseded) said.push(`${plural(superseded, "draft")} of its earlier model gave way.`);
  return said.join(" ");
};
