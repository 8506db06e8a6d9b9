// The list of all personas in the home folder, with picture, size and state.

import { get } from "./api.js";
import { bdi, el, fill, title, errorBox } from "./dom.js";
import { avatar, displayName, pictureOf } from "./persona.js";
import { bytes, count, plural, STATES } from "./words.js";

const PAGE_SIZE = 24;
const DEBOUNCE_MS = 200; // after the last key, before the search starts
const SEARCHED_FROM = 12; // personas; fewer are seen at a glance
const SORTS = { newest: "Recent", name: "Name", largest: "Size" };

export const show = async (container, about, { signal, settings }) => {
  const list = new List(signal, settings);
  fill(container, title("Personas"), list.element);
  await list.load();
};

class List {
  constructor(signal, settings) {
    this.signal = signal;
    this.running = null;
    this.offset = Math.max(0, Number(settings.get("offset")) || 0);
    const sort = settings.get("sort");
    this.sort = el(
      "select",
      { id: "sort", onchange: () => this.restart() },
      Object.entries(SORTS).map(([value, words]) =>
        el("option", { value, selected: value === sort }, words),
      ),
    );
    this.search = el("input", {
      id: "search",
      type: "search",
      value: settings.get("search") ?? "",
      autocomplete: "off",
      spellcheck: "false",
    });
    let waiting = 0;
    this.search.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.restart(), DEBOUNCE_MS);
    });
    this.find = el(
      "div",
      { class: "field", hidden: true },
      el("label", { for: "search" }, "Find one by its name"),
      this.search,
    );
    this.order = el(
      "div",
      { class: "field order", hidden: true },
      el("label", { for: "sort" }, "Sort by"),
      this.sort,
    );
    this.status = el("p", { class: "aside", role: "status" });
    this.grid = el("ul", { class: "grid" });
    this.pager = el("nav", { class: "pager", "aria-label": "Parts of the list" });
    const form = el("form", { class: "filters", role: "search" }, this.find, this.order);
    form.addEventListener("submit", (event) => event.preventDefault());
    this.element = el("div", {}, form, this.status, this.grid, this.pager);
  }

  restart() {
    this.offset = 0;
    return this.load();
  }

  async load() {
    this.running?.abort();
    this.running = new AbortController();
    const own = AbortSignal.any([this.signal, this.running.signal]);
    const search = this.search.value.trim();
    const settings = { offset: this.offset, search, sort: this.sort.value };
    const query = new URLSearchParams({ ...settings, limit: PAGE_SIZE });
    try {
      const found = await get(`/api/personas?${query}`, own);
      history.replaceState(null, "", `#/all?${new URLSearchParams(settings)}`);
      this.show(found, search);
    } catch (error) {
      if (error.name !== "AbortError") fill(this.grid, el("li", {}, errorBox(error)));
    }
  }

  show(found, search) {
    const isLong = found.total >= SEARCHED_FROM;
    if (isLong || search) this.find.hidden = false;
    this.order.hidden = found.total < 2;
    showStatus(this.status, found, this.offset, search);
    const first = this.offset || search ? null : newCard();
    fill(this.grid, found.personas.map(card), first);
    fill(this.pager, pages(this.offset, found.total, (to) => this.go(to)));
  }

  go(offset) {
    this.offset = offset;
    scrollTo(0, 0);
    return this.load();
  }
}

const showStatus = (container, { personas, total }, offset, search) => {
  if (!total) container.textContent = search ? "None has such a name." : "None yet.";
  else
    container.textContent =
      personas.length < total
        ? `${count(offset + 1)} to ${count(offset + personas.length)} of ${count(total)}`
        : plural(total, "persona");
};

/** A persona in a list, as an item that links to its own screen. */
export const card = (persona) => {
  const screen = persona.speaks ? "say" : "look";
  const facts = [
    persona.state === "ready" ? null : (STATES[persona.state] ?? persona.state),
    persona.posts === null ? null : plural(persona.posts, "post"),
    persona.bytes === null ? null : bytes(persona.bytes),
  ].filter(Boolean);
  const title = displayName(persona);
  return el(
    "li",
    { class: "card" },
    el("div", { class: "picture" }, persona.picture ? picture(persona) : avatar(persona)),
    el(
      "h2",
      {},
      el("a", { href: `#/${screen}/${encodeURIComponent(persona.name)}` }, bdi(title)),
    ),
    title === persona.name ? null : el("p", { class: "aside" }, bdi(persona.name)),
    el("p", { class: "aside" }, facts.join(" · ")),
  );
};

const picture = (persona) =>
  el("img", {
    src: pictureOf(persona.name),
    width: "1200",
    height: "630",
    loading: "lazy",
    alt: "",
  });

const newCard = () =>
  el(
    "li",
    { class: "card new" },
    el("div", { class: "picture" }, el("span", { "aria-hidden": "true" }, "+")),
    el("h2", {}, el("a", { href: "#/make" }, "Make one")),
    el("p", { class: "aside" }, "From a file, pasted posts or an account"),
  );

const pages = (offset, total, go) => {
  if (total <= PAGE_SIZE) return [];
  const button = (words, to, isOn) =>
    el("button", { type: "button", disabled: !isOn, onclick: () => go(to) }, words);
  return [
    button("Back", Math.max(0, offset - PAGE_SIZE), offset > 0),
    button("Next", offset + PAGE_SIZE, offset + PAGE_SIZE < total),
  ];
};
