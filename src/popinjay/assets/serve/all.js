// All of them: every persona in the home folder, with its picture, its size and its state.

import { get } from "./api.js";
import { bdi, el, fill, title, trouble } from "./dom.js";
import { called, pictureOf } from "./persona.js";
import { bytes, count, many, STATES } from "./words.js";

const PAGE = 24;
const TYPING = 200; // milliseconds in which somebody may type on

export const show = async (place, about, { signal, settings }) => {
  const search = el("input", {
    id: "search",
    type: "search",
    value: settings.get("search") ?? "",
    autocomplete: "off",
    spellcheck: "false",
  });
  const told = el("p", { class: "aside", role: "status" });
  const grid = el("ul", { class: "grid" });
  const pager = el("nav", { class: "pager", "aria-label": "Parts of the list" });
  fill(
    place,
    title("All of them"),
    el(
      "form",
      { class: "field", role: "search" },
      el("label", { for: "search" }, "Find one by its name"),
      search,
    ),
    told,
    grid,
    pager,
  );
  place.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  let offset = Math.max(0, Number(settings.get("offset")) || 0);
  let asked = null;
  const list = async () => {
    asked?.abort();
    asked = new AbortController();
    const own = asked;
    const query = new URLSearchParams({ offset, limit: PAGE, search: search.value.trim() });
    try {
      const found = await get(`/api/personas?${query}`, AbortSignal.any([signal, own.signal]));
      history.replaceState(
        null,
        "",
        `#/all?${new URLSearchParams({ offset, search: search.value.trim() })}`,
      );
      tell(told, found, offset, search.value.trim());
      fill(grid, found.personas.map(card));
      fill(
        pager,
        pages(offset, found.total, (to) => ((offset = to), list(), scrollTo(0, 0))),
      );
    } catch (error) {
      if (error.name !== "AbortError") fill(grid, el("li", {}, trouble(error)));
    }
  };
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => ((offset = 0), list()), TYPING);
  });
  await list();
};

const tell = (place, { personas, total }, offset, search) => {
  if (!total && search) place.textContent = "None is called so.";
  else if (!total) fill(place, "None yet. ", el("a", { href: "#/make" }, "Make one"), ".");
  else
    place.textContent =
      personas.length < total
        ? `${count(offset + 1)} to ${count(offset + personas.length)} of ${count(total)}`
        : many(total, "persona");
};

export const card = (persona) => {
  const screen = persona.speaks ? "say" : "look";
  const facts = [
    persona.posts === null ? null : many(persona.posts, "post"),
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
        : el("span", { class: "initial", "aria-hidden": "true" }, [...called(persona)][0] ?? "?"),
    ),
    el(
      "h2",
      {},
      el("a", { href: `#/${screen}/${encodeURIComponent(persona.name)}` }, bdi(called(persona))),
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
  if (total <= PAGE) return [];
  const button = (words, to, isOn) =>
    el("button", { type: "button", disabled: !isOn, onclick: () => go(to) }, words);
  return [
    button("Earlier ones", Math.max(0, offset - PAGE), offset > 0),
    button("Later ones", offset + PAGE, offset + PAGE < total),
  ];
};
