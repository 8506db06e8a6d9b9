// Numbers, times, and the labels of stages and states, formatted for display.

const numbers = new Intl.NumberFormat("en");
const dates = new Intl.DateTimeFormat("en", { dateStyle: "medium" });

export const count = (number) => numbers.format(Math.round(number));

export const plural = (number, one, more = `${one}s`) =>
  `${count(number)} ${number === 1 ? one : more}`;

export const date = (text) =>
  text && !Number.isNaN(Date.parse(text)) ? dates.format(new Date(text)) : "";

export const bytes = (number) => {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  let unit = 0;
  let left = number;
  while (left >= 1000 && unit < units.length - 1) [left, unit] = [left / 1000, unit + 1];
  return `${unit && left < 10 ? left.toFixed(1) : Math.round(left)} ${units[unit]}`;
};

export const duration = (seconds) => {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 600) return `${(seconds / 60).toFixed(1)} min`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
};

/** A duration that is only estimated. */
export const about = (seconds) => {
  if (seconds < 100) return `about ${Math.max(5, 5 * Math.round(seconds / 5))} s`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min`;
  return `about ${duration(seconds)}`;
};

/** The stages in order, with their labels. */
export const STAGES = {
  collect: "Read the posts",
  clean: "Sort them out",
  dataset: "Set some aside to measure with",
  train: "Learn the voice",
  evaluate: "Measure how good it is",
  picture: "Draw a picture",
  card: "Write the model card and the report",
};

export const STATES = {
  ready: "ready",
  stale: "out of date",
  unfinished: "not finished",
  making: "being made",
  failed: "did not work out",
  queued: "waiting for its turn",
  running: "under way",
  done: "done",
  stopped: "stopped",
};

/** The states of a job that is over. */
export const FINAL_STATES = ["done", "failed", "stopped"];

/** What to call the persona of a job. */
export const nameOf = (job) =>
  job.result?.persona || job.name || (job.specs ?? []).join(" and ") || "a new one";

/** What people know base models by, and what they are good at; others have their name only. */
export const BASES = {
  builtin: ["Small and quick", "It knows a little English, Spanish and French."],
  smollm2: ["SmolLM2", "Real English."],
  gemma3: ["Gemma 3", "140 languages."],
  "smollm2-360m": ["SmolLM2, larger", "Better English, and slower."],
  "granite-350m": ["Granite 4", "Twelve languages."],
  gpt2: ["GPT-2", "What HuggingTweets used. English of 2019."],
  distilgpt2: ["DistilGPT-2", "GPT-2 with half its layers."],
};

/** How long training may take, as the option `budget`; empty: until nothing more is gained. */
export const BUDGETS = {
  "": ["As long as it needs", "It stops once nothing more is gained."],
  "1m": ["1 minute", ""],
  "5m": ["5 minutes", ""],
  "20m": ["20 minutes", ""],
  "1h": ["1 hour", ""],
};
