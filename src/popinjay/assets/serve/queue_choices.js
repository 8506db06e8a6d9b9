// The buttons by which a draft is decided about, and their keys, which are those of the terminal.

import { el, remember, remembered } from "./dom.js";

/** What can be decided: the label, its keys, and what is said afterwards. */
export const DECISIONS = {
  reject: ["No", ["n", "ArrowLeft"], "Rejected."],
  edit: ["Edit", ["e"], "Approved as edited."],
  later: ["Later", ["l"], "Put off."],
  approve: ["Yes", ["y", "ArrowRight"], "Approved."],
};
const UNDO = "u";

export class Choices {
  /** `choose` is told the decision, or `undo`. */
  constructor(choose, signal) {
    this.choose = choose;
    this.isOpen = false; // whether there is something to decide
    this.buttons = Object.entries(DECISIONS).map(([action, [label, keys]]) =>
      this.button(action, label, keys),
    );
    this.undo = this.button("undo", "Undo", [UNDO]);
    this.keys = el("input", {
      type: "checkbox",
      id: "keys",
      checked: remembered("queue-keys") !== "off",
      onchange: () => remember("queue-keys", this.keys.checked ? "on" : "off"),
    });
    this.row = el(
      "div",
      { class: "choices-of-draft", role: "group", "aria-label": "Decide" },
      this.buttons,
    );
    this.element = el(
      "div",
      {},
      this.row,
      el(
        "div",
        { class: "below-card" },
        this.undo,
        el("label", { for: "keys", class: "keys" }, this.keys, "Keys decide"),
      ),
    );
    document.addEventListener("keydown", (event) => this.press(event), { signal });
  }

  button(action, label, keys) {
    const shortcuts = keys.map((key) => (key.length === 1 ? key.toUpperCase() : key)).join(" ");
    return el(
      "button",
      {
        type: "button",
        class: `decide ${action}`,
        "aria-keyshortcuts": shortcuts,
        onclick: () => this.choose(action),
      },
      label,
      el("kbd", { "aria-hidden": "true" }, keys[0]),
    );
  }

  /** Say what can be done now. */
  update({ hasDraft, isEdited, canUndo }) {
    this.isOpen = hasDraft && !isEdited;
    this.row.hidden = !hasDraft;
    this.element.hidden = !hasDraft && !canUndo;
    for (const button of this.buttons) button.disabled = isEdited;
    this.undo.disabled = isEdited || !canUndo;
  }

  press(event) {
    const isTyping = event.target.closest?.("input:not([type=checkbox]), textarea, select, dialog");
    const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
    if (isTyping || hasModifier || event.repeat || !this.keys.checked) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = Object.keys(DECISIONS).find((one) => DECISIONS[one][1].includes(key));
    if (key === UNDO && !this.undo.disabled) this.choose("undo");
    else if (action && this.isOpen) this.choose(action);
    else return;
    event.preventDefault();
  }
}
