// The screen "Take it elsewhere": a persona as a web page, and in the formats of other programs.
// Each export is a job of the server; what it wrote is downloaded, and nothing is published.

import { get, personaPath, post, remove } from "./api.js";
import { actionHandler, announce, el, errorBox, fill } from "./dom.js";
import { follow } from "./job.js";
import { displayName, header, load } from "./persona.js";
import { bytes, FINAL_STATES, STATES } from "./words.js";

const WEB = "web";
/** What people call the formats; others go by their own name. */
const NAMES = {
  gguf: "GGUF",
  ollama: "Ollama",
  onnx: "ONNX",
  adapter: "LoRA adapter",
  mlx: "MLX",
  transformers: "Transformers",
  web: "Web page",
};
const QUANTS = { q5: "5 bits, the smaller download", q8: "8 bits" };

export const show = async (container, name, { signal }) => {
  const persona = await load(name, signal);
  const { kinds, jobs } = await get(personaPath(name, "exports"), signal);
  if (signal.aborted) return;
  const view = (kind) => {
    const found = jobs.find(({ options }) => options.to === kind.kind);
    return new ExportView(persona, kind, found, signal).element;
  };
  const web = kinds.find(({ kind }) => kind === WEB);
  fill(
    container,
    el("div", { class: "head export-head" }, header(persona, "export")),
    persona.still_known ? notice(KNOWS) : null,
    persona.may_be_public ? null : notice(PRIVATE),
    web
      ? section(
          "web-title",
          "Put it on the web",
          "A page on which it writes in the reader’s own browser. What readers type stays with " +
            "them, and after the first visit the page works without a network. Of the posts it " +
            "holds only hashes, which keep copies out.",
          view(web),
        )
      : null,
    section(
      "programs-title",
      "Take it elsewhere",
      "The model alone, for other programs. They may repeat posts that it learnt from, word for " +
        "word: what keeps those back is part of popinjay and of the web page, not of the model.",
      el(
        "ul",
        { class: "kinds" },
        kinds.filter((kind) => kind !== web).map((kind) => el("li", {}, view(kind))),
      ),
    ),
  );
};

const KNOWS =
  "It was told to forget something, and still knows it until it is trained again. Train it again " +
  "before you pass it on.";
const PRIVATE =
  "It is not on record that these words may be made public: keep what you export to yourself.";

const notice = (words) => el("p", { class: "notice" }, words);

const section = (id, heading, words, ...content) =>
  el(
    "section",
    { class: "export", "aria-labelledby": id },
    el("h2", { id }, heading),
    el("p", { class: "aside" }, words),
    ...content,
  );

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;

/** One format: what it is for, and how its export stands. */
class ExportView {
  constructor(persona, kind, job, signal) {
    Object.assign(this, { persona, kind, signal });
    this.title = NAMES[kind.kind] ?? kind.kind;
    this.isPage = kind.kind === WEB;
    this.status = el("p", { class: "aside", role: "status" });
    this.bar = el("progress", { "aria-label": `Exporting: ${this.title}` });
    this.body = el("div", { class: "export-body" });
    this.errors = el("div");
    this.element = el(
      "div",
      { class: "kind", id: `export-${kind.kind}` },
      this.isPage ? null : el("h3", {}, this.title),
      this.isPage || !kind.help ? null : el("p", {}, sentence(kind.help)),
      kind.needs ? el("p", { class: "aside" }, sentence(`needs ${kind.needs}`)) : null,
      this.body,
      this.errors,
    );
    if (job && !FINAL_STATES.includes(job.state)) this.follow(job);
    else if (job?.state === "done") this.showDone(job);
    else this.showIdle(job);
  }

  /** Add to an element's attributes a label for screen readers: what it does, and of what. */
  named(words, given) {
    return { ...given, "aria-label": `${words}: ${this.title}` };
  }

  /** Offer the export; a job that failed says why. */
  showIdle(job = null) {
    const { kind } = this;
    const failed = job?.state === "failed";
    fill(this.errors, failed ? errorBox({ message: job.error, hint: job.hint }) : null);
    if (kind.problem) {
      fill(this.body, el("p", { class: "aside", dir: "auto" }, kind.problem));
      return;
    }
    if (!(kind.quants.length || kind.sizes[""])) {
      fill(this.body, this.asItIs());
      return;
    }
    const quants = kind.quants.length ? this.choice() : null;
    const size = quants ? "" : ` (about ${bytes(kind.sizes[""])})`;
    const words = this.isPage ? "Make the page" : `Export${size}`;
    const given = { type: "button", class: this.isPage ? "main" : null };
    const button = el("button", this.isPage ? given : this.named(words, given), words);
    button.addEventListener(
      "click",
      actionHandler(button, this.errors, async () => {
        const asked = { to: kind.kind, quant: quants?.value ?? null };
        this.follow(await post(personaPath(this.persona.name, "exports"), asked), true);
      }),
    );
    fill(this.body, el("div", { class: "acts" }, quants, button));
  }

