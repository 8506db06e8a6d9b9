// The form below an inspection: whose posts these are, what to begin with, and for how long.

import { get, post } from "./api.js";
import { actionHandler, el, errorBox, fill } from "./dom.js";
import { about, BASES, BUDGETS, bytes } from "./words.js";

const USUAL = "smollm2"; // recommended if the inspection names no base model
const ALWAYS_HERE = "builtin";
const FOREMOST = [ALWAYS_HERE, USUAL, "gemma3"]; // shown; the others are folded

export const startForm = (job, authors) => {
  const errors = el("div");
  const button = el("button", { class: "main large" }, "Make it");
  const whose = el("div");
  const learning = el("div", { "aria-busy": "true" });
  const isNameless = isAnonymous(authors);
  const form = el(
    "form",
    { class: "start" },
    whose,
    learning,
    isNameless ? nameField(authors) : null,
    el(
      "details",
      {},
      el("summary", {}, "More"),
      isNameless ? null : nameField(authors),
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
        "As codes, separated by commas. Empty: all.",
      ),
      field(
        "contact",
        "Where can the author ask you to remove it?",
        { placeholder: "an address" },
        "It is shown on its model card.",
      ),
    ),
    errors,
    el("p", {}, button),
  );
  form.addEventListener(
    "submit",
    actionHandler(button, errors, () => start(job, authors, new FormData(form))),
  );
  button.disabled = true; // until there is something to choose
  Promise.all([showWhose(whose, authors), showLearning(learning, form, authors)])
    .then(() => (button.disabled = false))
    .catch((error) => fill(errors, errorBox(error)));
  return form;
};

const choices = (words, rows, more = null) =>
  el("fieldset", {}, el("legend", {}, words), el("div", { class: "choices" }, rows), more);

const choice = (name, value, label, meaning, more = {}) =>
  el(
    "label",
    { class: "choice" },
    el("input", { type: "radio", name, value, ...more }),
    el("span", {}, el("b", {}, label), el("small", {}, meaning)),
  );

// Whose words

/** Show the choices that the server knows. None is chosen: what is true is not guessed. */
const showWhose = async (container, authors) => {
  const { whose } = await get("/api/about");
  const isOwnOnly = authors.some((author) => author.refusal);
  const rows = whose
    .filter(({ name }) => !isOwnOnly || name === "self")
    .map(({ name, label, meaning, may_be_public: isFree }) => {
      const then = isFree ? " The result may be published for everyone." : "";
      return choice("whose", name, label, `${meaning}${then}`, { required: true });
    });
  fill(container, choices("Whose words are these?", rows));
};

// What it begins with, and for how long

const showLearning = async (container, form, authors) => {
  const { bases } = await get("/api/bases");
  const recommended = authors.find((author) => author.estimate)?.estimate.base ?? USUAL;
  const learning = new Learning(bases, recommended);
  fill(container, learning.element);
  container.removeAttribute("aria-busy");
  form.addEventListener("change", () => learning.update(form));
  learning.update(form);
  learning
    .estimate(authors)
    .then(() => learning.update(form))
    .catch(() => {}); // the choices work without the times
};

/** The choice of a base model and of a time, each with what it takes here. */
class Learning {
  constructor(bases, recommended) {
    this.bases = new Map(bases.map((base) => [base.name, base]));
    this.times = new Map(); // by base model and budget
    this.baseHints = new Map();
    this.budgetHints = new Map();
    this.terms = el("div");
    const isForemost = ({ name }) => FOREMOST.includes(name) || name === recommended;
    const others = bases.filter((base) => !isForemost(base));
    const row = (base) => this.baseChoice(base, recommended);
    this.element = el(
      "div",
      {},
      choices(
        "What does it begin with?",
        bases.filter(isForemost).map(row),
        others.length
          ? el(
              "details",
              {},
              el("summary", {}, "Other base models"),
              el("div", { class: "choices" }, others.map(row)),
            )
          : null,
      ),
      this.terms,
      choices(
        "How long may it learn?",
        Object.keys(BUDGETS).map((value) => this.budgetChoice(value)),
      ),
    );
  }

  baseChoice(base, recommended) {
    const [label, good] = BASES[base.name] ?? [base.name, base.summary];
    const hint = el("span", { class: "takes" });
    this.baseHints.set(base.name, hint);
    const isRecommended = base.name === recommended;
    return choice(
      "base",
      base.name,
      [label, isRecommended ? el("span", { class: "bot" }, "recommended") : null],
      [good, " ", hint, licence(base)],
      { required: true, checked: isRecommended },
    );
  }

  budgetChoice(value) {
    const [label, meaning] = BUDGETS[value];
    const hint = el("span", { class: "takes" });
    this.budgetHints.set(value, hint);
    const more = { required: true, checked: value === "" };
    const name = [label, value === "" ? el("span", { class: "bot" }, "recommended") : null];
    return choice("budget", value, name, [meaning, " ", hint], more);
  }

  /** Ask how long it would take with each base model and budget. */
  async estimate(authors) {
    const sum = (key) => authors.reduce((total, author) => total + (author[key] ?? 0), 0);
    const query = new URLSearchParams({
      posts: Math.max(1, sum("used")),
      characters: Math.max(1, sum("characters")),
    });
    const { estimates } = await get(`/api/estimates?${query}`);
    for (const row of estimates) this.times.set(`${row.base} ${row.budget ?? ""}`, row);
  }

  /** Show sizes and times, and terms of use that are to be accepted. */
  update(form) {
    const data = new FormData(form);
    const chosen = data.get("base");
    const budget = data.get("budget") ?? "";
    for (const [name, hint] of this.baseHints) {
      const time = this.times.get(`${name} ${budget}`);
      const size = toFetch(this.bases.get(name));
      hint.textContent = `${[size, time && about(time.seconds)].filter(Boolean).join(", ")}.`;
    }
    for (const [value, hint] of this.budgetHints) {
      const time = this.times.get(`${chosen} ${value}`);
      hint.textContent = time ? `${about(time.seconds)} with everything.` : "";
    }
    const base = this.bases.get(chosen);
    const isOpen = base?.terms && !base.terms.accepted;
    if (isOpen && !this.terms.hasChildNodes()) fill(this.terms, acceptance(base));
    else if (!isOpen) fill(this.terms);
  }
}

const toFetch = (base) => {
  if (base.name === ALWAYS_HERE) return "built in";
  if (base.here) return "already here";
  return base.download_bytes ? `${bytes(base.download_bytes)} to fetch` : "to be fetched";
};

const licence = (base) => ` Licence: ${base.license}.`;

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

// Its name

/** Return whether no file names its author, such as tweets.csv. */
const isAnonymous = (authors) => authors.length > 0 && authors.every((author) => author.anonymous);

const nameField = (authors) =>
  isAnonymous(authors)
    ? field(
        "name",
        "What is it called?",
        { required: true },
        "Nothing here says whose posts these are. Give it a name, such as its author’s.",
      )
    : field(
        "name",
        "What is it called?",
        { placeholder: defaultName(authors) ?? "" },
        "If there is one of this name and author already, it is brought up to date.",
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
