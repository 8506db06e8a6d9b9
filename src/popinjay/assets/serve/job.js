// One job, watched: what was seen in some posts and the form that makes a persona of them, or a persona as it is made.

import { events, get, of, post, remove } from "./api.js";
import { announce, bdi, el, fill, title, trouble } from "./dom.js";
import { nameOf } from "./make.js";
import { showInspection } from "./inspection.js";
import { pictureOf } from "./persona.js";
import { Progress } from "./progress.js";
import { count, STATES } from "./words.js";

const OVER = ["done", "failed", "stopped"];
const MOST_WAIT = 8000;

export const show = async (place, id, { signal }) => {
  const path = `/api/jobs/${encodeURIComponent(id)}`;
  const job = await get(path, signal);
  const watch = job.doing === "inspect" ? new Looking(place, path) : new Making(place, path);
  watch.begin(job);
  follow(path, watch, job, signal);
};

/** Every event of a job from its first one, through servers that end and come again, until the job is over. */
const follow = async (path, watch, job, signal) => {
  let last = null;
  let wait = 500;
  let now = job;
  while (!signal.aborted) {
    try {
      for await (const { id, data } of events(`${path}/events`, { last, signal })) {
        last = id ?? last;
        wait = 500;
        watch.lost(false);
        if (data.stage && data.what) watch.event(data);
        else if (data.state && data.state !== now.state)
          watch.state((now = await get(path, signal)));
      }
      watch.state((now = await get(path, signal)));
      watch.lost(false);
      if (OVER.includes(now.state)) await watch.resumed(signal);
    } catch (error) {
      if (signal.aborted || error.status === 404) return;
      watch.lost(true);
    }
    await pause(wait, signal);
    wait = Math.min(MOST_WAIT, wait * 2);
  }
};

const pause = (milliseconds, signal) =>
  new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });

/** What both kinds of job have: a place, a path, a word about a server that is gone, and waiting for a job that is over to be gone on with. */
class Watch {
  constructor(place, path) {
    this.place = place;
    this.path = path;
    this.trouble = el("div");
    this.gone = el(
      "p",
      { class: "notice", role: "status", hidden: true },
      "popinjay does not answer. Trying again… Nothing is lost.",
    );
    this.again = null;
  }

  lost(is) {
    if (this.gone.hidden === is) this.gone.hidden = !is;
  }

  /** Wait until somebody goes on with it, here or in another tab. */
  async resumed(signal) {
    while (!signal.aborted) {
      await new Promise((done) => {
        this.again = done;
        pause(3000, signal).then(done);
      });
      if (signal.aborted) return;
      const job = await get(this.path, signal);
      if (!OVER.includes(job.state)) return this.state(job);
    }
  }
}

class Looking extends Watch {
  begin(job) {
    this.heading = title("What is in there");
    this.told = el("p", { class: "lead", role: "status" }, "Looking…");
    this.bar = el("progress", { "aria-label": "Looking" });
    this.body = el(
      "div",
      {},
      this.told,
      this.bar,
      el(
        "p",
        { class: "below" },
        el("button", { type: "button", onclick: () => this.stop() }, "Stop"),
      ),
    );
    fill(this.place, this.heading, this.gone, this.trouble, this.body);
    this.state(job);
  }

  event({ message, what, done, unit }) {
    if (message && what !== "done")
      fill(this.told, bdi(message), done ? `: ${count(done)} ${unit ?? ""}` : "");
  }

  state(job) {
    if (job.state === "queued")
      this.told.textContent = "Something else is under way: this waits for its turn.";
    if (job.state === "done" && !this.shown) {
      this.shown = true;
      showInspection(this.body, job);
      announce("This is what is in there");
    } else if (job.state === "failed" || job.state === "stopped") {
      fill(
        this.body,
        trouble({ message: job.error || "It was stopped.", hint: job.hint }),
        el("p", {}, el("a", { class: "button main", href: "#/make" }, "Try something else")),
      );
    }
  }

  async stop() {
    try {
      this.state(await post(`${this.path}/stop`));
    } catch (error) {
      fill(this.trouble, trouble(error));
    }
  }

  async resumed(signal) {
    await new Promise((done) => signal.addEventListener("abort", done, { once: true })); // what was seen stays as it is
  }
}

class Making extends Watch {
  begin(job) {
    this.progress = new Progress();
    this.heading = title("Making ", bdi(nameOf(job)));
    this.line = el("p", { class: "lead", role: "status" });
    this.button = el("button", { type: "button" });
    this.button.addEventListener("click", () => this.press());
    this.forget = el(
      "button",
      { type: "button", onclick: () => this.drop() },
      "Take it off the list",
    );
    this.end = el("div");
    fill(
      this.place,
      this.heading,
      this.gone,
      el(
        "div",
        { class: "line between" },
        this.line,
        el("div", { class: "acts" }, this.button, this.forget),
      ),
      this.trouble,
      this.end,
      this.progress.place,
    );
    this.state(job);
  }

  event(event) {
    this.progress.event(event);
  }

  async press() {
    const isOver = OVER.includes(this.job.state);
    this.button.disabled = true;
    try {
      this.state(await post(`${this.path}/${isOver ? "resume" : "stop"}`));
      this.again?.();
    } catch (error) {
      this.button.disabled = false;
      fill(this.trouble, trouble(error));
    }
  }

  async drop() {
    try {
      await remove(this.path);
      location.hash = "#/make";
    } catch (error) {
      fill(this.trouble, trouble(error));
    }
  }

  state(job) {
    const before = this.job?.state;
    this.job = job;
    this.progress.over(job.state); // also where it was over before its events were read
    const isStopping = Boolean(job.stop_asked) && !OVER.includes(job.state);
    this.button.disabled = isStopping;
    this.button.textContent = isStopping
      ? "Stopping…"
      : OVER.includes(job.state)
        ? "Go on"
        : "Stop";
    if (before === job.state) return;
    const words = {
      queued: "Something else is under way: this waits for its turn.",
      running: "This page may be closed meanwhile: it goes on, and is here when you come back.",
      done: "It is ready.",
      stopped: "It is stopped. What is finished is kept, and it goes on from there.",
      failed: "It did not work out. What is finished is kept, and it goes on from there.",
    };
    this.line.textContent = words[job.state] ?? STATES[job.state] ?? job.state;
    this.forget.hidden = !OVER.includes(job.state) || job.state === "done";
    this.button.hidden = job.state === "done";
    fill(
      this.trouble,
      job.state === "failed" ? trouble({ message: job.error, hint: job.hint }) : null,
    );
    fill(this.end, job.state === "done" ? ready(nameOf(job)) : null);
    if (job.state === "done") fill(this.heading, bdi(nameOf(job)), " can speak");
  }
}

/** What to do with a persona that is made, and its picture where one could be drawn. */
const ready = (name) => {
  const about = encodeURIComponent(name);
  const place = el(
    "div",
    { class: "end" },
    el("a", { class: "button main large", href: `#/say/${about}` }, "Let it speak"),
    el("a", { class: "button large", href: `#/look/${about}` }, "How good is it?"),
  );
  get(of(name)).then(
    ({ picture }) => {
      if (picture)
        place.append(
          el(
            "a",
            { class: "picture", href: `#/say/${about}` },
            el("img", {
              src: pictureOf(name, Date.now()),
              width: "1200",
              height: "630",
              alt: `A picture of ${name}, with something it said`,
            }),
          ),
        );
    },
    () => {},
  ); // the links are enough
  return place;
};
