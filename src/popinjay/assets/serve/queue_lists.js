// What became of drafts: approved ones with when they go out, posted, failed and rejected ones.

import { get, personaPath } from "./api.js";
import { el, fill } from "./dom.js";
import { plural } from "./words.js";

const MOST = 60; // of each list
const moments = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/** Each list: its heading, its states, whether it is open, and what can be done with a draft. */
const LISTS = [
  ["Approved", ["approved", "sending"], true, [["Take back", "undo"], ["Reject", "reject"]]],
  ["Failed", ["failed"], true, [["Try again", "approve"], ["Reject", "reject"]]],
  ["Posted", ["posted"], false, []],
  ["Rejected", ["rejected"], false, [["Take back", "undo"]]],
];

export class QueueLists {
  /** `act(id, action, since)` decides about a draft. */
  constructor(persona, signal, act) {
    this.persona = persona;
    this.signal = signal;
    this.act = act;
    this.element = el("div", { class: "queue-lists" });
    this.parts = LISTS.map(([heading, states, open, acts]) => {
      const part = { heading, states, acts };
      part.summary = el("summary", {});
      part.list = el("ol", { class: "rows" });
      part.element = el("details", { class: "part", open, hidden: true }, part.summary, part.list);
      return part;
    });
    fill(
      this.element,
      this.parts.map((part) => part.element),
    );
  }

  /** `counts` by state; `places` has when drafts go out, by id. */
  async load(counts, places) {
    await Promise.all(this.parts.map((part) => this.loadPart(part, counts, places)));
  }

  async loadPart(part, counts, places) {
    const number = part.states.reduce((sum, state) => sum + counts[state], 0);
    const hadFocus = part.element.contains(document.activeElement);
    part.element.hidden = !number;
    part.summary.textContent = `${part.heading} (${number})`;
    if (!number) return;
    const query = part.states.map((state) => `state=${state}`).join("&");
    const path = `${personaPath(this.persona.name, "queue")}?${query}&limit=${MOST}`;
    const { drafts, total } = await get(path, this.signal);
    const order = (draft) => places.get(draft.id)?.at ?? "9";
    if (part.states.includes("approved")) drafts.sort((a, b) => (order(a) < order(b) ? -1 : 1));
    fill(
      part.list,
      drafts.map((draft) => this.row(part, draft, places)),
      total > drafts.length ? el("li", {}, `… and ${plural(total - drafts.length, "other")}`) : null,
    );
    if (hadFocus && !part.element.contains(document.activeElement)) part.summary.focus();
  }

  row(part, draft, places) {
    const acts = draft.state === "sending" ? [] : part.acts;
    return el(
      "li",
      {},
      el("p", { class: "words", dir: "auto" }, draft.text),
      el("p", { class: "aside" }, facts(draft, places)),
      acts.length
        ? el(
            "div",
            { class: "acts" },
            acts.map(([label, action]) => this.button(label, action, draft)),
          )
        : null,
    );
  }

  button(label, action, draft) {
    const button = el(
      "button",
      { type: "button", "aria-label": `${label}: ${draft.text.slice(0, 60)}` },
      label,
    );
    button.addEventListener("click", () => this.act(draft.id, action, action === "undo" ? "" : draft.state));
    return button;
  }
}

const moment = (text) => (text ? moments.format(new Date(text)) : "");

/** What is known about a draft beside its text. */
const facts = (draft, places) => {
  const where = draft.account && ` to ${draft.account}`;
  if (draft.state === "sending") return `Being sent${where}.`;
  if (draft.state === "approved") {
    const place = places.get(draft.id);
    return place ? `Goes out ${place.words}${where}.` : `Waits for a slot${where}.`;
  }
  if (draft.state === "failed") return el("span", { class: "too-long", dir: "auto" }, draft.error);
  if (draft.state !== "posted") return `Rejected ${moment(draft.decided_at)}.`;
  const reactions =
    draft.likes === null ? "" : ` ${plural(draft.likes, "like")}, ${plural(draft.reposts, "repost")}.`;
  return [
    `Posted ${moment(draft.posted_at)}${where}.${reactions} `,
    draft.deleted_at ? "Deleted there since." : link(draft),
  ];
};

const link = (draft) =>
  /^https?:/u.test(draft.url)
    ? el(
        "a",
        { href: draft.url, target: "_blank", rel: "noopener noreferrer" },
        "Look at it there",
        el("span", { class: "unseen" }, `: ${draft.text.slice(0, 40)}`),
      )
    : null;
