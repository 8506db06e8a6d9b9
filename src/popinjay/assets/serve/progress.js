// A persona as it is made: its stages, how far they are, how it learns, and what it says meanwhile.

import { announce, el, fill } from "./dom.js";
import { Curve } from "./curve.js";
import { duration, many, STAGES } from "./words.js";

const MOST_SAMPLES = 5;
const SOMETIMES = { fetch: "Fetch the posts", base: "Fetch the base model" };
const MARKS = {
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
    this.place = el(
      "li",
      { class: "stage" },
      el("b", {}, STAGES[name] ?? name),
      this.mark,
      el("span", { class: "beside" }, this.words, this.left),
      this.bar,
    );
    this.name = name;
    this.is("waiting");
  }

  is(state) {
    this.state = state;
    this.place.dataset.state = state;
    this.mark.textContent = ` (${MARKS[state]})`;
    if (state !== "running") this.left.textContent = "";
    if (state === "running") this.bar.removeAttribute("value");
  }

  far({ message, done, total, unit, numbers = {} }) {
    if (message) this.words.textContent = message;
    if (total) this.bar.value = Math.min(1, done / total);
    const left = numbers.seconds_left === undefined ? "" : `${duration(numbers.seconds_left)} left`;
    this.left.textContent =
      left || (total ? `${Math.round((100 * done) / total)}%` : done ? many(done, unit, unit) : "");
  }
}

export class Progress {
  constructor() {
    this.rows = new Map(Object.keys(STAGES).map((name) => [name, new Row(name)]));
    this.list = el(
      "ol",
      { class: "stages" },
      [...this.rows.values()].map((row) => row.place),
    );
    this.loss = new Curve("How much the posts it reads surprise it", "loss");
    this.unseen = new Curve("How much posts it has never seen surprise it", "bits a byte");
    this.samples = el("ul", { class: "samples" });
    this.notes = el("ul", { class: "notes", hidden: true });
    this.place = el(
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
        this.loss.place,
        this.unseen.place,
      ),
    );
    this.hear([]);
  }

  event(event) {
    const row = this.row(event.stage);
    if (event.what === "start") {
      row.is("running");
      row.words.textContent = event.message ?? "";
      announce(STAGES[event.stage] ?? event.message ?? "");
    } else if (event.what === "progress") row.far(event);
    else if (event.what === "done" || event.what === "fresh") {
      row.is("done");
      row.words.textContent = event.what === "fresh" ? "done before" : (event.message ?? "");
    } else if (event.what === "metrics") this.measure(event);
    else if (event.what === "sample") this.hear([event.message, ...this.heard]);
    else if (event.what === "note" || event.what === "warning") this.note(event);
  }

  /** The row of a stage; one that only some personas have stands where it is done: posts are fetched first, a base before it learns. */
  row(name) {
    if (!this.rows.has(name)) {
      const row = new Row(name);
      row.place.querySelector("b").textContent = SOMETIMES[name] ?? name;
      this.rows.set(name, row);
      if (name === "fetch") this.list.prepend(row.place);
      if (name === "base") this.rows.get("train").place.before(row.place);
    }
    return this.rows.get(name);
  }

  measure({ done, numbers }) {
    if (numbers.loss !== undefined) this.loss.add(done, numbers.loss);
    if (numbers.validation_bits_per_byte !== undefined)
      this.unseen.add(done, numbers.validation_bits_per_byte);
  }

  hear(texts) {
    this.heard = texts.slice(0, MOST_SAMPLES);
    if (this.heard.length)
      fill(
        this.samples,
        this.heard.map((text) => el("li", { dir: "auto" }, text)),
      );
    else fill(this.samples, el("li", { class: "none" }, "Nothing yet: it clears its throat."));
  }

  note({ message, what }) {
    if (what === "note" && message.startsWith("It will take")) return; // the time left says it
    this.notes.hidden = false;
    this.notes.append(el("li", { dir: "auto" }, message));
  }

  /** What was under way when it ended, did not come to its end. */
  over(state) {
    for (const row of this.rows.values()) {
      if (row.state === "running" && (state === "failed" || state === "stopped")) row.is(state);
      else if (row.state === "running" && state === "done") row.is("done");
    }
  }
}
