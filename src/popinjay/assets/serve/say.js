// Let it speak: ten posts from a beginning, as they come; and what to do with one.

import { events, get, of, post } from "./api.js";
import { announce, doing, el, fill, trouble } from "./dom.js";
import { called, header, load, people, pictureOf } from "./persona.js";
import { copy, labelled, Share } from "./share.js";
import { many } from "./words.js";

const POSTS = 10;
const LENGTHS = {
  280: "X: 280 characters",
  300: "Bluesky: 300",
  500: "Mastodon: 500",
  140: "short: 140",
};
const DARING = [
  [0.6, "plays safe"],
  [0.9, "careful"],
  [1.15, "as it comes"],
  [1.5, "daring"],
  [Infinity, "wild"],
];

export const show = async (place, name, { signal, settings }) => {
  const persona = await load(name, signal);
  if (signal.aborted) return;
  if (!persona.speaks) location.replace(`#/look/${encodeURIComponent(name)}`);
  else new Speaking(place, persona, signal, settings.get("prompt") ?? persona.prompt).begin();
};

class Speaking {
  constructor(place, persona, signal, prompt) {
    this.persona = persona;
    this.signal = signal;
    this.place = place;
    this.trouble = el("div");
    this.picture = new Picture(persona);
    this.share = new Share(persona, this.picture);
    this.controls(prompt);
    this.note = el("p", { class: "aside told" });
    this.held = el("p", { class: "aside" });
    this.list = el("ol", { class: "posts", "aria-label": "What it says" });
    this.kept = el("div");
    this.now = null;
    signal.addEventListener("abort", () => this.now?.abort());
  }

  controls(prompt) {
    this.prompt = el("input", {
      id: "prompt",
      name: "prompt",
      type: "text",
      value: prompt,
      autocomplete: "off",
      dir: "auto",
      maxlength: "400",
    });
    this.warmth = el("input", {
      id: "warmth",
      type: "range",
      min: "0.3",
      max: "1.8",
      step: "0.1",
      value: String(this.persona.temperature),
    });
    this.warmthWords = el("output", { for: "warmth" });
    this.length = el(
      "select",
      { id: "length" },
      Object.entries(LENGTHS)
        .sort((a, b) => (b[0] === "280") - (a[0] === "280"))
        .map(([value, words]) => el("option", { value }, words)),
    );
    this.button = el("button", { class: "main" }, "Write ten");
    this.form = el(
      "form",
      { class: "ask" },
      el("label", { for: "prompt" }, "It begins with"),
      el("div", { class: "line" }, this.prompt, this.button),
      el(
        "div",
        { class: "dials" },
        el(
          "div",
          {},
          el("label", { for: "warmth" }, "How daring? "),
          this.warmthWords,
          this.warmth,
        ),
        el("div", {}, el("label", { for: "length" }, "How long at most?"), this.length),
      ),
    );
    const tell = () => {
      const value = Number(this.warmth.value);
      this.warmthWords.textContent = `${DARING.find(([end]) => value < end)[1]} (${value.toFixed(1)})`;
      this.warmth.setAttribute("aria-valuetext", this.warmthWords.textContent);
    };
    this.warmth.addEventListener("input", tell);
    tell();
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.now) this.now.abort();
      else this.write();
    });
  }

  begin() {
    fill(
      this.place,
      el("div", { class: "head" }, header(this.persona, "say"), this.picture.place),
      this.form,
      this.trouble,
      this.note,
      this.list,
      this.held,
      this.kept,
      this.share.place,
    );
    fill(
      this.list,
      Array.from({ length: POSTS }, () => el("li", { class: "post empty", "aria-hidden": "true" })),
    );
    this.note.textContent = "Ten posts, none of which anybody ever wrote.";
    this.showKept();
  }

  async write() {
    const asked = {
      prompt: this.prompt.value,
      n: POSTS,
      temperature: Number(this.warmth.value),
      max_chars: Number(this.length.value),
    };
    this.now = new AbortController();
    this.button.textContent = "Stop";
    this.button.classList.remove("main");
    this.list.setAttribute("aria-busy", "true");
    fill(this.trouble);
    this.held.textContent = "";
    this.note.textContent = "It finds its voice…";
    this.posts = Array.from({ length: POSTS }, () => new Post(asked, this));
    fill(
      this.list,
      this.posts.map((one) => one.place),
    );
    try {
      await this.listen(asked);
    } catch (error) {
      if (error.name !== "AbortError") fill(this.trouble, trouble(error));
      this.note.textContent = error.name === "AbortError" ? "Stopped." : "";
    }
    this.now = null;
    for (const one of this.posts) one.over();
    this.button.textContent = "Ten more";
    this.button.classList.add("main");
    this.list.setAttribute("aria-busy", "false");
  }

  async listen(asked) {
    let isOver = false;
    for await (const { event, data } of events(of(this.persona.name, "say"), {
      body: asked,
      signal: this.now.signal,
    })) {
      if (event === "piece") this.note.textContent = "It writes…";
      if (event === "piece") this.posts[data.place]?.piece(data.text);
      else if (event === "again") this.posts[data.place]?.again();
      else if (event === "post") this.posts[data.place]?.whole(data.text);
      else if (event === "missing") this.posts[data.place]?.missing();
      else if (event === "error") throw Object.assign(new Error(data.message), { hint: data.hint });
      else if (event === "end") {
        isOver = true;
        this.ended(data);
      }
    }
    if (!isOver)
      throw Object.assign(new Error("The answer broke off."), {
        hint: "popinjay may have been stopped. Try again.",
      });
  }

  ended({ redrawn = {}, seed }) {
    for (const one of this.posts) one.seed = seed;
    const held = Object.entries(redrawn).filter(([, number]) => number);
    const words = held.map(([reason, number]) => `${number} ${reason}`).join(", ");
    const written = this.posts.filter((one) => one.text !== null).length;
    this.note.textContent = `${many(written, "post")}, none of which anybody ever wrote.`;
    this.held.textContent = words ? `Drafts that were held back on the way: ${words}.` : "";
    announce(`${many(written, "post")} written`);
  }

  async keep(one) {
    await post(of(this.persona.name, "kept"), {
      text: one.text,
      prompt: one.asked.prompt,
      temperature: one.asked.temperature,
      seed: one.seed ?? null,
    });
    announce("Kept");
    await this.showKept();
  }

  async showKept() {
    const { kept: rows } = await get(of(this.persona.name, "kept"), this.signal).catch(() => ({
      kept: [],
    })); // the page is of use without them
    if (!rows.length) return;
    const isOpen = this.kept.querySelector("details")?.open;
    fill(
      this.kept,
      el(
        "details",
        { class: "kept", open: isOpen },
        el("summary", {}, `${many(rows.length, "kept post")}`),
        el(
          "ul",
          {},
          rows.map((row) => el("li", { dir: "auto" }, row.text)),
        ),
      ),
    );
  }
}

