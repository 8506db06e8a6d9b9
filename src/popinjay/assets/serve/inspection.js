// The result of an inspection: what a file was taken for, what would be learnt from, what not.

import { bdi, el, fill, scrollTable } from "./dom.js";
import { startForm } from "./start_form.js";
import { count, date, plural } from "./words.js";
import { years } from "./years.js";

const SHOWN = 6; // posts of those kept, and of those left out

export const showInspection = (container, job) => {
  const { authors = [] } = job.result ?? {};
  const isRefused = authors.some((author) => author.amount === "too little");
  fill(
    container,
    authors.map((author) => verdict(author, authors.length > 1)),
    el("section", { class: "seen" }, table(authors), el("div", {}, authors.map(years))),
    el(
      "div",
      { class: "examples" },
      examples("Some of the posts it would learn from", collect(authors, "kept")),
      examples("Left out", collect(authors, "dropped")),
    ),
    remarks(authors),
    isRefused
      ? el("p", {}, el("a", { class: "button main", href: "#/make" }, "Try something else"))
      : startForm(job, authors),
  );
};

const nameOf = (author) => bdi(author.name || author.author);

/** What a file was taken for, and whether there is enough in it. */
const verdict = (author, isOneOfMany) =>
  el(
    "div",
    { class: `amount ${author.amount === "too little" ? "refused" : author.amount}` },
    el("p", { dir: "auto" }, el("b", {}, author.verdict)),
    author.hint ? el("p", { dir: "auto" }, author.hint) : null,
    author.refusal
      ? el("p", { dir: "auto" }, author.refusal, " So it can be made only if the posts are yours.")
      : null,
    el(
      "p",
      { class: "aside" },
      isOneOfMany ? [nameOf(author), ": "] : null,
      author.source ? ["Taken for: ", bdi(author.source), "."] : null,
    ),
  );

// The table

const table = (authors) => {
  const row = (words, cell, kind = "") =>
    el(
      "tr",
      { class: kind },
      el("th", { scope: "row" }, words),
      authors.map((author) => el("td", {}, cell(author))),
    );
  const less = (words, number) =>
    authors.some(number)
      ? row(words, (author) => (number(author) ? `− ${count(number(author))}` : "–"), "less")
      : null;
  const reasons = [...new Set(authors.flatMap((author) => Object.keys(author.further ?? {})))];
  return scrollTable(
    "What is in there",
    [
      el("td"),
      authors.map((author) =>
        el("th", { scope: "col" }, nameOf(author), el("small", {}, bdi(author.author))),
      ),
    ],
    [
      row("Posts in there", (author) => count(author.downloaded)),
      less("Reposts of others", (author) => author.reposts),
      less("Too short", (author) => author.short),
      reasons.map((reason) => less(capital(reason), (author) => author.further?.[reason] ?? 0)),
      row("Posts to learn from", (author) => count(author.used), "sum"),
      row("Written", dates),
      authors.some((author) => Object.keys(author.languages ?? {}).length)
        ? row("Languages", (author) => languages(author.languages))
        : null,
    ].filter(Boolean),
  );
};

const dates = (author) =>
  author.first ? `${date(author.first)} – ${date(author.last)}` : "no dates";

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

const languages = (shares = {}) =>
  Object.entries(shares)
    .sort((a, b) => b[1] - a[1])
    .slice(0, 4)
    .map(([code, share]) => `${languageName(code)} ${Math.round(100 * share)}%`)
    .join(", ");

const languageName = (code) => {
  try {
    return new Intl.DisplayNames("en", { type: "language" }).of(code);
  } catch {
    return code;
  }
};

// Examples

/** Return posts of all authors in turn. */
const collect = (authors, kind) => {
  const lists = authors.map((author) => author.examples?.[kind] ?? []);
  const turns = Math.max(0, ...lists.map((list) => list.length));
  return Array.from({ length: turns }, (_, turn) => lists.map((list) => list[turn]))
    .flat()
    .filter(Boolean)
    .slice(0, SHOWN);
};

const examples = (words, posts) =>
  posts.length
    ? el(
        "section",
        {},
        el("h2", {}, words),
        el(
          "ul",
          {},
          posts.map(({ text, created_at: at, reason }) =>
            el(
              "li",
              {},
              el("p", { dir: "auto" }, text),
              el("small", {}, [reason && capital(reason), date(at)].filter(Boolean).join(" · ")),
            ),
          ),
        ),
      )
    : null;

// Remarks

const remarks = (authors) => {
  const lines = authors.flatMap((author) => {
    const counted = [
      ["Left out of the file", author.left_out],
      ["Private, never opened", author.unread],
      ["Hidden from the model", author.masked],
    ];
    const found = counted
      .filter(([, facts]) => facts && Object.keys(facts).length)
      .map(
        ([words, facts]) =>
          `${words}: ${Object.entries(facts)
            .map(([what, number]) => `${count(number)} × ${what}`)
            .join(", ")}.`,
      );
    return [...found, ...(author.notes ?? [])].map((text) =>
      el(
        "li",
        { dir: "auto" },
        authors.length > 1 ? [bdi(author.name || author.author), ": "] : null,
        text,
      ),
    );
  });
  if (!lines.length) return null;
  return el(
    "details",
    { class: "part" },
    el("summary", {}, plural(lines.length, "remark")),
    el("ul", { class: "notes" }, lines),
  );
};
