// A line chart that grows during training, redrawn at the width of its container.

import { el } from "./dom.js";

const HEIGHT = 150;
const MARGIN = { left: 40, right: 8, top: 10, bottom: 22 };
const SMOOTH = 0.9; // of the exponential moving average, the thick line

const svg = (name, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};

export class Curve {
  constructor(words, unit) {
    this.words = words;
    this.unit = unit;
    this.points = [];
    this.picture = svg("svg", { class: "plot", role: "img", width: "100%", height: HEIGHT });
    const caption = el("figcaption", {}, `${words}, ${unit}`);
    this.element = el("figure", { class: "figure" }, caption, this.picture);
    new ResizeObserver(() => this.scheduleRender()).observe(this.element);
    this.scheduleRender();
  }

  /**
   * Add a point. A training that was stopped resumes from an earlier step: the points from there on
   * are replaced.
   */
  add(step, value) {
    while (this.points.length && this.points.at(-1).step >= step) this.points.pop();
    this.points.push({ step, value });
    this.scheduleRender();
  }

  scheduleRender() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.render();
    });
  }

  render() {
    const { points } = this;
    const width = Math.max(160, this.element.clientWidth);
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.picture.setAttribute("aria-label", this.description());
    const values = points.map((point) => point.value);
    const low = Math.min(...values);
    const high = Math.max(...values);
    const reach = high - low || 1;
    const first = points[0]?.step ?? 0;
    const last = Math.max(points.at(-1)?.step ?? 1, first + 1);
    const x = (step) =>
      MARGIN.left + ((step - first) / (last - first)) * (width - MARGIN.left - MARGIN.right);
    const y = (value) =>
      MARGIN.top + ((high - value) / reach) * (HEIGHT - MARGIN.top - MARGIN.bottom);
    const path = (list) =>
      list
        .map(
          ({ step, value }, index) =>
            `${index ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`,
        )
        .join("");
    const base = HEIGHT - MARGIN.bottom;
    const parts = [
      svg("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: base, y2: base }),
    ];
    if (points.length) {
      for (const value of new Set([high, low]))
        parts.push(
          svg(
            "text",
            { class: "tick", x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" },
            value.toFixed(2),
          ),
        );
      parts.push(
        svg(
          "text",
          { class: "tick", x: width - MARGIN.right, y: HEIGHT - 4, "text-anchor": "end" },
          `step ${last}`,
        ),
      );
      const isMany = points.length > 12;
      if (isMany) parts.push(svg("path", { class: "line thin", d: path(thin(points, width)) }));
      parts.push(
        svg("path", { class: "line", d: path(isMany ? thin(smooth(points), width) : points) }),
      );
      if (!isMany)
        parts.push(
          ...points.map(({ step, value }) =>
            svg("circle", { class: "dot", cx: x(step), cy: y(value), r: 3.5 }),
          ),
        );
    } else
      parts.push(svg("text", { class: "tick", x: MARGIN.left, y: HEIGHT / 2 }, "not begun yet"));
    this.picture.replaceChildren(...parts);
  }

  description() {
    if (!this.points.length) return `${this.words}: nothing yet`;
    const first = this.points[0];
    const last = this.points.at(-1);
    const range = `from ${first.value.toFixed(2)} to ${last.value.toFixed(2)} ${this.unit}`;
    return `${this.words}: ${range}, at step ${last.step}`;
  }
}

const smooth = (points) => {
  let now = points[0].value;
  return points.map(({ step, value }, index) => {
    // The first points are averaged less.
    const share = Math.min(SMOOTH, index / (index + 4));
    now = share * now + (1 - share) * value;
    return { step, value: now };
  });
};

/** Return at most one point per pixel. */
const thin = (points, width) => {
  const every = Math.ceil(points.length / width);
  return points.filter((_, index) => index % every === 0 || index === points.length - 1);
};