  /** The types of weights with the sizes that they give. */
  choice() {
    const { quants, sizes } = this.kind;
    const words = (quant) =>
      `${(this.isPage && QUANTS[quant]) || quant}: about ${bytes(sizes[quant] ?? 0)}`;
    return el(
      "select",
      { "aria-label": `Weights and size: ${this.title}` },
      quants.map((quant) => el("option", { value: quant }, words(quant))),
    );
  }

  /** A format that the persona's folder has already: its model and card are downloaded. */
  asItIs() {
    const address = personaPath(this.persona.name, "zip");
    return el(
      "div",
      { class: "acts" },
      el("a", this.named("Download", { class: "button", href: address, download: "" }), "Download"),
      el("span", { class: "aside" }, "Its folder “model” as it is."),
    );
  }

  /** Show a job until it is over; `isNew` if the user just began it. */
  follow(job, isNew = false) {
    const path = `/api/jobs/${job.id}`;
    const over = new AbortController();
    const cancel = el("button", this.named("Cancel", { type: "button" }), "Cancel");
    cancel.addEventListener(
      "click",
      actionHandler(cancel, this.errors, async () => {
        await post(`${path}/stop`);
        this.status.textContent = "Stopping…";
      }),
    );
    this.status.textContent = "Waiting for its turn.";
    this.bar.removeAttribute("value");
    fill(this.body, this.bar, el("div", { class: "acts" }, cancel, this.status));
    if (isNew) cancel.focus();
    const view = {
      event: (event) => this.event(event),
      setOffline: (isOffline) => {
        if (isOffline) this.status.textContent = "Popinjay does not answer. Trying again…";
      },
      state: (now) => {
        if (!FINAL_STATES.includes(now.state) || over.signal.aborted) return;
        over.abort();
        const hadFocus = this.body.contains(document.activeElement);
        if (now.state === "done") this.showDone(now);
        else this.showIdle(now);
        announce(`${this.title}: ${STATES[now.state]}`);
        if (hadFocus) this.body.querySelector("a, button")?.focus();
      },
      untilResumed: async () => {},
    };
    follow(path, view, job, AbortSignal.any([this.signal, over.signal]));
  }

  event({ what, message, done, total }) {
    if (what === "done" || what === "warning") return; // this screen says what it would warn of
    if (total) {
      this.bar.max = total;
      this.bar.value = done;
    }
    if (message) this.status.textContent = sentence(message.replace(/\.$/u, ""));
  }

  /** Offer what was written. */
  showDone(job) {
    const { id, result } = job;
    const about = personaPath(this.persona.name, `exports/${id}/zip`);
    const words = `Download (${bytes(result.bytes)})`;
    const file = this.named(words, { class: "button", href: about, download: "" });
    const drop = el("button", this.named("Remove", { type: "button" }), "Remove");
    drop.addEventListener(
      "click",
      actionHandler(drop, this.errors, async () => {
        await remove(`/api/jobs/${id}`);
        this.showIdle();
        this.body.querySelector("select, button")?.focus();
      }),
    );
    fill(this.errors);
    fill(
      this.body,
      el(
        "div",
        { class: "acts" },
        this.isPage
          ? el(
              "a",
              { class: "button main", href: `/exports/${id}/`, target: "_blank", rel: "noopener" },
              "Open it here",
            )
          : null,
        result.folder
          ? el("a", file, words)
          : this.asItIs(),
        drop,
      ),
      this.isPage ? this.howToPublish() : this.howToLoad(result),
    );
  }

  howToPublish() {
    return el(
      "p",
      { class: "aside" },
      "To publish it, unpack the download and put its folder on any host of static files, such as " +
        "GitHub Pages or a static Space on Hugging Face. It says on every page that a machine " +
        `imitates ${displayName(this.persona)}.`,
    );
  }

  howToLoad({ quant, loaded_by: command }) {
    return el(
      "div",
      {},
      el("p", { class: "aside" }, `${quant ? `With weights ${quant}. ` : ""}Load it with:`),
      el(
        "pre",
        this.named("What loads it", { tabindex: "0", role: "region" }),
        el("code", {}, command),
      ),
    );
  }
}
