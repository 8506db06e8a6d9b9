// The screen "Make one": posts from a file, pasted, or of an account. job.js shows what they hold.

import { get, post, upload } from "./api.js";
import { announce, bdi, actionHandler, el, fill, title, errorBox } from "./dom.js";
import { example } from "./example.js";
import { postsIn } from "./pasted.js";
import { bytes, plural } from "./words.js";

const STEPS = [
  [
    "Give it posts",
    "Yours, or somebody’s who said yes. You see what is in there before anything is made.",
  ],
  ["Wait some minutes", "and watch it learn. The page may be closed meanwhile."],
  ["Let it write", "See how good it is, and how much it copies. Share what is worth it."],
];
const ACCOUNTS = [
  ["Bluesky", "ada.bsky.social"],
  ["Mastodon", "@ada@example.social"],
  ["Several", "separated by spaces: one mixed voice"],
];
/** Where people get their archive: the network, a link, and what to do there. */
const ARCHIVES = [
  [
    "X",
    "https://x.com/settings/download_your_data",
    "Settings, Your account, Download an archive. It takes X a day or more.",
  ],
  [
    "Mastodon",
    "https://docs.joinmastodon.org/user/moving/#export",
    "Preferences, Import and export, Request your archive. It takes some minutes.",
  ],
  [
    "Bluesky",
    "https://bsky.app/settings/account",
    "Settings, Account, Export my data. It is there at once.",
  ],
];
const FEW_POSTS = 20; // pasted; with fewer the button says so

export const show = async (container, about, { signal }) => {
  const errors = el("div");
  const before = el("div");
  const after = el("div");
  fill(
    container,
    title("Make one that writes like you"),
    el(
      "p",
      { class: "lead" },
      "From your posts, or those of somebody who said yes, a small language model learns to " +
        "write like them, in a few minutes and on this machine.",
    ),
    before,
    errors,
    el(
      "div",
      { class: "ways" },
      fileSection(errors, signal),
      pasteSection(errors, signal),
      accountSection(errors),
    ),
    archives(),
    after,
  );
  const { total } = await get("/api/personas?limit=1", signal);
  fill(total ? after : before, example(errors, signal));
  if (!total) fill(after, steps());
};

const steps = () =>
  el(
    "ol",
    { class: "steps" },
    STEPS.map(([words, more]) => el("li", {}, el("b", {}, words), more)),
  );

const archives = () =>
  el(
    "details",
    { class: "part" },
    el("summary", {}, "How do I get my archive?"),
    el(
      "dl",
      { class: "archives" },
      ARCHIVES.map(([network, address, steps]) => [
        el("dt", {}, link(address, network)),
        el("dd", {}, steps),
      ]),
    ),
  );

const link = (address, words) =>
  el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, words);

// From a file

const fileSection = (errors, signal) => {
  const bar = el("progress", { max: "1", value: 0, "aria-label": "Sent so far", hidden: true });
  const status = el(
    "p",
    { class: "aside" },
    "The archive of X, Mastodon or Bluesky as you received it, or a text file with a post on " +
      "each line. Any size.",
  );
  const cancel = el("button", { type: "button", class: "cancel", hidden: true }, "Cancel");
  const input = el("input", { type: "file", id: "file", class: "unseen" });
  const zone = el(
    "section",
    { class: "way drop" },
    el("h2", {}, "A file"),
    input,
    el(
      "label",
      { for: "file", class: "target" },
      el("b", { class: "by-mouse" }, "Drop a file here"),
      el("span", { class: "by-mouse" }, "or choose one"),
      el("b", { class: "by-touch" }, "Choose a file"),
    ),
    bar,
    el("div", { class: "line" }, status, cancel),
  );
  const setBusy = (isBusy) => {
    zone.classList.toggle("busy", isBusy);
    input.disabled = isBusy;
    bar.hidden = !isBusy;
    cancel.hidden = !isBusy;
    bar.value = 0;
  };
  const take = async (file) => {
    if (!file || zone.classList.contains("busy")) return;
    setBusy(true);
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
      setBusy(false);
      input.value = "";
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

// Pasted

const pasteSection = (errors, signal) => {
  const hint = "One post a line. If a post has several lines, leave a blank line between posts.";
  const input = el("textarea", {
    id: "pasted",
    name: "pasted",
    rows: "5",
    required: true,
    "aria-describedby": "pasted-hint",
  });
  const status = el("p", { class: "aside", id: "pasted-hint", role: "status" }, hint);
  const button = el("button", { class: "main" }, "Look at the posts");
  input.addEventListener("input", () => {
    const found = postsIn(input.value).length;
    const few = found < FEW_POSTS ? " A few hundred are a good start." : "";
    status.textContent = found ? `${plural(found, "post")}.${few}` : hint;
  });
  const form = el(
    "form",
    { class: "way" },
    el("h2", {}, "Pasted posts"),
    el("label", { for: "pasted" }, "Posts"),
    input,
    status,
    el("div", { class: "line" }, button),
  );
  form.addEventListener(
    "submit",
    actionHandler(button, errors, async () => {
      const rows = postsIn(input.value).map((text) => `${JSON.stringify({ text })}\n`);
      const sent = await upload(new File(rows, "pasted posts.jsonl"), () => {}, signal);
      await inspect({ upload: sent.upload });
    }),
  );
  return form;
};

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
    el("label", { for: "account" }, "Handle"),
    input,
    el(
      "dl",
      {},
      ACCOUNTS.map(([network, given]) => [el("dt", {}, network), el("dd", {}, given)]),
    ),
    el(
      "p",
      { class: "aside", id: "account-hint" },
      "Its public posts are read from its network; nothing else is asked there.",
    ),
    el("div", { class: "line" }, button),
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
