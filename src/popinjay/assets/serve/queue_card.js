// A draft to decide about, as a large card: what is to be known about it, and editing it in place.

import { bdi, el, fill } from "./dom.js";
import { avatar, displayName } from "./persona.js";
import { letSwipe } from "./swipe.js";

const NETWORKS = { bsky: ["Bluesky", 300], mastodon: ["Mastodon", 500] };
const TYPED_AFTER = 120; // milliseconds that typing has to rest before the text is checked
const OUT = 180; // milliseconds in which a card leaves

export class DraftCard {
  /** `work` checks a text, saves an edited one, takes a swipe, and hears when editing begins. */
  constructor(persona, work) {
    this.work = work;
    this.draft = null;
    this.text = el("p", { class: "text", dir: "auto" });
    this.place = el("div", { class: "place" });
    this.lengths = el("p", { class: "aside lengths" });
    this.warnings = el("div", { class: "warnings", role: "status" });
    this.element = el(
      "article",
      { class: "draft", tabindex: "-1", "aria-label": "Draft" },
      el("span", { class: "verdict-of-swipe yes", "aria-hidden": "true" }, "Yes"),
      el("span", { class: "verdict-of-swipe no", "aria-hidden": "true" }, "No"),
      el(
        "p",
        { class: "by" },
        avatar(persona),
        el("b", {}, bdi(displayName(persona))),
        el("span", { class: "bot" }, "bot"),
      ),
      this.place,
      this.lengths,
      this.warnings,
    );
    letSwipe(this.element, (direction) => {
      if (!this.isEdited) this.work.swipe(direction > 0 ? "approve" : "reject");
    });
  }

  /** Show a draft, or nothing. */
  show(draft) {
    const isSame = draft && draft.id === this.draft?.id && draft.text === this.draft.text;
    if (isSame && this.isEdited) return; // what is being typed stays
    this.draft = draft;
    this.element.hidden = !draft;
    if (!draft) return;
    this.isEdited = false;
    this.text.textContent = draft.text;
    fill(this.place, this.text);
    if (isSame) return;
    this.element.setAttribute("aria-label", `Draft ${draft.id}`);
    fill(this.lengths, "\u00a0");
    this.warn(draft.error ? [draft.error] : []);
    this.check(draft.text);
  }

  /** Show how long a text is on each network, and what is to be known about it. */
  async check(text) {
    const found = await this.work.check(text).catch(() => null); // it can be decided without
    if (!found || text !== this.current) return;
    fill(
      this.lengths,
      Object.entries(NETWORKS).map(([key, [name, most]]) => [
        el(
          "span",
          { class: found.too_long_for.includes(key) ? "too-long" : null },
          `${name} ${found.lengths[key]} of ${most}`,
        ),
        " ",
      ]),
    );
    const told = this.draft?.error && !this.isEdited ? [this.draft.error] : [];
    this.warn([...told, ...found.warnings]);
  }

  warn(sentences) {
    fill(
      this.warnings,
      sentences.map((words) => el("p", { dir: "auto" }, words)),
    );
  }

  /** The text that is shown or typed. */
  get current() {
    return this.isEdited ? this.area.value : this.draft?.text;
  }

  /** Edit the text in place. */
  edit() {
    if (!this.draft || this.isEdited) return;
    const { height } = this.text.getBoundingClientRect();
    this.isEdited = true;
    this.area = el("textarea", {
      class: "text",
      dir: "auto",
      "aria-label": "The text of this post",
      value: this.draft.text,
      maxlength: "10000",
    });
    this.area.style.minHeight = `${Math.round(height) + 50}px`;
    this.area.addEventListener("input", () => {
      clearTimeout(this.resting);
      this.resting = setTimeout(() => this.check(this.area.value), TYPED_AFTER);
    });
    this.area.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.cancel();
      else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.save();
      else return;
      event.preventDefault();
    });
    fill(
      this.place,
      this.area,
      el(
        "div",
        { class: "acts" },
        el("button", { type: "button", class: "main", onclick: () => this.save() }, "Approve this"),
        el("button", { type: "button", onclick: () => this.cancel() }, "Leave as it was"),
      ),
    );
    this.area.focus();
    this.work.changed();
  }

  save() {
    this.work.save(this.area.value);
  }

  cancel() {
    this.isEdited = false;
    fill(this.place, this.text);
    this.check(this.draft.text);
    this.work.changed();
    this.element.focus({ preventScroll: true });
  }

  /**
   * Let the card leave to the side of the decision, unless its user wants no motion. What leaves is
   * a copy: the next draft is there at once, for those who decide fast.
   */
  leave(action) {
    const way = { approve: 1, edit: 1, reject: -1 }[action] ?? 0;
    const from = this.element.style.transform || "none";
    this.isEdited = false;
    this.element.classList.add("swiped"); // without a transition: the next one is in its place
    this.element.style.transform = "";
    this.element.getBoundingClientRect();
    this.element.classList.remove("swiped");
    if (!way || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const copy = this.element.cloneNode(true);
    copy.classList.replace("draft", "leaving");
    copy.inert = true;
    copy.setAttribute("aria-hidden", "true");
    for (const side of ["Left", "Top", "Width", "Height"])
      copy.style[side.toLowerCase()] = `${this.element[`offset${side}`]}px`;
    this.element.after(copy);
    const frames = {
      transform: [from, `translateX(${way * 60}%) rotate(${way * 4}deg)`],
      opacity: [1, 0],
    };
    copy.animate(frames, { duration: OUT, easing: "ease-in" });
    setTimeout(() => copy.remove(), OUT);
  }
}
