// The screen "Let it speak": ten posts for a prompt as they are written, and actions on each.

import { events, get, personaPath, post } from "./api.js";
import { announce, actionHandler, el, fill, errorBox } from "./dom.js";
import { displayName, header, load, authorNames, pictureOf } from "./persona.js";
import { copy, labelled, Share } from "./share.js";
import { plural } from "./words.js";

const POSTS = 10;
const LENGTHS = {
  280: "X: 280 characters",
  300: "Bluesky: 300",
  500: "Mastodon: 500",
  140: "short: 140",
};
const TEMPERATURE_LABELS = [
  [0.6, "plays safe"],
  [0.9, "careful"],
  [1.15, "as it comes"],
  [1.5, "daring"],
  [Infinity, "wild"],
];

export const show = async (container, name, { signal, settings }) => {
  const persona = await load(name, signal);
  if (signal.aborted) return;
  if (!persona.speaks) location.replace(`#/look/${encodeURIComponent(name)}`);
  else new SayView(container, persona, signal, settings.get("prompt") ?? persona.prompt).start();
};

class SayView {
  constructor(container, persona, signal, prompt) {
    this.persona = persona;
    this.signal = signal;
    this.element = container;
    this.errors = el("div");
    this.picture = new Picture(persona);
    this.share = new Share(persona, this.picture);
    this.controls(prompt);
    this.note = el("p", { class: "aside told" });
    this.rejected = el("p", { class: "aside" });
    this.list = el("ol", { class: "posts", "aria-label": "What it says" });
    this.kept = el("div");
    this.running = null;
    signal.addEventListener("abort", () => this.running?.abort());
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
    this.temperature = el("input", {
      id: "warmth",
      type: "range",
      min: "0.3",
      max: "1.8",
      step: "0.1",
      value: String(this.persona.temperature),
    });
    this.temperatureLabel = el("output", { for: "warmth" });
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
          this.temperatureLabel,
          this.temperature,
        ),
        el("div", {}, el("label", { for: "length" }, "How long at most?"), this.length),
      ),
    );
    const showTemperature = () => {
      const value = Number(this.temperature.value);
      const [, label] = TEMPERATURE_LABELS.find(([end]) => value < end);
      this.temperatureLabel.textContent = `${label} (${value.toFixed(1)})`;
      this.temperature.setAttribute("aria-valuetext", this.temperatureLabel.textContent);
    };
    this.temperature.addEventListener("input", showTemperature);
    showTemperature();
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.running) this.running.abort();
      else this.write();
    });
  }

  start() {
    fill(
      this.element,
      el("div", { class: "head" }, header(this.persona, "say"), this.picture.element),
      this.form,
      this.errors,
      this.note,
      this.list,
      this.rejected,
      this.kept,
      this.share.element,
    );
    fill(
      this.list,
      Array.from({ length: POSTS }, () => el("li", { class: "post empty", "aria-hidden": "true" })),
    );
    this.note.textContent = "Ten posts, none of which anybody ever wrote.";
    this.showKept();
  }

  async write() {
    const query = {
      prompt: this.prompt.value,
      n: POSTS,
      temperature: Number(this.temperature.value),
      max_chars: Number(this.length.value),
    };
    this.running = new AbortController();
    this.button.textContent = "Stop";
    this.button.classList.remove("main");
    this.list.setAttribute("aria-busy", "true");
    fill(this.errors);
    this.rejected.textContent = "";
    this.note.textContent = "It finds its voice…";
    this.posts = Array.from({ length: POSTS }, () => new Post(query, this));
    fill(
      this.list,
      this.posts.map((one) => one.element),
    );
    try {
      await this.receive(query);
    } catch (error) {
      if (error.name !== "AbortError") fill(this.errors, errorBox(error));
      this.note.textContent = error.name === "AbortError" ? "Stopped." : "";
    }
    this.running = null;
    for (const one of this.posts) one.end();
    this.button.textContent = "Ten more";
    this.button.classList.add("main");
    this.list.setAttribute("aria-busy", "false");
  }

  async receive(query) {
    let isOver = false;
    for await (const { event, data } of events(personaPath(this.persona.name, "say"), {
      body: query,
      signal: this.running.signal,
    })) {
      if (event === "piece") this.note.textContent = "It writes…";
      if (event === "piece") this.posts[data.place]?.append(data.text);
      else if (event === "again") this.posts[data.place]?.restart();
      else if (event === "post") this.posts[data.place]?.finish(data.text);
      else if (event === "missing") this.posts[data.place]?.missing();
      else if (event === "error") throw Object.assign(new Error(data.message), { hint: data.hint });
      else if (event === "end") {
        isOver = true;
        this.showSummary(data);
      }
    }
    if (!isOver)
      throw Object.assign(new Error("The answer broke off."), {
        hint: "popinjay may have been stopped. Try again.",
      });
  }

  showSummary({ redrawn = {}, seed }) {
    for (const one of this.posts) one.seed = seed;
    const rejected = Object.entries(redrawn).filter(([, number]) => number);
    const words = rejected.map(([reason, number]) => `${number} ${reason}`).join(", ");
    const written = this.posts.filter((one) => one.text !== null).length;
    this.note.textContent = `${plural(written, "post")}, none of which anybody ever wrote.`;
    this.rejected.textContent = words ? `Drafts that were held back on the way: ${words}.` : "";
    announce(`${plural(written, "post")} written`);
  }

  async keep(one) {
    await post(personaPath(this.persona.name, "kept"), {
      text: one.text,
      prompt: one.query.prompt,
      temperature: one.query.temperature,
      seed: one.seed ?? null,
    });
    announce("Kept");
    await this.showKept();
  }

  async showKept() {
    const { kept: rows } = await get(personaPath(this.persona.name, "kept"), this.signal).catch(
      () => ({
        kept: [],
      }),
    ); // the page works without them
    if (!rows.length) return;
    const isOpen = this.kept.querySelector("details")?.open;
    fill(
      this.kept,
      el(
        "details",
        { class: "kept", open: isOpen },
        el("summary", {}, `${plural(rows.length, "kept post")}`),
        el(
          "ul",
          {},
          rows.map((row) => el("li", { dir: "auto" }, row.text)),
        ),
      ),
    );
  }
}

