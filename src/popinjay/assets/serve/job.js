// The screen of a job: an inspection with its result, or a training with its progress.

import { events, get, post, remove } from "./api.js";
import { announce, bdi, el, fill, title, errorBox } from "./dom.js";
import { showInspection } from "./inspection.js";
import { made } from "./made.js";
import { Progress } from "./progress.js";
import { count, FINAL_STATES, nameOf, STATES } from "./words.js";

const FREE_BASE = "builtin"; // needs no download
const MAX_WAIT_MS = 8000;

export const show = async (container, id, { signal }) => {
  const path = `/api/jobs/${encodeURIComponent(id)}`;
  const job = await get(path, signal);
  if (job.doing === "export") {
    location.replace(`#/export/${encodeURIComponent(job.name)}`);
    return;
  }
  const view =
    job.doing === "inspect"
      ? new InspectionView(container, path)
      : new TrainingView(container, path);
  view.start(job);
  follow(path, view, job, signal);
};

/** Show all events of a job until it is over, and reconnect if the server is restarted. */
export const follow = async (path, view, job, signal) => {
  let last = null;
  let wait = 500;
  let now = job;
  while (!signal.aborted) {
    try {
      for await (const { id, data } of events(`${path}/events`, { last, signal })) {
        last = id ?? last;
        wait = 500;
        view.setOffline(false);
        if (data.stage && data.what) view.event(data);
        else if (data.state && data.state !== now.state)
          view.state((now = await get(path, signal)));
      }
      view.state((now = await get(path, signal)));
      view.setOffline(false);
      if (FINAL_STATES.includes(now.state)) await view.untilResumed(signal);
    } catch (error) {
      if (signal.aborted || error.status === 404) return;
      view.setOffline(true);
    }
    await pause(wait, signal);
    wait = Math.min(MAX_WAIT_MS, wait * 2);
  }
};

const pause = (milliseconds, signal) =>
  new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });

/** What both kinds of job have in common. */
class JobView {
  constructor(container, path) {
    this.element = container;
    this.path = path;
    this.errors = el("div");
    this.offline = el(
      "p",
      { class: "notice", role: "status", hidden: true },
      "Popinjay does not answer. Trying again… Nothing is lost.",
    );
    this.wake = null;
  }

  setOffline(isOffline) {
    if (this.offline.hidden === isOffline) this.offline.hidden = !isOffline;
  }

  /** Wait until a job that is over is resumed, here or in another tab. */
  async untilResumed(signal) {
    while (!signal.aborted) {
      await new Promise((done) => {
        this.wake = done;
        pause(3000, signal).then(done);
      });
      if (signal.aborted) return;
      const job = await get(this.path, signal);
      if (!FINAL_STATES.includes(job.state)) return this.state(job);
    }
  }
}

class InspectionView extends JobView {
  start(job) {
    this.heading = title("What is in there");
    this.status = el("p", { class: "lead", role: "status" }, "Looking…");
    this.bar = el("progress", { "aria-label": "Looking" });
    this.body = el(
      "div",
      {},
      this.status,
      this.bar,
      el(
        "p",
        { class: "below" },
        el("button", { type: "button", onclick: () => this.stop() }, "Stop"),
      ),
    );
    fill(this.element, this.heading, this.offline, this.errors, this.body);
    this.state(job);
  }

  event({ message, what, done, unit }) {
    if (message && what !== "done")
      fill(this.status, bdi(message), done ? `: ${count(done)} ${unit ?? ""}` : "");
  }

  state(job) {
    if (job.state === "queued")
      this.status.textContent = "Something else is under way: this waits for its turn.";
    if (job.state === "done" && !this.shown) {
      this.shown = true;
      showInspection(this.body, job);
      announce("This is what is in there");
    } else if (job.state === "failed" || job.state === "stopped") {
      fill(
        this.body,
        errorBox({ message: job.error || "It was stopped.", hint: job.hint }),
        el("p", {}, el("a", { class: "button main", href: "#/make" }, "Try something else")),
      );
    }
  }

  async stop() {
    try {
      this.state(await post(`${this.path}/stop`));
    } catch (error) {
      fill(this.errors, errorBox(error));
    }
  }

