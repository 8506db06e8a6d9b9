// The screen "Let it speak": ten posts that it wrote, and ten others for any prompt.

import { events, get, personaPath, post } from "./api.js";
import { Dials } from "./dials.js";
import { announce, el, fill, errorBox } from "./dom.js";
import { KeptPosts } from "./kept.js";
import { displayName, header, load } from "./persona.js";
import { Post } from "./post.js";
import { copy, labelled, Share } from "./share.js";
import { plural } from "./words.js";

const POSTS = 10;
const LENGTHS = {
  280: "X: 280 characters",
  300: "Bluesky: 300",
  500: "Mastodon: 500",
  140: "short: 140",
};
const HEARD_AFTER = 250; // milliseconds that a dial has to rest

export const show = async (container, name, { signal, settings }) => {
  const persona = await load(name, signal);
  if (signal.aborted) return;
  if (!persona.speaks) {
    location.replace(`#/look/${encodeURIComponent(name)}`);
    return;
  }
  const opening = await get(personaPath(name, "opening"), signal);
  if (signal.aborted) return;
  new SayView(container, persona, signal).start(opening, settings.get("prompt"));
};

class SayView {
  constructor(container, persona, signal) {
    this.persona = persona;
    this.signal = signal;
    this.element = container;
    this.errors = el("div");
    this.share = new Share(persona);
    this.kept = new KeptPosts(persona, this.share, signal);
    this.note = el("p", { class: "aside told" });
    this.rejected = el("p", { class: "aside told" });
    this.list = el("ol", { class: "posts", "aria-label": "What it says" });
    this.running = null; // the query that is answered now, and what stops it
    signal.addEventListener("abort", () => {
      clearTimeout(this.resting);
      this.running?.stop.abort();
    });
  }

  /** Show the posts that were written before, or write some at once if there are none. */
  start({ posts, prompts }, prompt) {
    this.controls(prompts, prompt ?? "");
    fill(
      this.element,
      header(this.persona, "say"),
      this.form,
      this.errors,
      this.note,
      this.list,
      this.rejected,
      this.kept.element,
      this.share.element,
    );
    if (prompt !== null || posts.length < POSTS) this.write();
    else {
      this.showPosts(
        posts.map((text) => Post.finished(this.persona, text, { prompt: "" }, this.actions)),
      );
      this.note.textContent = "Ten of its posts, unselected. All are made up.";
    }
    this.kept.load();
  }

