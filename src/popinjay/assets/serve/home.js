// The first screen: what the newest personas write, or how to make the first one.

import { get, personaPath } from "./api.js";
import { bdi, el, fill, title } from "./dom.js";
import * as make from "./make.js";
import { avatar, displayName } from "./persona.js";
import { FINAL_STATES, nameOf, STATES } from "./words.js";

const SHOWN = 3; // personas
const POSTS = 3; // of each

export const show = async (container, about, { signal }) => {
  const [jobs, { personas, total }] = await Promise.all([
    get("/api/jobs", signal),
    get("/api/personas?limit=12&sort=newest", signal),
  ]);
  const speaking = personas.filter((persona) => persona.speaks).slice(0, SHOWN);
  const unfinished = unfinishedJobs(jobs);
  if (!speaking.length) {
    const screen = el("div");
    await make.show(screen, about, { signal });
    fill(container, ...screen.childNodes, unfinished);
    return;
  }
  fill(
    container,
    title(speaking.length > 1 ? "What they write" : "What it writes"),
    el("p", { class: "lead" }, "None of these posts was ever written by a person."),
    unfinished,
    el(
      "ul",
      { class: "speakers" },
      speaking.map((persona) => speaker(persona, signal)),
    ),
    el(
      "p",
      { class: "acts below" },
      el("a", { class: "button main", href: "#/make" }, "Make one"),
      el("a", { class: "button", href: "#/all" }, total > 1 ? `All ${total} personas` : "Personas"),
    ),
  );
};

/** A persona with posts that it wrote, other ones on each visit. */
const speaker = (persona, signal) => {
  const address = `#/say/${encodeURIComponent(persona.name)}`;
  const posts = el("ul", { class: "said", "aria-busy": "true" });
  showPosts(posts, persona, signal);
  return el(
    "li",
    { class: "speaker" },
    el(
      "h2",
      {},
      avatar(persona),
      el("a", { href: address }, bdi(displayName(persona))),
      el("span", { class: "bot" }, "bot"),
    ),
    posts,
    el("a", { class: "button", href: address }, "Let it write"),
  );
};

const showPosts = async (container, persona, signal) => {
  try {
    const { posts } = await get(personaPath(persona.name, "opening"), signal);
    fill(
      container,
      posts.slice(0, POSTS).map((text) => el("li", { dir: "auto" }, text)),
    );
  } catch {
    fill(container); // the link works without them
  }
  container.removeAttribute("aria-busy");
};

const unfinishedJobs = (jobs) => {
  const isListed = ({ doing, state }) => ["make", "retrain"].includes(doing) && state !== "done";
  const open = jobs.filter(isListed);
  if (!open.length) return null;
  return el(
    "section",
    { class: "unfinished" },
    el("h2", {}, open.some(({ state }) => !FINAL_STATES.includes(state)) ? "At work" : "Stopped"),
    el(
      "ul",
      { class: "rows" },
      open
        .slice(0, 5)
        .map((job) =>
          el(
            "li",
            {},
            el("a", { href: `#/job/${job.id}` }, bdi(nameOf(job))),
            el("span", { class: `state ${job.state}` }, STATES[job.state] ?? job.state),
          ),
        ),
    ),
  );
};
