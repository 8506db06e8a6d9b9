// The result of an inspection as a table, and the form that starts a training.

import { get, post } from "./api.js";
import { bdi, actionHandler, el, fill, errorBox, scrollTable } from "./dom.js";
import { bytes, count, date, duration, plural, WHOSE } from "./words.js";

const BUDGETS = {
  "": "as long as it needs",
  "1m": "1 minute",
  "5m": "5 minutes",
  "20m": "20 minutes",
  "1h": "1 hour",
};

export const showInspection = (container, job) => {
  const { authors = [] } = job.result ?? {};
  const refused = authors.some((author) => author.amount === "too little");
  fill(
    container,
    el("section", { class: "seen" }, table(authors), remarks(authors)),
    refused
      ? el("p", {}, el("a", { class: "button main", href: "#/make" }, "Try something else"))
      : form(job, authors),
  );
};

// The table

const table = (authors) => {
  const row = (words, cell, kind = "") =>
    el(
      "tr",
      { class: kind },
      el("th", { scope: "row" }, words),
      authors.map((author) => el("td", {}, cell(author))),
    );
  const reasons = [...new Set(authors.flatMap((author) => Object.keys(author.further ?? {})))];
  const dates = (author) =>
    author.first ? `${date(author.first)} – ${date(author.last)}` : "no dates";
  return scrollTable(
    "What is in there",
    [
      el("td"),
      authors.map((author) =>
        el(
          "th",
          { scope: "col" },
          bdi(author.name || author.author),
          el("small", {}, bdi(author.author)),
        ),
      ),
    ],
    [
      row("Posts in there", (author) => count(author.downloaded)),
      row("Reposts of others", (author) => `− ${count(author.reposts)}`, "less"),
      row("Too short", (author) => `− ${count(author.short)}`, "less"),
      reasons.map((reason) =>
        row(capital(reason), (author) => `− ${count(author.further?.[reason] ?? 0)}`, "less"),
      ),
      row("Posts to learn from", (author) => count(author.used), "sum"),
      row("Written", dates),
      row("Languages", (author) => languages(author.languages)),
    ],
  );
};

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

