// The progress of a training: all of it in one bar, its stages, sample posts, and its loss.

import { announce, el, fill } from "./dom.js";
import { Curve } from "./curve.js";
import { about, duration, FINAL_STATES, plural, STAGES } from "./words.js";

const MAX_SAMPLES = 6;
const OPTIONAL_STAGES = { fetch: "Fetch the posts", base: "Fetch the base model" };
const STATE_LABELS = {
  waiting: "to do",
  running: "under way",
  done: "done",
  failed: "did not work out",
  stopped: "stopped",
};

/** The whole of it, as one bar with the time left. */
class Whole {
  constructor() {
    this.bar = el("progress", { "aria-label": "All of it" });
    this.words = el("span", {}, "");
    this.left = el("span", { class: "left" });
    this.element = el(
      "div",
      { class: "whole" },
      this.bar,
      el("p", { class: "beside" }, this.words, this.left),
    );
  }

  /** Show how far it is, from the numbers of an event that has them. */
  event(stage, { make_share: share, make_seconds_left: seconds }) {
    if (stage) this.words.textContent = STAGES[stage] ?? OPTIONAL_STAGES[stage] ?? "";
    if (share !== undefined) this.bar.value = Math.min(1, share);
    if (seconds !== undefined)
      this.left.textContent = seconds < 5 ? "nearly done" : `${about(seconds)} left`;
  }
}

class Row {
  constructor(name) {
    this.words = el("span", { class: "words", dir: "auto" });
    this.left = el("span", { class: "left" });
    this.bar = el("progress", { "aria-label": STAGES[name] ?? name });
    this.mark = el("span", { class: "unseen" });
    this.element = el(
      "li",
      { class: "stage" },
      el("b", {}, STAGES[name] ?? OPTIONAL_STAGES[name] ?? name),
      this.mark,
      el("span", { class: "beside" }, this.words, this.left),
      this.bar,
    );
    this.name = name;
    this.doing = ""; // what the stage says that it does, which its heading says already
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
    if (message && message !== this.doing) this.words.textContent = message;
    if (total) this.bar.value = Math.min(1, done / total);
    const seconds = numbers.phase_seconds_left ?? numbers.seconds_left;
    this.left.textContent =
      (seconds === undefined ? "" : `${duration(seconds)} left`) ||
      (total ? `${Math.round((100 * done) / total)}%` : done ? plural(done, unit, unit) : "");
  }
}

export class Progress {
  constructor() {
    this.whole = new Whole();
    this.rows = new Map(Object.keys(STAGES).map((name) => [name, new Row(name)]));
    this.list = el(
      "ol",
      { class: "stages" },
      [...this.rows.values()].map((row) => row.element),
    );
    this.loss = new Curve("Loss on the posts that it learns from", "nats a token");
    this.unseen = new Curve("Loss on posts that it has never seen", "bits a byte");
    this.samples = el("ul", { class: "samples" });
    this.notes = el("ul", { class: "notes", hidden: true });
    this.element = el(
      "div",
      { class: "progress" },
      this.whole.element,
      el("section", { "aria-label": "Steps" }, this.list, this.notes),
      el(
        "section",
        { "aria-labelledby": "hears" },
        el("h2", { id: "hears" }, "What it writes so far"),
        this.samples,
      ),
      el(
        "details",
        { class: "part curves" },
        el("summary", {}, "The curves"),
        el("p", { class: "aside" }, "The lower, the better it knows the voice."),
        el("div", { class: "pair" }, this.loss.element, this.unseen.element),
      ),
    );
    this.sampled = [];
    this.hasLearnt = false;
    this.showSamples();
  }

  event(event) {
    const row = this.row(event.stage);
    this.whole.event(event.what === "start" ? event.stage : null, event.numbers ?? {});
    if (event.what === "start") {
      row.setState("running");
      row.doing = event.message ?? "";
      row.words.textContent = "";
      announce(STAGES[event.stage] ?? event.message ?? "");
    } else if (event.what === "progress") row.progress(event);
    else if (event.what === "done" || event.what === "fresh") {
      row.setState("done");
      row.words.textContent = event.what === "fresh" ? "done before" : (event.message ?? "");
    } else if (event.what === "metrics") this.addMetrics(event);
    else if (event.what === "sample") this.addSample(event);
    else if (event.what === "note" || event.what === "warning") this.note(event);
  }

  /**
   * Return the row of a stage. Stages that only some personas have are inserted where they run:
   * posts are fetched first, a base model before the training.
   */
  row(name) {
    if (!this.rows.has(name)) {
      const row = new Row(name);
      this.rows.set(name, row);
      if (name === "fetch") this.list.prepend(row.element);
      if (name === "base") this.rows.get("train").element.before(row.element);
    }
    return this.rows.get(name);
  }

  addMetrics({ done, numbers }) {
    if (done > 0) this.hasLearnt = true;
    if (numbers.loss !== undefined) this.loss.add(done, numbers.loss);
    if (numbers.validation_bits_per_byte !== undefined)
      this.unseen.add(done, numbers.validation_bits_per_byte);
  }

  /** Add a post, with what it had learnt when it wrote it. */
  addSample({ message, done }) {
    const isFirst = done === 0 || (done === undefined && !this.hasLearnt);
    const later = done ? `after ${plural(done, "step")}` : "";
    const when = isFirst ? "before it has read anything" : later;
    const all = [{ text: message, when }, ...this.sampled];
    // The last of the list is the first that it wrote: it shows how far it has come.
    this.sampled = all.length > MAX_SAMPLES ? [...all.slice(0, MAX_SAMPLES - 1), all.at(-1)] : all;
    this.showSamples();
  }

  showSamples() {
    const none = el("li", { class: "none" }, "Nothing yet.");
    fill(
      this.samples,
      this.sampled.length
        ? this.sampled.map(({ text, when }) =>
            el("li", {}, el("p", { dir: "auto" }, text), when ? el("small", {}, when) : null),
          )
        : none,
    );
  }

  note({ message, what }) {
    // The bar shows the time left.
    if (what === "note" && message.startsWith("It will take")) return;
    this.notes.hidden = false;
    this.notes.append(el("li", { dir: "auto" }, message));
  }

  /** Update the running rows when the job ends. */
  end(state) {
    this.whole.element.hidden = FINAL_STATES.includes(state);
    for (const row of this.rows.values()) {
      if (row.state === "running" && (state === "failed" || state === "stopped"))
        row.setState(state);
      else if (row.state === "running" && state === "done") row.setState("done");
    }
  }
}
