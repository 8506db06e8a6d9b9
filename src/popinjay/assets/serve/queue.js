// The screen "What it may post": one draft at a time to decide about, and what becomes of the others.

import { get, personaPath, post } from "./api.js";
import { announce, el, errorBox, fill } from "./dom.js";
import { header, load } from "./persona.js";
import { Bot } from "./queue_bot.js";
import { DraftCard } from "./queue_card.js";
import { Choices, DECISIONS } from "./queue_choices.js";
import { QueueLists } from "./queue_lists.js";
import { QueueWriter } from "./queue_write.js";
import { count, plural } from "./words.js";

const LOADED = 60; // drafts at once
const FEW = 5; // of them left, when more are loaded
/** The states, as they are counted. */
const COUNTS = {
  draft: "to decide",
  approved: "approved",
  sending: "being sent",
  posted: "posted",
  failed: "failed",
  rejected: "rejected",
};

export const show = async (container, name, { signal }) => {
  const persona = await load(name, signal);
  if (signal.aborted) return;
  const view = new QueueView(persona, signal);
  await view.load();
  if (signal.aborted) return;
  fill(container, view.element);
};

class QueueView {
  constructor(persona, signal) {
    this.persona = persona;
    this.signal = signal;
    this.drafts = [];
    this.done = []; // ids of what was decided here, the last one last
    this.isBusy = false;
    this.changes = 0; // decisions made here: an answer from before one of them is not shown
    this.errors = el("div");
    this.counts = el("ul", { class: "counts", "aria-label": "Drafts by state" });
    this.notice = el("div");
    this.empty = el("div", { class: "nothing", tabindex: "-1" });
    this.card = new DraftCard(persona, {
      check: (text) => post(this.path("check"), { text }, signal),
      save: (text) => this.decide("edit", { text }),
      swipe: (action) => this.decide(action),
      changed: () => this.updateChoices(),
    });
    this.choices = new Choices((action) => this.choose(action), signal);
    this.writer = new QueueWriter(persona, signal, () => this.load());
    this.lists = new QueueLists(persona, signal, (id, action, since) =>
      this.act(async () => {
        await post(this.path(`${id}/${action}`), since ? { since } : {});
        await this.load();
      }),
    );
    this.bot = new Bot(persona, signal, () => this.load());
    this.layOut();
    // Another window may have decided meanwhile.
    addEventListener("focus", () => this.load().catch(() => {}), { signal });
  }

  path(what = "") {
    return personaPath(this.persona.name, `queue${what && `/${what}`}`);
  }

  layOut() {
    this.element = el(
      "div",
      {},
      header(this.persona, "queue"),
      this.notice,
      this.counts,
      this.errors,
      el(
        "section",
        { class: "deciding", "aria-label": "To decide" },
        this.card.element,
        this.empty,
        this.choices.element,
        this.writer.element,
      ),
      this.bot.element,
      this.lists.element,
    );
  }

  /** Load all that is shown. */
  async load() {
    const { changes } = this;
    const found = await get(`${this.path()}?limit=${LOADED}`, this.signal);
    if (changes !== this.changes) return this.load(); // something was decided meanwhile
    if (this.card.isEdited) {
      this.showCounts(found.counts); // what is being typed stays
      return this.loadRest();
    }
    // What this window undid or shows now stays in front.
    const shown = this.drafts[0]?.id;
    const first = found.drafts.findIndex(({ id }) => id === shown);
    if (first > 0) found.drafts.unshift(...found.drafts.splice(first, 1));
    this.drafts = found.drafts;
    fill(this.notice, found.cannot_post ? this.forbidden(found.cannot_post) : null);
    this.showCounts(found.counts);
    this.showDraft();
    return this.loadRest();
  }

  forbidden(reason) {
    const words = reason.replace(/\.$/u, "");
    return el("p", { class: "notice" }, `${words}, though you can choose all the same.`);
  }

