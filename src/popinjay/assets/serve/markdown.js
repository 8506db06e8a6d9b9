// A card's markdown as elements: headings, paragraphs, lists, tables, code, and in lines bold, emphasis, code and links to the web. Whatever
// else it holds is shown as it is typed; no HTML in it is ever read as such.

import { el } from "./dom.js";

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", "#95": "_", "#42": "*" };
const TAGS = /<\/?(?:div|p|h1|strong|br|b|small|sup)(?: align="?\w+"?)?\s*\/?>/gu; // those that our own cards have

export const markdown = (text) => {
  const place = el("div", { class: "markdown" });
  let lines = text.split("\n");
  if (lines[0] === "---") lines = lines.slice(lines.indexOf("---", 1) + 1); // what only the hub reads
  while (lines.length) {
    const made = block(lines);
    if (made) place.append(made);
  }
  return place;
};

const BLOCKS = [
  [
    /^```/u,
    (lines) => {
      const isPlan = lines.shift().includes("mermaid");
      const end = lines.findIndex((line) => line.startsWith("```"));
      const code = lines.splice(0, end < 0 ? lines.length : end).join("\n");
      lines.shift();
      return isPlan ? null : el("pre", { tabindex: "0" }, el("code", {}, code));
    },
  ],
  [
    /^#{1,6} /u,
    (lines) => {
      const [, marks, words] = /^(#+) (.*)$/u.exec(lines.shift());
      return el(`h${Math.min(6, marks.length + 1)}`, {}, inline(words)); // below the page's own heading
    },
  ],
  [/^\|.*\|\s*$/u, (lines) => table(take(lines, /^\|/u))],
  [/^[-*] /u, (lines) => el("ul", {}, items(lines, /^[-*] (.*)$/u))],
  [/^\d+\. /u, (lines) => el("ol", {}, items(lines, /^\d+\. (.*)$/u))],
  [/^!\[.*\]\(.*\)$/u, (lines) => void lines.shift()], // the picture is shown above
  [/^\s*$/u, (lines) => void lines.shift()],
];

const block = (lines) => {
  const found = BLOCKS.find(([pattern]) => pattern.test(lines[0]));
  if (found) return found[1](lines);
  const own = [lines.shift()];
  while (lines.length && !BLOCKS.some(([pattern]) => pattern.test(lines[0])))
    own.push(lines.shift());
  const words = own.join(" ").replace(TAGS, "").trim();
  return words ? el("p", { dir: "auto" }, inline(words)) : null;
};

const take = (lines, pattern) => {
  const end = lines.findIndex((line) => !pattern.test(line));
  return lines.splice(0, end < 0 ? lines.length : end);
};

const items = (lines, pattern) => {
  const found = [];
  while (lines.length && (pattern.test(lines[0]) || (/^\s+\S/u.test(lines[0]) && found.length))) {
    const line = lines.shift();
    const own = pattern.exec(line);
    if (own) found.push(own[1]);
    else found[found.length - 1] += ` ${line.trim()}`;
  }
  return found.map((words) => el("li", { dir: "auto" }, inline(words)));
};

const table = (lines) => {
  const rows = lines.map((line) =>
    line
      .trim()
      .slice(1, -1)
      .split(/(?<!\\)\|/u)
      .map((cell) => cell.trim()),
  );
  const [head, , ...body] = rows;
  const cells = (row) =>
    row.map((cell, place) =>
      place ? el("td", {}, inline(cell)) : el("th", { scope: "row" }, inline(cell)),
    );
  return el(
    "div",
    {
      class: "scroll",
      tabindex: "0",
      role: "region",
      "aria-label": head.join(" ").trim() || "A table",
    },
    el(
      "table",
      {},
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          head.map((cell) => el(cell ? "th" : "td", cell ? { scope: "col" } : {}, inline(cell))),
        ),
      ),
      el(
        "tbody",
        {},
        body.map((row) => el("tr", {}, cells(row))),
      ),
    ),
  );
};

const INLINE =
  /\*\*(?<bold>[^*]+)\*\*|`(?<code>[^`]+)`|\[(?<words>[^\]]+)\]\((?<link>[^)\s]+)\)|(?<!\w)\*(?<emphasis>[^*]+)\*/gu;

const inline = (text) => {
  const found = [];
  let place = 0;
  for (const match of text.matchAll(INLINE)) {
    found.push(plain(text.slice(place, match.index)));
    place = match.index + match[0].length;
    const { bold, code, words, link, emphasis } = match.groups;
    if (bold) found.push(el("strong", {}, plain(bold)));
    else if (code) found.push(el("code", {}, plain(code)));
    else if (emphasis) found.push(el("em", {}, plain(emphasis)));
    else if (/^https:\/\//u.test(link))
      found.push(
        el("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, plain(words)),
      );
    else found.push(plain(words));
  }
  return [...found, plain(text.slice(place))];
};

/** What cards write as entities, so that nothing in them is read as markup, as it is meant. */
const plain = (text) =>
  text
    .replace(/\\([\\`*_{}[\]()#+\-.!|<>~])/gu, "$1")
    .replace(/&(#?\w+);/gu, (whole, name) => ENTITIES[name] ?? number(name) ?? whole);

const number = (name) => {
  const found = /^#(\d{1,7})$/u.exec(name);
  return found && Number(found[1]) <= 0x10ffff ? String.fromCodePoint(Number(found[1])) : null;
};