  controls(prompts, prompt) {
    this.prompt = el("input", {
      id: "prompt",
      name: "prompt",
      type: "text",
      value: prompt,
      placeholder: "A word or two, or nothing",
      autocomplete: "off",
      dir: "auto",
      maxlength: "400",
    });
    this.button = el("button", { class: "main" }, "Write ten");
    this.form = el(
      "form",
      { class: "ask" },
      el("label", { for: "prompt" }, "It begins with"),
      el("div", { class: "line" }, this.prompt, this.button),
      this.chips(prompts),
      this.options(),
    );
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.running?.query.prompt === this.prompt.value) this.running.stop.abort();
      else this.write();
    });
  }

  chips(prompts) {
    const chip = (text) =>
      el(
        "button",
        {
          type: "button",
          class: "chip",
          dir: "auto",
          onclick: () => {
            this.prompt.value = text;
            this.write();
          },
        },
        text,
      );
    return el(
      "div",
      { class: "chips", role: "group", "aria-label": "Beginnings to try" },
      prompts.map(chip),
    );
  }

  options() {
    this.dials = new Dials(this.persona, () => this.hear());
    this.length = el(
      "select",
      { id: "length" },
      Object.entries(LENGTHS)
        .sort((a, b) => (b[0] === "280") - (a[0] === "280"))
        .map(([value, words]) => el("option", { value }, words)),
    );
    return el(
      "details",
      {},
      el("summary", {}, "Options"),
      this.dials.element,
      el(
        "div",
        { class: "dials" },
        el("div", {}, el("label", { for: "length" }, "How long at most?"), this.length),
      ),
    );
  }

  /** Write the posts on the screen again, once the dials rest: the same seed, so that it shows. */
  hear() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.write(this.seed), HEARD_AFTER);
  }

  /** What can be done with a finished post. */
  actions = (one) => [
    ["Keep", "Kept", () => this.keep(one)],
    ["Copy", "Copied", () => copy(labelled(one.text, displayName(this.persona)))],
    ["Share…", null, () => this.share.open(one)],
  ];

  /** Show posts in place of those before. */
  showPosts(posts) {
    fill(
      this.list,
      posts.map((one) => one.element),
    );
    this.reveal(posts);
  }

  /**
   * Show the posts up to the first row that is still being written. A row stands below the text of
   * the rows above, of which nobody knows the length before: it would move under the reader's eyes.
   */
  reveal(posts) {
    const columns = getComputedStyle(this.list).gridTemplateColumns.split(" ").length;
    const unfinished = posts.findIndex((one) => !one.isOver);
    const shown =
      unfinished < 0 ? posts.length : columns * (Math.floor(unfinished / columns) + 1);
    posts.forEach(({ element }, index) => {
      element.hidden = index >= shown;
    });
  }

  /** Write ten posts with the settings on the page, in place of those that are being written. */
  async write(seed) {
    clearTimeout(this.resting);
    this.seed = seed ?? Math.floor(Math.random() * 2 ** 32);
    const settings = {
      prompt: this.prompt.value,
      ...this.dials.options,
      max_chars: Number(this.length.value),
      seed: this.seed,
    };
    const query = { ...settings, n: POSTS };
    this.running?.stop.abort();
    const own = { query, stop: new AbortController() };
    this.running = own;
    this.setBusy(true);
    fill(this.errors);
    this.rejected.textContent = "";
    this.note.textContent = "Getting ready…";
    const posts = Array.from(
      { length: POSTS },
      (_, index) => new Post(this.persona, { ...settings, number: index + 1 }, this.actions),
    );
    const error = await this.receive(query, posts, own.stop.signal).catch((problem) => problem);
    if (this.running !== own) return; // others are written by now
    if (error) this.note.textContent = error.name === "AbortError" ? "Stopped." : "";
    if (error && error.name !== "AbortError") fill(this.errors, errorBox(error));
    this.running = null;
    for (const one of posts) one.end();
    this.reveal(posts);
    this.setBusy(false);
  }

  setBusy(isBusy) {
    this.button.textContent = isBusy ? "Stop" : "Ten more";
    this.button.classList.toggle("main", !isBusy);
    this.list.setAttribute("aria-busy", String(isBusy));
    // What is below the posts stays where it is, or below the window, while others are written.
    this.list.style.minHeight = isBusy ? `max(100vh, ${this.list.offsetHeight}px)` : "";
  }

  async receive(query, posts, signal) {
    let isOver = false;
    const path = personaPath(this.persona.name, "say");
    for await (const { event, data } of events(path, { body: query, signal })) {
      // The posts before stay until there is something to show.
      if (!posts[0].element.isConnected) this.showPosts(posts);
      if (event === "piece") this.note.textContent = "Writing…";
      if (event === "piece") posts[data.place]?.append(data.text);
      else if (event === "again") posts[data.place]?.restart();
      else if (event === "post") posts[data.place]?.finish(data.text);
      else if (event === "missing") posts[data.place]?.missing();
      else if (event === "error") throw Object.assign(new Error(data.message), { hint: data.hint });
      else if (event === "end") {
        isOver = true;
        this.showSummary(posts, data);
      }
      if (event === "post" || event === "missing") this.reveal(posts);
    }
    if (!isOver)
      throw Object.assign(new Error("The answer broke off."), {
        hint: "popinjay may have been stopped. Try again.",
      });
  }

  showSummary(posts, { redrawn = {} }) {
    const rejected = Object.entries(redrawn).filter(([, number]) => number);
    const words = rejected.map(([reason, number]) => `${number} ${reason}`).join(", ");
    const written = posts.filter((one) => one.text !== null).length;
    this.note.textContent = `${plural(written, "post")}, unselected. All are made up.`;
    this.rejected.textContent = words ? `Drafts that were held back on the way: ${words}.` : "";
    announce(`${plural(written, "post")} written`);
  }

  async keep(one) {
    await post(personaPath(this.persona.name, "kept"), { text: one.text, ...one.settings });
    announce("Kept");
    await this.kept.load();
  }
}
