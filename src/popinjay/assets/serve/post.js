// One post, shown as social networks show posts: avatar, name, a mark that it is a bot's, text and
// actions. It may still be growing.

import { actionHandler, bdi, el, fill } from "./dom.js";
import { avatar, displayName } from "./persona.js";

export class Post {
  /**
   * Create an empty post.
   *
   * `settings` are what it is sampled with, of which `prompt` is shown dimmed; `actions(post)`
   * returns what can be done once it is finished, as rows of a label, the label afterwards (or
   * null), and a function.
   */
  constructor(persona, settings, actions) {
    this.settings = settings;
    this.actions = actions;
    this.text = null; // until it is finished
    this.shown = "";
    this.words = el("p", { class: "text", dir: "auto" });
    this.write("");
    this.acts = el("div", { class: "acts" });
    this.errors = el("div");
    this.element = el(
      "li",
      { class: "post coming" },
      avatar(persona),
      el(
        "div",
        { class: "body" },
        el(
          "p",
          { class: "by" },
          el("b", {}, bdi(displayName(persona))),
          el("span", { class: "bot" }, "bot"),
        ),
        this.words,
        this.acts,
        this.errors,
      ),
    );
  }

  /** Return a post that is finished. */
  static finished(persona, text, settings, actions) {
    const post = new Post(persona, settings, actions);
    post.finish(text);
    return post;
  }

  /** Whether nothing more comes: it is finished, or there is none. */
  get isOver() {
    return !this.element.classList.contains("coming");
  }

  append(text) {
    this.shown += text;
    this.write(this.shown);
  }

  restart() {
    this.shown = "";
    this.write("");
  }

  /** Show the text, with the prompt dimmed. While it grows, its end has a cursor (::after). */
  write(text) {
    const prompt = this.settings.prompt.trim();
    const shared = text.startsWith(prompt) ? prompt : "";
    fill(
      this.words,
      shared ? el("span", { class: "shared" }, shared) : null,
      el("span", { class: "own" }, text.slice(shared.length)),
    );
  }

  finish(text) {
    this.text = text;
    this.write(text);
    this.element.classList.remove("coming");
    fill(
      this.acts,
      this.actions(this).map(([label, then, work]) => this.button(label, then, work)),
    );
  }

  button(label, then, work) {
    const button = el("button", { type: "button" }, label);
    button.addEventListener(
      "click",
      actionHandler(button, this.errors, async () => {
        await work();
        if (then) button.textContent = then;
      }),
    );
    return button;
  }

  /** Say that every draft of this post was rejected. */
  missing() {
    this.element.classList.replace("coming", "none");
    fill(this.words, "Held back: every draft repeated its author, or held personal data.");
  }

  /** Mark a post that was not finished when the writing ended. */
  end() {
    if (this.isOver) return;
    this.element.classList.replace("coming", "none");
    if (!this.shown) fill(this.words, "Not written.");
  }
}
