// The report as a part of this page, with its game.

import { getText, personaPath } from "./api.js";
import { el } from "./dom.js";
import { embedReport } from "./report.js";

/** Load a persona's report, in which every text is escaped; return an element that shows it. */
export const reportContent = async (name, signal) => {
  const content = await getText(personaPath(name, "report/content"), signal);
  const host = el("div", { class: "report-host" });
  embedReport(host, content, { signal });
  return host;
};