  /** Load what follows from the decisions: when what goes out, and the lists. */
  async loadRest() {
    const places = await this.bot.load(this.total, this.notice.childElementCount > 0);
    await this.lists.load(this.total, places);
  }

  showCounts(counts) {
    this.total = counts;
    const rows = Object.entries(COUNTS).filter(([state]) => counts[state] || state === "draft");
    fill(
      this.counts,
      rows.map(([state, words]) =>
        el("li", { "data-state": state }, el("b", {}, count(counts[state])), ` ${words}`),
      ),
    );
  }

  showDraft() {
    const [draft] = this.drafts;
    const hadFocus = this.element.contains(document.activeElement);
    this.card.show(draft ?? null);
    this.updateChoices();
    this.writer.setEmpty(!draft);
    this.empty.hidden = Boolean(draft);
    if (!draft) this.showNothing();
    const holder = document.activeElement;
    const isLost = !holder || holder === document.body || holder.closest("[hidden]");
    if (isLost && (hadFocus || (!draft && this.done.length)))
      (draft ? this.card.element : this.empty).focus({ preventScroll: true });
  }

  updateChoices() {
    this.choices.update({
      hasDraft: this.drafts.length > 0,
      isEdited: Boolean(this.card.isEdited),
      canUndo: this.done.length > 0,
    });
  }

  /** Say what to do next. */
  showNothing() {
    const { approved, posted, sending } = this.total;
    const ready = approved + posted + sending;
    fill(
      this.empty,
      el("h2", {}, ready || this.done.length ? "All decided" : "Nothing to decide yet"),
      el(
        "p",
        {},
        ready
          ? `${plural(approved, "post")} may go out. Let it write more, or look below at when they do.`
          : "Let it write some posts, and say yes or no to each. Nothing is posted before.",
      ),
    );
  }

  choose(action) {
    if (action === "undo") this.undo();
    else if (action === "edit") this.card.edit();
    else this.decide(action);
  }

  async decide(action, more = {}) {
    const [draft] = this.drafts;
    if (!draft) return;
    await this.act(async () => {
      const body = action === "later" ? {} : { since: "draft", ...more };
      const answer = await post(this.path(`${draft.id}/${action}`), body);
      this.drafts = this.drafts.filter(({ id }) => id !== draft.id);
      if (action === "later") this.drafts.push(answer.draft);
      this.done.push(answer.draft.id);
      this.card.leave(action);
      this.afterwards(answer.counts, DECISIONS[action][2]);
    });
  }

  async undo() {
    const id = this.done.at(-1);
    if (id === undefined) return;
    await this.act(async () => {
      this.done.pop(); // also if it can't be undone any more
      const answer = await post(this.path(`${id}/undo`));
      this.drafts = [answer.draft, ...this.drafts.filter((one) => one.id !== answer.draft.id)];
      this.afterwards(answer.counts, "Undone.");
    });
  }

  afterwards(counts, said) {
    this.changes += 1;
    this.showCounts(counts);
    this.showDraft();
    const next = this.drafts[0] ? `Next: ${this.drafts[0].text}` : "All decided.";
    announce(`${said} ${plural(counts.draft, "draft")} left. ${next}`);
    clearTimeout(this.resting);
    // People decide faster than lists can be read.
    this.resting = setTimeout(() => {
      const isLow = this.drafts.length < FEW && this.drafts.length < counts.draft;
      (isLow ? this.load() : this.loadRest()).catch(() => {});
    }, 250);
  }

  /** Do one thing at a time; if somebody else was faster, show how it is now. */
  async act(work) {
    if (this.isBusy) return;
    this.isBusy = true;
    fill(this.errors);
    try {
      await work();
    } catch (error) {
      if (error.name === "AbortError") return;
      const typed = this.card.isEdited && el("p", {}, `You had written: ${this.card.current}`);
      fill(this.errors, errorBox(error, error.status === 409 ? typed : null));
      if (error.status === 409) {
        this.card.isEdited = false;
        this.drafts = [];
        await this.load();
      }
    } finally {
      this.isBusy = false;
    }
  }
}
