// Render a card's Markdown as elements: headings, paragraphs, lists, tables and code blocks; bold,
// emphasis, code and https links within lines. Anything else is shown as text, HTML included.

import { el, scrollTable } from "./dom.js";

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", "#95": "_", "#42": "*" };
// The tags that cards have; they are removed.
const TAGS = /<\/?(?:div|p|h1|strong|br|b|small|sup)(?: align="?\w+"?)?\s*\/?>/gu;

export const markdown = (text) => {
  const container = el("div", { class: "markdown" });
  let lines = text.split("\n");
  // Skip the front matter, which is for the hub.
  if (lines[0] === "---") lines = lines.slice(lines.indexOf("---", 1) + 1);
  while (lines.length) {
    const made = block(lines);
    if (made) container.append(made);
  }
  return container;
};

const BLOCKS = [
  [
    /^```/u,
    (lines) => {
      const isDiagram = lines.shift().includes("mermaid");
      const end = lines.findIndex((line) => line.startsWith("```"));
      const code = lines.splice(0, end < 0 ? lines.length : end).join("\n");
      lines.shift();
      return isDiagram ? null : el("pre", { tabindex: "0" }, el("code", {}, code));
    },
  ],
  [
    /^#{1,6} /u,
    (lines) => {
      const [, marks, words] = /^(#+) (.*)$/u.exec(lines.shift());
      // One level lower: the page has a main heading of its own.
      return el(`h${Math.min(6, marks.length + 1)}`, {}, inline(words));
    },
  ],
  [/^\|.*\|\s*$/u, (lines) => table(take(lines, /^\|/u))],
  [/^[-*] /u, (lines) => el("ul", {}, items(lines, /^[-*] (.*)$/u))],
  [/^\d+\. /u, (lines) => el("ol", {}, items(lines, /^\d+\. (.*)$/u))],
  [/^!\[.*\]\(.*\)$/u, (lines) => void lines.shift()], // the page shows the picture above the card
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
    row.map((cell, index) =>
      index ? el("td", {}, inline(cell)) : el("th", { scope: "row" }, inline(cell)),
    );
  return scrollTable(
    head.join(" ").trim() || "A table",
    head.map((cell) => el(cell ? "th" : "td", cell ? { scope: "col" } : {}, inline(cell))),
    body.map((row) => el("tr", {}, cells(row))),
  );
};

const INLINE = new RegExp(
  [
    /\\(?<escaped>[!-/:-@[-`{-~])/u,
    /\*\*(?<bold>(?:\\.|[^*\\])+)\*\*/u,
    /`(?<code>[^`]+)`/u,
    /\[(?<words>(?:\\.|[^\]\\])+)\]\((?<link>[^)\s]+)\)/u,
    /(?<!\w)\*(?<emphasis>(?:\\.|[^*\\])+)\*/u,
  ]
    .map((pattern) => pattern.source)
    .join("|"),
  "gu",
);

const inline = (text) => {
  const found = [];
  let position = 0;
  for (const match of text.matchAll(INLINE)) {
    found.push(plain(text.slice(position, match.index)));
    position = match.index + match[0].length;
    const { escaped, bold, code, words, link, emphasis } = match.groups;
    if (escaped) found.push(escaped);
    else if (bold) found.push(el("strong", {}, plain(bold)));
    else if (code) found.push(el("code", {}, plain(code)));
    else if (emphasis) found.push(el("em", {}, plain(emphasis)));
    else if (/^https:\/\//u.test(link))
      found.push(
        el("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, plain(words)),
      );
    else found.push(plain(words));
  }
  return [...found, plain(text.slice(position))];
};

/** Resolve escapes and entities, which cards use so that names are not read as markup. */
const plain = (text) =>
  text
    .replace(/\\([!-/:-@[-`{-~])/gu, "$1")
    .replace(/&(#?\w+);/gu, (whole, name) => ENTITIES[name] ?? number(name) ?? whole);

const number = (name) => {
  const found = /^#(\d{1,7})$/u.exec(name);
  return found && Number(found[1]) <= 0x10ffff ? String.fromCodePoint(Number(found[1])) : null;
};
