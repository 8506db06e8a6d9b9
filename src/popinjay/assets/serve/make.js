// The screen "Make one": posts from a file or from an account. The inspection is shown by job.js.

import { get, post, upload } from "./api.js";
import { announce, bdi, actionHandler, el, fill, title, errorBox } from "./dom.js";
import { card } from "./all.js";
import { bytes, STATES } from "./words.js";

const STEPS = [
  [
    "Give it posts",
    "yours, or somebody’s who said yes. You see what is in there before anything is made.",
  ],
  ["Wait some minutes", "and hear it learn to speak. The page may be closed meanwhile."],
  ["Let it speak", "and see how good it is, and how much it copies. Share what is worth it."],
];
const ACCOUNTS = [
  ["Bluesky", "ada.bsky.social"],
  ["Mastodon", "@ada@example.social"],
  ["Several", "with blanks between them: a cyborg, one voice of all"],
];

export const show = async (container, about, { signal }) => {
  const errors = el("div");
  fill(
    container,
    title("A bot of you"),
    el(
      "p",
      { class: "lead" },
      "Give it somebody’s posts, and in a few minutes a small language model writes like them, " +
        "here on this machine.",
    ),
    el("div", { class: "ways" }, fileSection(errors, signal), accountSection(errors)),
    errors,
  );
  const recent = el("div", { class: "lately" });
  container.append(recent);
  await showRecent(recent, signal);
};

// From a file

const fileSection = (errors, signal) => {
  const bar = el("progress", { max: "1", value: 0, "aria-label": "Sent so far" });
  const status = el(
    "p",
    { class: "aside" },
    "An archive of X, Mastodon or Bluesky as it was downloaded, or a text file with a post on " +
      "each line. It may be gigabytes.",
  );
  const cancel = el("button", { type: "button", class: "cancel" }, "Cancel");
  const input = el("input", { type: "file", id: "file", class: "unseen" });
  const zone = el(
    "section",
    { class: "way drop" },
    el("h2", {}, "A file"),
    input,
    el(
      "label",
      { for: "file", class: "target" },
      el("b", {}, "Drop it here"),
      el("span", {}, "or choose it"),
    ),
    bar,
    el("div", { class: "line" }, status, cancel),
  );
  const take = async (file) => {
    if (!file || zone.classList.contains("busy")) return;
    zone.classList.add("busy");
    input.disabled = true;
    fill(errors);
    const sending = new AbortController();
    cancel.onclick = () => sending.abort();
    try {
      announce(`Sending ${file.name}`);
      const sent = await upload(
        file,
        (done, total) => showSent(bar, status, file, done, total),
        AbortSignal.any([signal, sending.signal]),
      );
      await inspect({ upload: sent.upload });
    } catch (error) {
      if (error.name !== "AbortError") fill(errors, errorBox(error));
      status.textContent = "Nothing was kept of it. Try again, or another file.";
    } finally {
      zone.classList.remove("busy");
      input.disabled = false;
      input.value = "";
      bar.value = 0;
    }
  };
  input.addEventListener("change", () => take(input.files[0]));
  catchDrops(zone, take);
  return zone;
};

const showSent = (bar, status, file, done, total) => {
  bar.value = total ? done / total : 1;
  fill(status, bdi(file.name), `: ${bytes(done)} of ${bytes(total)}`);
};

const catchDrops = (zone, take) => {
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", (event) => {
    if (!zone.contains(event.relatedTarget)) zone.classList.remove("over");
  });
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
};
// A file that is dropped next to the zone would replace the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());

// From an account

const accountSection = (errors) => {
  const input = el("input", {
    id: "account",
    name: "account",
    type: "text",
    required: true,
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    placeholder: "ada.bsky.social",
    "aria-describedby": "account-hint",
  });
  const button = el("button", { class: "main" }, "Look at the posts");
  const form = el(
    "form",
    { class: "way" },
    el("h2", {}, "An account"),
    el("label", { for: "account" }, "Its name"),
    el("div", { class: "line" }, input, button),
    el(
      "p",
      { class: "aside", id: "account-hint" },
      "Its public posts are read from its network; nothing else is asked there.",
    ),
    el(
      "dl",
      {},
      ACCOUNTS.map(([network, example]) => [el("dt", {}, network), el("dd", {}, example)]),
    ),
  );
  form.addEventListener(
    "submit",
    actionHandler(button, errors, () => inspect({ specs: input.value.trim().split(/\s+/u) })),
  );
  return form;
};

/** Start an inspection, and show it. */
const inspect = async (what) => {
  const job = await post("/api/jobs", {
    doing: "inspect",
    upload: null,
    specs: null,
    options: {},
    ...what,
  });
  location.hash = `#/job/${job.id}`;
};

// Recent jobs and personas

const showRecent = async (container, signal) => {
  const [jobs, { personas }] = await Promise.all([
    get("/api/jobs", signal),
    get("/api/personas?limit=12&sort=newest", signal),
  ]);
  const made = personas.filter((persona) => persona.speaks).slice(0, 3);
  const open = jobs.filter((job) => job.doing === "make" && job.state !== "done").slice(0, 5);
  fill(
    container,
    open.length
      ? [
          el("h2", {}, "Not finished"),
          el(
            "ul",
            { class: "rows" },
            open.map((job) =>
              el(
                "li",
                {},
                el("a", { href: `#/job/${job.id}` }, bdi(nameOf(job))),
                el("span", { class: `state ${job.state}` }, STATES[job.state] ?? job.state),
              ),
            ),
          ),
        ]
      : null,
    made.length
      ? [el("h2", {}, "Lately made"), el("ul", { class: "grid" }, made.map(card))]
      : el(
          "ol",
          { class: "steps" },
          STEPS.map(([words, more]) => el("li", {}, el("b", {}, words), more)),
        ),
  );
};

export const nameOf = (job) =>
  job.result?.persona || job.name || (job.specs ?? []).join(" and ") || "a new one";