/** The persona's picture, in a place that is as large before it is there. */
class Picture {
  constructor(persona) {
    this.persona = persona;
    this.shows = null; // the text it was last given here
    this.place = el("div", { class: "picture" });
    this.draw();
  }

  draw() {
    const { name, picture } = this.persona;
    fill(
      this.place,
      picture || this.shows
        ? el("img", {
            src: this.address(),
            width: "1200",
            height: "630",
            alt: `The picture of ${called(this.persona)}: ${this.shows ?? "one of the things it says"}`,
          })
        : el("p", { class: "aside" }, "No picture yet: choose a post for it."),
    );
    this.place
      .querySelector("img")
      ?.addEventListener("error", () =>
        fill(this.place, el("p", { class: "aside" }, "The picture can’t be shown.")),
      );
    return name;
  }

  address() {
    return pictureOf(this.persona.name, this.drawn);
  }

  async choose(one) {
    await post(of(this.persona.name, "picture"), { prompt: one.asked.prompt, text: one.text });
    this.shows = one.text;
    this.drawn = Date.now();
    this.draw();
    announce("It is on the picture");
  }
}

/** One post on its way. */
class Post {
  constructor(asked, speaking) {
    this.asked = asked;
    this.speaking = speaking;
    this.text = null; // until it is whole
    this.shown = "";
    this.words = el("p", { class: "text", dir: "auto" });
    this.acts = el("div", { class: "acts" });
    this.trouble = el("div");
    this.place = el("li", { class: "post coming" }, this.words, this.acts, this.trouble);
  }

  piece(text) {
    this.shown += text;
    this.write(this.shown);
  }

  again() {
    this.shown = "";
    this.write("");
  }

  /** The text, the beginning that all share less loud. */
  write(text) {
    const shared = this.asked.prompt.trim();
    if (shared && text.startsWith(shared))
      fill(this.words, el("span", { class: "shared" }, shared), text.slice(shared.length));
    else fill(this.words, text);
  }

  whole(text) {
    this.text = text;
    this.write(text);
    this.place.classList.remove("coming");
    const { speaking } = this;
    fill(
      this.acts,
      this.act("Keep", "Kept", () => speaking.keep(this)),
      this.act("Copy", "Copied", () => copy(labelled(text, people(speaking.persona)))),
      this.act("Share…", null, () => speaking.share.open(this)),
      this.act("Picture", "Pictured", () => speaking.picture.choose(this)),
    );
  }

  act(words, then, work) {
    const button = el("button", { type: "button" }, words);
    button.addEventListener(
      "click",
      doing(button, this.trouble, async () => {
        await work();
        if (then) button.textContent = then;
      }),
    );
    return button;
  }

  missing() {
    this.place.classList.replace("coming", "none");
    fill(
      this.words,
      "Held back: whatever it wrote here repeated its author, or was nobody’s business.",
    );
  }

  over() {
    if (this.text !== null || this.place.classList.contains("none")) return;
    this.place.classList.replace("coming", "none");
    if (!this.shown) fill(this.words, "Not written.");
  }
}
