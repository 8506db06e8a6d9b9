// How many posts were written in each year, as a list with bars.

import { el } from "./dom.js";
import { count } from "./words.js";

const WIDTH = 200;
const MOST = 20; // years; of more the last are shown

const bar = (share) => {
  const svg = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const picture = svg("svg", {
    viewBox: `0 0 ${WIDTH} 10`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  picture.append(svg("rect", { width: Math.max(1, share * WIDTH), height: 10, rx: 2 }));
  return picture;
};

/** A figure for one author; null if the posts have no dates or are of one year only. */
export const years = (author) => {
  const found = author.years ?? {};
  const known = Object.keys(found).map(Number);
  if (known.length < 2) return null;
  const last = Math.max(...known);
  const first = Math.max(Math.min(...known), last - MOST + 1);
  const most = Math.max(...Object.values(found));
  const all = Array.from({ length: last - first + 1 }, (_, index) => String(first + index));
  return el(
    "figure",
    { class: "figure" },
    el("figcaption", {}, "Posts to learn from, by year"),
    el(
      "ol",
      { class: "years" },
      all.map((year) =>
        el(
          "li",
          {},
          el("span", {}, year),
          bar((found[year] ?? 0) / most),
          el("span", {}, count(found[year] ?? 0)),
        ),
      ),
    ),
  );
};
