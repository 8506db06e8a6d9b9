// The list of all personas in the home folder, with picture, size and state.

import { get } from "./api.js";
import { bdi, el, fill, title, errorBox } from "./dom.js";
import { displayName, pictureOf } from "./persona.js";
import { bytes, count, plural, STATES } from "./words.js";

const PAGE_SIZE = 24;
const DEBOUNCE_MS = 200; // after the last key, before the search starts

export const show = async (container, about, { signal, settings }) => {
  const search = el("input", {
    id: "search",
    type: "search",
    value: settings.get("search") ?? "",
    autocomplete: "off",
    spellcheck: "false",
  });
  const status = el("p", { class: "aside", role: "status" });
  const grid = el("ul", { class: "grid" });
  const pager = el("nav", { class: "pager", "aria-label": "Parts of the list" });
  fill(
    container,
    title("All of them"),
    el(
      "form",
      { class: "field", role: "search" },
      el("label", { for: "search" }, "Find one by its name"),
      search,
    ),
    status,
    grid,
    pager,
  );
  container.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  let offset = Math.max(0, Number(settings.get("offset")) || 0);
  let running = null;
  const list = async () => {
    running?.abort();
    running = new AbortController();
    const own = running;
    const query = new URLSearchParams({ offset, limit: PAGE_SIZE, search: search.value.trim() });
    try {
      const found = await get(`/api/personas?${query}`, AbortSignal.any([signal, own.signal]));
      history.replaceState(
        null,
        "",
        `#/all?${new URLSearchParams({ offset, search: search.value.trim() })}`,
      );
      showStatus(status, found, offset, search.value.trim());
      fill(grid, found.personas.map(card));
      fill(
        pager,
        pages(offset, found.total, (to) => ((offset = to), list(), scrollTo(0, 0))),
      );
    } catch (error) {
      if (error.name !== "AbortError") fill(grid, el("li", {}, errorBox(error)));
    }
  };
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => ((offset = 0), list()), DEBOUNCE_MS);
  });
  await list();
};

const showStatus = (container, { personas, total }, offset, search) => {
  if (!total && search) container.textContent = "None is called so.";
  else if (!total) fill(container, "None yet. ", el("a", { href: "#/make" }, "Make one"), ".");
  else
    container.textContent =
      personas.length < total
        ? `${count(offset + 1)} to ${count(offset + personas.length)} of ${count(total)}`
        : plural(total, "persona");
};

export const card = (persona) => {
  const screen = persona.speaks ? "say" : "look";
  const facts = [
    persona.posts === null ? null : plural(persona.posts, "post"),
    persona.bytes === null ? null : bytes(persona.bytes),
  ]
    .filter(Boolean)
    .join(" · ");
  return el(
    "li",
    { class: "card" },
    el(
      "div",
      { class: "picture" },
      persona.picture
        ? el("img", {
            src: pictureOf(persona.name),
            width: "1200",
            height: "630",
            loading: "lazy",
            alt: "",
          })
        : el(
            "span",
            { class: "initial", "aria-hidden": "true" },
            [...displayName(persona)][0] ?? "?",
          ),
    ),
    el(
      "h2",
      {},
      el(
        "a",
        { href: `#/${screen}/${encodeURIComponent(persona.name)}` },
        bdi(displayName(persona)),
      ),
    ),
    el("p", { class: "aside" }, bdi(persona.name)),
    el(
      "p",
      { class: "aside" },
      el("span", { class: `state ${persona.state}` }, STATES[persona.state] ?? persona.state),
      facts ? ` · ${facts}` : null,
    ),
  );
};

const pages = (offset, total, go) => {
  if (total <= PAGE_SIZE) return [];
  const button = (words, to, isOn) =>
    el("button", { type: "button", disabled: !isOn, onclick: () => go(to) }, words);
  return [
    button("Earlier ones", Math.max(0, offset - PAGE_SIZE), offset > 0),
    button("Later ones", offset + PAGE_SIZE, offset + PAGE_SIZE < total),
  ];
};
