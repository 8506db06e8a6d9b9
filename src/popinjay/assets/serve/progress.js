// The progress of a training: its stages, its loss, and sample posts.

import { announce, el, fill } from "./dom.js";
import { Curve } from "./curve.js";
import { duration, plural, STAGES } from "./words.js";

const MAX_SAMPLES = 5;
const OPTIONAL_STAGES = { fetch: "Fetch the posts", base: "Fetch the base model" };
const STATE_LABELS = {
  waiting: "to do",
  running: "under way",
  done: "done",
  failed: "did not work out",
  stopped: "stopped",
};

class Row {
  constructor(name) {
    this.words = el("span", { class: "words", dir: "auto" });
    this.left = el("span", { class: "left" });
    this.bar = el("progress", { "aria-label": STAGES[name] ?? name });
    this.mark = el("span", { class: "unseen" });
    this.element = el(
      "li",
      { class: "stage" },
      el("b", {}, STAGES[name] ?? name),
      this.mark,
      el("span", { class: "beside" }, this.words, this.left),
      this.bar,
    );
    this.name = name;
    this.setState("waiting");
  }

  setState(state) {
    this.state = state;
    this.element.dataset.state = state;
    this.mark.textContent = ` (${STATE_LABELS[state]})`;
    if (state !== "running") this.left.textContent = "";
    if (state === "running") this.bar.removeAttribute("value");
  }

  progress({ message, done, total, unit, numbers = {} }) {
    if (message) this.words.textContent = message;
    if (total) this.bar.value = Math.min(1, done / total);
    const left = numbers.seconds_left === undefined ? "" : `${duration(numbers.seconds_left)} left`;
    this.left.textContent =
      left ||
      (total ? `${Math.round((100 * done) / total)}%` : done ? plural(done, unit, unit) : "");
  }
}

export class Progress {
  constructor() {
    this.rows = new Map(Object.keys(STAGES).map((name) => [name, new Row(name)]));
    this.list = el(
      "ol",
      { class: "stages" },
      [...this.rows.values()].map((row) => row.element),
    );
    this.loss = new Curve("How much the posts it reads surprise it", "loss");
    this.unseen = new Curve("How much posts it has never seen surprise it", "bits a byte");
    this.samples = el("ul", { class: "samples" });
    this.notes = el("ul", { class: "notes", hidden: true });
    this.element = el(
      "div",
      { class: "progress" },
      el("section", { "aria-label": "Steps" }, this.list, this.notes),
      el(
        "section",
        { "aria-labelledby": "hears" },
        el("h2", { id: "hears" }, "What it says so far"),
        this.samples,
      ),
      el(
        "section",
        { class: "curves", "aria-labelledby": "learns" },
        el("h2", { id: "learns" }, "How it learns"),
        el("p", { class: "aside" }, "The less, the better it knows the voice."),
        this.loss.element,
        this.unseen.element,
      ),
    );
    this.showSamples([]);
  }

  event(event) {
    const row = this.row(event.stage);
    if (event.what === "start") {
      row.setState("running");
      row.words.textContent = event.message ?? "";
      announce(STAGES[event.stage] ?? event.message ?? "");
    } else if (event.what === "progress") row.progress(event);
    else if (event.what === "done" || event.what === "fresh") {
      row.setState("done");
      row.words.textContent = event.what === "fresh" ? "done before" : (event.message ?? "");
    } else if (event.what === "metrics") this.addMetrics(event);
    else if (event.what === "sample") this.showSamples([event.message, ...this.sampleTexts]);
    else if (event.what === "note" || event.what === "warning") this.note(event);
  }

  /**
   * Return the row of a stage. Stages that only some personas have are inserted where they run:
   * posts are fetched first, a base model before the training.
   */
  row(name) {
    if (!this.rows.has(name)) {
      const row = new Row(name);
      row.element.querySelector("b").textContent = OPTIONAL_STAGES[name] ?? name;
      this.rows.set(name, row);
      if (name === "fetch") this.list.prepend(row.element);
      if (name === "base") this.rows.get("train").element.before(row.element);
    }
    return this.rows.get(name);
  }

  addMetrics({ done, numbers }) {
    if (numbers.loss !== undefined) this.loss.add(done, numbers.loss);
    if (numbers.validation_bits_per_byte !== undefined)
      this.unseen.add(done, numbers.validation_bits_per_byte);
  }

  showSamples(texts) {
    this.sampleTexts = texts.slice(0, MAX_SAMPLES);
    if (this.sampleTexts.length)
      fill(
        this.samples,
        this.sampleTexts.map((text) => el("li", { dir: "auto" }, text)),
      );
    else fill(this.samples, el("li", { class: "none" }, "Nothing yet: it clears its throat."));
  }

  note({ message, what }) {
    // The row shows the time left.
    if (what === "note" && message.startsWith("It will take")) return;
    this.notes.hidden = false;
    this.notes.append(el("li", { dir: "auto" }, message));
  }

  /** Update the running rows when the job ends. */
  end(state) {
    for (const row of this.rows.values()) {
      if (row.state === "running" && (state === "failed" || state === "stopped"))
        row.setState(state);
      else if (row.state === "running" && state === "done") row.setState("done");
    }
  }
}