const remarks = (authors) => {
  const lines = authors.flatMap((author) => {
    const counted = [
      ["Left out", author.left_out],
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
    return [...found, ...(author.notes ?? []), author.verdict, author.hint, author.refusal]
      .filter(Boolean)
      .map((text) =>
        el(
          "li",
          { dir: "auto" },
          authors.length > 1 ? [bdi(author.name || author.author), ": "] : null,
          text,
        ),
      );
  });
  return lines.length ? el("ul", { class: "notes" }, lines) : null;
};

// The form

const form = (job, authors) => {
  const errors = el("div");
  const button = el("button", { class: "main large" }, "Make it");
  const bases = el(
    "select",
    { id: "base", name: "base", "aria-describedby": "base-hint" },
    el("option", { value: "" }, "popinjay chooses"),
  );
  const hint = el(
    "p",
    { class: "aside", id: "base-hint" },
    "What it can do before it has read a single post. SmolLM2 for English and Gemma 3 for other " +
      "languages if they are here, else the small one inside popinjay.",
  );
  const terms = el("div");
  addBases(
    bases,
    hint,
    terms,
    authors.reduce((sum, author) => sum + (author.used ?? 0), 0),
  );
  const made = el(
    "form",
    { class: "start" },
    choices(
      "Whose words are these?",
      "whose",
      Object.entries(WHOSE).map(([value, [words, meaning]]) => [value, words, meaning]),
      { required: true },
    ),
    el(
      "div",
      { class: "pair" },
      el(
        "div",
        {},
        el("label", { for: "budget" }, "How long may it learn?"),
        el(
          "select",
          { id: "budget", name: "budget" },
          Object.entries(BUDGETS).map(([value, words]) => el("option", { value }, words)),
        ),
        el(
          "p",
          { class: "aside" },
          "Some minutes with the small base model. It ends earlier where less is enough.",
        ),
      ),
      el("div", {}, el("label", { for: "base" }, "What does it begin with?"), bases, hint, terms),
    ),
    isAnonymous(authors) ? nameField(authors) : null,
    el(
      "details",
      {},
      el("summary", {}, "More"),
      isAnonymous(authors) ? null : nameField(authors),
      el(
        "label",
        { class: "check" },
        el("input", { type: "checkbox", name: "drop_replies" }),
        " Without replies to other people",
      ),
      field(
        "lang",
        "Only posts in these languages",
        { placeholder: "en,fr" },
        "As codes, with commas between. Empty: all.",
      ),
      field(
        "contact",
        "Where can the author ask you to remove it?",
        { placeholder: "an address" },
        "It is said on its card.",
      ),
    ),
    errors,
    el("p", {}, button),
  );
  made.addEventListener(
    "submit",
    actionHandler(button, errors, () => start(job, authors, new FormData(made))),
  );
  return made;
};

/** Return whether no file names its author, such as tweets.csv. */
const isAnonymous = (authors) => authors.length > 0 && authors.every((author) => author.anonymous);

const nameField = (authors) =>
  isAnonymous(authors)
    ? field(
        "name",
        "What is it called?",
        { required: true },
        "Its file does not say whose posts these are. Give it a name, such as its author’s.",
      )
    : field(
        "name",
        "What is it called?",
        { placeholder: defaultName(authors) ?? "" },
        "Its folder’s name. One that is here already is brought up to date.",
      );

/**
 * Return the default name of a persona; undefined, so that the server chooses, if it could not name
 * a folder.
 */
const defaultName = (authors) => {
  if (isAnonymous(authors)) return undefined;
  const name = authors
    .map((author) => author.author)
    .sort()
    .join("-");
  return /^\w[\w.-]{0,100}$/u.test(name) ? name : undefined;
};

const field = (name, words, more, hint) =>
  el(
    "div",
    { class: "field" },
    el("label", { for: name }, words),
    el("input", {
      id: name,
      name,
      type: "text",
      autocomplete: "off",
      spellcheck: "false",
      "aria-describedby": `${name}-hint`,
      ...more,
    }),
    el("p", { class: "aside", id: `${name}-hint` }, hint),
  );

const choices = (words, name, rows, more) =>
  el(
    "fieldset",
    {},
    el("legend", {}, words),
    el(
      "div",
      { class: "choices" },
      rows.map(([value, label, meaning]) =>
        el(
          "label",
          { class: "choice" },
          el("input", { type: "radio", name, value, ...more }),
          el("span", {}, el("b", {}, label), el("small", {}, meaning)),
        ),
      ),
    ),
  );

const addBases = async (select, hint, terms, posts) => {
  try {
    const { bases } = await get("/api/bases");
    const known = new Map(bases.map((base) => [base.name, base]));
    const defaultHint = hint.textContent;
    select.append(
      ...bases.map((base) =>
        el(
          "option",
          { value: base.name },
          base.here ? base.name : `${base.name} (${toFetch(base)})`,
        ),
      ),
    );
    select.addEventListener("change", () => {
      const base = known.get(select.value);
      hint.textContent = base ? aboutBase(base, posts) : defaultHint;
      fill(terms, base?.terms && !base.terms.accepted ? acceptance(base) : null);
    });
  } catch (error) {
    hint.after(errorBox(error));
  }
};

const toFetch = (base) =>
  base.download_bytes ? `to be fetched, ${bytes(base.download_bytes)}` : "to be fetched";

const aboutBase = (base, posts) => {
  const spoken = base.languages
    .map((code) => (code === "mul" ? "many languages" : languageName(code)))
    .join(", ");
  const size = base.here
    ? `here, ${bytes(base.bytes)}`
    : `fetched first, ${bytes(base.download_bytes ?? 0)}`;
  const time = base.seconds_a_post
    ? ` About ${duration(base.seconds_a_post * posts)} for ${plural(posts, "post")}.`
    : "";
  const facts = `It knows ${spoken}. Licence: ${base.license}. It is ${size}.`;
  return `${capital(base.summary)}. ${facts}${time}`;
};

/** Terms of use, to be accepted before the base model is downloaded. */
const acceptance = (base) =>
  el(
    "div",
    { class: "terms" },
    el(
      "ul",
      { class: "notes" },
      base.terms.summary.map((line) => el("li", {}, line)),
    ),
    el(
      "p",
      {},
      el(
        "a",
        { href: base.terms.url, target: "_blank", rel: "noopener noreferrer" },
        `The whole ${base.terms.title}`,
      ),
    ),
    el(
      "label",
      { class: "check" },
      el("input", { type: "checkbox", name: "accept", value: base.terms.name, required: true }),
      ` I have read and accept the ${base.terms.title}`,
    ),
  );

const start = async (job, authors, data) => {
  const given = Object.fromEntries(
    [...data].map(([key, value]) => [key, value.trim()]).filter(([, value]) => value),
  );
  const { name = defaultName(authors), ...options } = given;
  if (options.drop_replies) options.drop_replies = true;
  const body = {
    doing: "make",
    upload: job.upload ?? null,
    specs: job.upload ? null : job.specs,
    options,
  };
  const made = await post("/api/jobs", name ? { ...body, name } : body);
  location.hash = `#/job/${made.id}`;
};
