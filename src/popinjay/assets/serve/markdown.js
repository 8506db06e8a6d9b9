// Render a card's Markdown as elements: headings, paragraphs, lists, tables, code blocks, pictures
// and folded parts; bold, emphasis, code and https links within lines. Anything else is shown as
// text, HTML included.

import { personaPath } from "./api.js";
import { el, scrollTable } from "./dom.js";

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", "#95": "_", "#42": "*" };
// The tags that cards have around text; they are removed, and so are avatars.
const TAGS = /<\/?(?:div|p|h1|strong|br|b|small|sup)(?: align="?\w+"?)?\s*\/?>|<img [^>]*>/gu;
const ON_THE_PAGE = ["card.png"]; // what the page shows above the card

/** Render the card of the persona `name`, in whose folder its pictures are. */
export const markdown = (text, name) => {
  let lines = text.split("\n");
  // Skip the front matter, which is for the hub.
  if (lines[0] === "---") lines = lines.slice(lines.indexOf("---", 1) + 1);
  return el("div", { class: "markdown" }, rendered(lines, name));
};

const rendered = (lines, name) => {
  const found = [];
  while (lines.length) found.push(block(lines, name));
  return found;
};

const BLOCKS = [
  [
    /^```/u,
    (lines) => {
      const isDiagram = lines.shift().includes("mermaid");
      const end = lines.findIndex((line) => line.startsWith("```"));
      const code = lines.splice(0, end < 0 ? lines.length : end).join("\n");
      lines.shift();
      return isDiagram ? steps(code) : el("pre", { tabindex: "0" }, el("code", {}, code));
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
  [/^!\[.*\]\(.*\)$/u, (lines, name) => picture(lines.shift(), name)],
  [/^<details>/u, (lines, name) => folded(lines, name)],
  [/^\s*$/u, (lines) => void lines.shift()],
];

const block = (lines, name) => {
  const found = BLOCKS.find(([pattern]) => pattern.test(lines[0]));
  if (found) return found[1](lines, name);
  const own = [lines.shift()];
  while (lines.length && !BLOCKS.some(([pattern]) => pattern.test(lines[0])))
    own.push(lines.shift());
  const words = own.join(" ").replace(TAGS, "").trim();
  return words ? el("p", { dir: "auto" }, inline(words)) : null;
};

/** A picture from the persona's folder; those of other sites are not loaded. */
const picture = (line, name) => {
  const [, words, file] = /^!\[(.*)\]\(([^)\s]*).*\)$/u.exec(line) ?? [];
  if (!file || /^\w+:/u.test(file) || ON_THE_PAGE.includes(file)) return null;
  const path = file.split("/").map(encodeURIComponent).join("/");
  return el("p", {}, el("img", { src: personaPath(name, `shown/${path}`), alt: plain(words) }));
};

/** The boxes of a diagram of the stages, as a list. */
const steps = (code) => {
  const boxes = [...code.matchAll(/\["<b>([^<]+)<\/b><br>([^"]*)"\]/gu)];
  return boxes.length
    ? el(
        "ol",
        { class: "steps-of-card" },
        boxes.map(([, stage, doing]) => el("li", {}, el("b", {}, stage), ` ${doing}`)),
      )
    : null;
};

const folded = (lines, name) => {
  const end = lines.findIndex((line) => line.startsWith("</details>"));
  const [first, ...rest] = lines.splice(0, end < 0 ? lines.length : end + 1);
  const inner = [first.replace("<details>", ""), ...rest.filter((line) => line !== "</details>")];
  const at = inner.findIndex((line) => line.includes("<summary>"));
  const [summary = ""] = at < 0 ? [] : inner.splice(at, 1);
  const words = summary.replace(/<\/?summary>/gu, "").replace(TAGS, "");
  return el("details", {}, el("summary", {}, inline(words || "More")), rendered(inner, name));
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
