// A curve that grows while something is learnt, drawn at the width it has.

import { el } from "./dom.js";

const HEIGHT = 150;
const EDGE = { left: 40, right: 8, top: 10, bottom: 22 };
const SMOOTH = 0.9; // how much of what was before stays in the thick line

const draw = (name, given, text) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
};

export class Curve {
  constructor(words, unit) {
    this.words = words;
    this.unit = unit;
    this.points = [];
    this.picture = draw("svg", { class: "plot", role: "img", width: "100%", height: HEIGHT });
    this.place = el("figure", { class: "figure" }, el("figcaption", {}, words), this.picture);
    new ResizeObserver(() => this.ask()).observe(this.place);
    this.ask();
  }

  /** A point more. A training that was stopped goes on from a step before: what came behind that is drawn anew. */
  add(step, value) {
    while (this.points.length && this.points.at(-1).step >= step) this.points.pop();
    this.points.push({ step, value });
    this.ask();
  }

  ask() {
    this.asked ??= requestAnimationFrame(() => {
      this.asked = null;
      this.render();
    });
  }

  render() {
    const { points } = this;
    const width = Math.max(160, this.place.clientWidth);
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.picture.setAttribute("aria-label", this.inWords());
    const values = points.map((point) => point.value);
    const low = Math.min(...values);
    const high = Math.max(...values);
    const reach = high - low || 1;
    const first = points[0]?.step ?? 0;
    const last = Math.max(points.at(-1)?.step ?? 1, first + 1);
    const x = (step) =>
      EDGE.left + ((step - first) / (last - first)) * (width - EDGE.left - EDGE.right);
    const y = (value) => EDGE.top + ((high - value) / reach) * (HEIGHT - EDGE.top - EDGE.bottom);
    const path = (list) =>
      list
        .map(
          ({ step, value }, place) =>
            `${place ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`,
        )
        .join("");
    const base = HEIGHT - EDGE.bottom;
    const parts = [
      draw("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: base, y2: base }),
    ];
    if (points.length) {
      for (const value of new Set([high, low]))
        parts.push(
          draw(
            "text",
            { class: "tick", x: EDGE.left - 6, y: y(value) + 4, "text-anchor": "end" },
            value.toFixed(2),
          ),
        );
      parts.push(
        draw(
          "text",
          { class: "tick", x: width - EDGE.right, y: HEIGHT - 4, "text-anchor": "end" },
          `step ${last}`,
        ),
      );
      const isMany = points.length > 12;
      if (isMany) parts.push(draw("path", { class: "line thin", d: path(thinned(points, width)) }));
      parts.push(
        draw("path", { class: "line", d: path(isMany ? thinned(smooth(points), width) : points) }),
      );
      if (!isMany)
        parts.push(
          ...points.map(({ step, value }) =>
            draw("circle", { class: "dot", cx: x(step), cy: y(value), r: 3.5 }),
          ),
        );
    } else
      parts.push(draw("text", { class: "tick", x: EDGE.left, y: HEIGHT / 2 }, "not begun yet"));
    this.picture.replaceChildren(...parts);
  }

  inWords() {
    if (!this.points.length) return `${this.words}: nothing yet`;
    const [one, other] = [this.points[0], this.points.at(-1)];
    return `${this.words}: from ${one.value.toFixed(2)} to ${other.value.toFixed(2)} ${this.unit}, at step ${other.step}`;
  }
}

const smooth = (points) => {
  let now = points[0].value;
  return points.map(({ step, value }, place) => {
    const share = Math.min(SMOOTH, place / (place + 4)); // the first ones count as they are
    now = share * now + (1 - share) * value;
    return { step, value: now };
  });
};

/** No more points than there is room for. */
const thinned = (points, width) => {
  const every = Math.ceil(points.length / width);
  return points.filter((_, place) => place % every === 0 || place === points.length - 1);
};