  async untilResumed(signal) {
    // Inspections are not resumed.
    await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
  }
}

const VERBS = { make: "Making ", retrain: "Training again: ", update: "Updating " };

class TrainingView extends JobView {
  start(job) {
    this.progress = new Progress();
    this.heading = title(VERBS[job.doing], bdi(nameOf(job)));
    this.line = el("p", { class: "lead", role: "status" });
    this.button = el("button", { type: "button" });
    this.button.addEventListener("click", () => this.stopOrResume());
    this.forget = el(
      "button",
      { type: "button", onclick: () => this.removeJob() },
      "Take it off the list",
    );
    this.end = el("div");
    this.steps = el("div", {}, this.progress.element);
    fill(
      this.element,
      this.heading,
      this.offline,
      el(
        "div",
        { class: "line between" },
        this.line,
        el("div", { class: "acts" }, this.button, this.forget),
      ),
      this.errors,
      this.end,
      this.steps,
    );
    this.state(job);
  }

  event(event) {
    this.progress.event(event);
  }

  async stopOrResume() {
    const isOver = FINAL_STATES.includes(this.job.state);
    this.button.disabled = true;
    try {
      this.state(await post(`${this.path}/${isOver ? "resume" : "stop"}`));
      this.wake?.();
    } catch (error) {
      this.button.disabled = false;
      fill(this.errors, errorBox(error));
    }
  }

  async removeJob() {
    try {
      await remove(this.path);
      location.hash = "#/";
    } catch (error) {
      fill(this.errors, errorBox(error));
    }
  }

  state(job) {
    const before = this.job?.state;
    this.job = job;
    this.progress.end(job.state); // the job may have been over before its events were read
    const isStopping = Boolean(job.stop_asked) && !FINAL_STATES.includes(job.state);
    this.button.disabled = isStopping;
    this.button.textContent = isStopping
      ? "Stopping…"
      : FINAL_STATES.includes(job.state)
        ? "Resume"
        : "Stop";
    if (before === job.state) return;
    const words = {
      queued: "Something else is under way: this waits for its turn.",
      running: "This page may be closed meanwhile: it goes on, and is here when you come back.",
      done: "",
      stopped: "It is stopped. What is finished is kept: resume it to go on from there.",
      failed: "It did not work out. What is finished is kept: resume it to go on from there.",
    };
    this.line.textContent = words[job.state] ?? STATES[job.state] ?? job.state;
    this.forget.hidden = !FINAL_STATES.includes(job.state) || job.state === "done";
    this.button.hidden = job.state === "done";
    fill(
      this.errors,
      job.state === "failed" ? errorBox({ message: job.error, hint: job.hint }) : null,
    );
    if (job.state === "failed" && mayUseFreeBase(job)) this.errors.append(this.freeBase(job));
    if (job.state === "done") this.finish(job);
    else fill(this.end);
  }

  /** Show what it writes now, and fold the way there. */
  finish(job) {
    fill(this.heading, bdi(nameOf(job)), " is ready");
    this.line.hidden = true;
    fill(this.end, made(nameOf(job), this.errors));
    fill(
      this.steps,
      el(
        "details",
        { class: "part" },
        el("summary", {}, "How it was made"),
        el("div", {}, this.progress.element),
      ),
    );
    announce(`${nameOf(job)} is ready`);
  }

  /** A button that makes the persona with the base model that needs no download. */
  freeBase(job) {
    const again = async () => {
      const { doing, upload, name } = job;
      const options = { ...job.options, base: FREE_BASE };
      const specs = upload ? null : job.specs;
      const next = await post("/api/jobs", { doing, upload, specs, name, options });
      location.hash = `#/job/${next.id}`;
    };
    const button = el("button", { type: "button", class: "main" }, "Make it with the built-in one");
    button.addEventListener("click", () =>
      again().catch((error) => fill(this.errors, errorBox(error))),
    );
    return el("p", {}, button);
  }
}

/** Return whether a job chose a base model that had to be fetched, which may be why it failed. */
const mayUseFreeBase = ({ doing, options, error, hint }) =>
  doing === "make" &&
  options.base &&
  options.base !== FREE_BASE &&
  `${error} ${hint}`.includes(options.base);