/** The persona's picture, in a box that has its size before it is loaded. */
class Picture {
  constructor(persona) {
    this.persona = persona;
    this.shows = null; // the text that it was last drawn with on this page
    this.element = el("div", { class: "picture" });
    this.draw();
  }

  draw() {
    const { name, picture } = this.persona;
    const text = this.shows ?? "one of the things it says";
    fill(
      this.element,
      picture || this.shows
        ? el("img", {
            src: this.address(),
            width: "1200",
            height: "630",
            alt: `The picture of ${displayName(this.persona)}: ${text}`,
          })
        : el("p", { class: "aside" }, "No picture yet: choose a post for it."),
    );
    this.element
      .querySelector("img")
      ?.addEventListener("error", () =>
        fill(this.element, el("p", { class: "aside" }, "The picture can’t be shown.")),
      );
    return name;
  }

  address() {
    return pictureOf(this.persona.name, this.drawn);
  }

  async choose(one) {
    await post(personaPath(this.persona.name, "picture"), {
      prompt: one.query.prompt,
      text: one.text,
    });
    this.shows = one.text;
    this.drawn = Date.now();
    this.draw();
    announce("It is on the picture");
  }
}

/** One post, as far as it is written. */
class Post {
  constructor(query, view) {
    this.query = query;
    this.view = view;
    this.text = null; // until it is finished
    this.shown = "";
    this.words = el("p", { class: "text", dir: "auto" });
    this.acts = el("div", { class: "acts" });
    this.errors = el("div");
    this.element = el("li", { class: "post coming" }, this.words, this.acts, this.errors);
  }

  append(text) {
    this.shown += text;
    this.write(this.shown);
  }

  restart() {
    this.shown = "";
    this.write("");
  }

  /** Show the text, with the prompt dimmed. */
  write(text) {
    const shared = this.query.prompt.trim();
    if (shared && text.startsWith(shared))
      fill(this.words, el("span", { class: "shared" }, shared), text.slice(shared.length));
    else fill(this.words, text);
  }

  finish(text) {
    this.text = text;
    this.write(text);
    this.element.classList.remove("coming");
    const { view } = this;
    fill(
      this.acts,
      this.act("Keep", "Kept", () => view.keep(this)),
      this.act("Copy", "Copied", () => copy(labelled(text, authorNames(view.persona)))),
      this.act("Share…", null, () => view.share.open(this)),
      this.act("Picture", "Pictured", () => view.picture.choose(this)),
    );
  }

  act(words, then, work) {
    const button = el("button", { type: "button" }, words);
    button.addEventListener(
      "click",
      actionHandler(button, this.errors, async () => {
        await work();
        if (then) button.textContent = then;
      }),
    );
    return button;
  }

  missing() {
    this.element.classList.replace("coming", "none");
    fill(
      this.words,
      "Held back: whatever it wrote here repeated its author, or was nobody’s business.",
    );
  }

  end() {
    if (this.text !== null || this.element.classList.contains("none")) return;
    this.element.classList.replace("coming", "none");
    if (!this.shown) fill(this.words, "Not written.");
  }
}
