// The example: one click makes a persona of a fictional person, whose archive is in the package.

import { get, post } from "./api.js";
import { actionHandler, el } from "./dom.js";
import { about } from "./words.js";

const POSTS = 600; // in that archive, and their characters
const CHARACTERS = 30_000;
const BEST = "smollm2";
const ALWAYS_HERE = "builtin";

/** A section with the button that makes it; errors are shown in `errors`. */
export const example = (errors, signal) => {
  const button = el("button", { type: "button", class: "main" }, "Make Nell");
  const time = el("span");
  button.addEventListener(
    "click",
    actionHandler(button, errors, async () => {
      const { upload } = await post("/api/uploads/example");
      const job = await post("/api/jobs", {
        doing: "make",
        upload,
        options: { whose: "fictional", base: await baseHere(signal) },
      });
      location.hash = `#/job/${job.id}`;
    }),
  );
  showTime(time, signal);
  return el(
    "section",
    { class: "example" },
    el(
      "div",
      {},
      el("h2", {}, "No archive at hand?"),
      el(
        "p",
        {},
        "Try Nell, who is made up: a baker with a sourdough called Gerald, and 600 posts.",
        time,
      ),
    ),
    button,
  );
};

/** Return the best base model that needs no download. */
const baseHere = async (signal) => {
  const { bases } = await get("/api/bases", signal);
  return bases.some(({ name, here }) => name === BEST && here) ? BEST : ALWAYS_HERE;
};

const showTime = async (container, signal) => {
  try {
    const base = await baseHere(signal);
    const query = new URLSearchParams({ posts: POSTS, characters: CHARACTERS });
    const { estimates } = await get(`/api/estimates?${query}`, signal);
    const { seconds } = estimates.find((row) => row.base === base && row.budget === null);
    container.textContent = ` It takes ${about(seconds)} here.`;
  } catch {
    // the button works without it
  }
};
