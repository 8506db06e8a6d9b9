// The dials of the screen "Let it speak": sliders whose stops are labelled with what they do.

import { el } from "./dom.js";

const FIRST_TEMPERATURE = 0.3;
const LAST_TEMPERATURE = 1.8;
const TEMPERATURE_LABELS = [
  [0.6, "plays safe"],
  [0.9, "careful"],
  [1.15, "as it comes"],
  [1.5, "daring"],
  [Infinity, "wild"],
];
const UNCHANGED = "as it comes";

// The stops of each dial: a value, and what it does. The value that changes nothing is null.
const shares = (thing) => [
  [null, UNCHANGED],
  [0, `no ${thing}`],
  [0.25, "in a quarter of them"],
  [0.5, "in half of them"],
  [0.75, "in three of four"],
  [1, "in each of them"],
];
const DIALS = [
  {
    name: "strength",
    label: "How strong?",
    stops: [
      [0, "the base model"],
      [0.5, "half of its manner"],
      [null, UNCHANGED],
      [1.5, "half as much again"],
      [2, "twice as much"],
    ],
  },
  {
    name: "length",
    label: "How long?",
    stops: [
      [0.5, "ends twice as readily"],
      [0.75, "shorter"],
      [null, UNCHANGED],
      [1.5, "longer"],
      [2, "ends half as readily"],
    ],
  },
  { name: "emoji", label: "Emoji?", stops: shares("emoji") },
  { name: "hashtags", label: "Hashtags?", stops: shares("hashtag") },
];

/** A slider with stops that are said in words. */
class Stops {
  constructor({ name, label, stops }) {
    this.name = name;
    this.stops = stops;
    this.usual = stops.findIndex(([value]) => value === null);
    const id = `dial-${name}`;
    this.input = el("input", { id, type: "range", min: "0", max: String(stops.length - 1) });
    this.output = el("output", { for: id });
    this.element = el("div", {}, el("label", { for: id }, `${label} `), this.output, this.input);
    this.input.addEventListener("input", () => this.show());
    this.reset();
  }

  get value() {
    return this.stops[Number(this.input.value)][0];
  }

  reset() {
    this.input.value = String(this.usual);
    this.show();
  }

  show() {
    const [, words] = this.stops[Number(this.input.value)];
    this.output.textContent = words;
    this.input.setAttribute("aria-valuetext", words);
  }
}

class Temperature {
  constructor(usual) {
    this.usual = usual;
    this.input = el("input", {
      id: "warmth",
      type: "range",
      min: String(FIRST_TEMPERATURE),
      max: String(LAST_TEMPERATURE),
      step: "0.1",
    });
    this.output = el("output", { for: "warmth" });
    this.element = el(
      "div",
      {},
      el("label", { for: "warmth" }, "How daring? "),
      this.output,
      this.input,
    );
    this.input.addEventListener("input", () => this.show());
    this.reset();
  }

  get value() {
    return Number(this.input.value);
  }

  reset() {
    this.input.value = String(this.usual);
    this.show();
  }

  show() {
    const [, label] = TEMPERATURE_LABELS.find(([end]) => this.value < end);
    this.output.textContent = `${label} (${this.value.toFixed(1)})`;
    this.input.setAttribute("aria-valuetext", this.output.textContent);
  }
}

export class Dials {
  /** Create the dials of a persona; `moved` is called when the user has moved or reset them. */
  constructor(persona, moved) {
    this.temperature = new Temperature(persona.temperature);
    this.stops = DIALS.map((dial) => new Stops(dial));
    const all = [this.temperature, ...this.stops];
    this.back = el("button", { type: "button" }, "All as it comes");
    this.back.addEventListener("click", () => {
      for (const dial of all) dial.reset();
      moved();
    });
    this.element = el(
      "fieldset",
      { class: "sliders" },
      el("legend", {}, "Move one, and the same ten are written anew"),
      all.map((dial) => dial.element),
      this.back,
    );
    for (const { input } of all) input.addEventListener("change", moved);
  }

  /** The options of `say`: the temperature, and each dial that is turned. */
  get options() {
    const turned = this.stops.filter(({ value }) => value !== null);
    return {
      temperature: this.temperature.value,
      ...Object.fromEntries(turned.map(({ name, value }) => [name, value])),
    };
  }
}
