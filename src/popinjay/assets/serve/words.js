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

/** The stages in order, with their labels. */
export const STAGES = {
  collect: "Read the posts",
  clean: "Sort them out",
  dataset: "Set some aside to measure with",
  train: "Learn the voice",
  evaluate: "Measure how good it is",
  picture: "Draw a picture",
  card: "Write the card and the report",
};

export const STATES = {
  ready: "ready",
  stale: "out of date",
  unfinished: "not finished",
  failed: "did not work out",
  queued: "waiting for its turn",
  running: "under way",
  done: "done",
  stopped: "stopped",
};
