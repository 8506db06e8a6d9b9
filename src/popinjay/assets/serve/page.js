// The page: routing by the URL fragment, signing in, and the switch between light and dark.

import { get, post } from "./api.js";
import { el, errorBox, fill, loading, remember, remembered, title } from "./dom.js";
import * as all from "./all.js";
import * as exporting from "./export.js";
import * as home from "./home.js";
import * as job from "./job.js";
import * as login from "./login.js";
import * as look from "./look.js";
import * as make from "./make.js";
import * as queue from "./queue.js";
import * as say from "./say.js";

const SCREENS = { home, make, job, say, look, queue, export: exporting, all };
const main = document.getElementById("main");
let open = new AbortController();

/** Parse `#/say/ada?n=3` into the name of the screen, its subject, and its settings. */
const address = () => {
  const [path, settings = ""] = location.hash.replace(/^#\/?/u, "").split("?");
  const [screen, ...about] = path.split("/");
  return {
    screen: screen || "home",
    about: about.map(decode).join("/"),
    settings: new URLSearchParams(settings),
  };
};

const decode = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

const show = async ({ isFirst = false } = {}) => {
  const { screen, about, settings } = address();
  open.abort();
  open = new AbortController();
  const { signal } = open;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#/${screen}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const container = document.createElement("div");
  container.className = `screen ${screen in SCREENS ? screen : "none"}`;
  fill(container, loading()); // each screen takes its place
  fill(main, container);
  try {
    if (screen in SCREENS) await SCREENS[screen].show(container, about, { signal, settings });
    else showUnknown(container);
  } catch (error) {
    if (signal.aborted) return;
    if (error.status === 401) login.show(container, () => show());
    else fill(container, title("This did not work"), errorBox(error), wayHome());
  }
  if (signal.aborted) return;
  const heading = container.querySelector("h1");
  document.title = heading ? `${heading.textContent} · popinjay` : "popinjay";
  if (!isFirst) {
    scrollTo(0, 0);
    heading?.focus({ preventScroll: true });
  }
};

const showUnknown = (container) =>
  fill(
    container,
    title("There is nothing here"),
    el("p", { class: "lead" }, "This address belongs to no part of the page."),
    wayHome(),
  );

const wayHome = () => el("p", {}, el("a", { class: "button main", href: "#/" }, "To the start"));

/** Exchange the token in the URL for a cookie, and remove it from the URL. */
const signIn = async () => {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", `${location.pathname}#/`);
  await post("/api/login", { token });
};

const setUpTheme = () => {
  const button = document.getElementById("theme");
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const label = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute(
      "aria-label",
      isDark() ? "Switch to light colours" : "Switch to dark colours",
    );
  };
  const chosen = remembered("theme");
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember("theme", root.dataset.theme);
    label();
  });
  dark.addEventListener("change", label);
  label();
  button.hidden = false;
};

/** Link to the project in the footer, if whoever made this package has set its address. */
const showProject = async () => {
  const { homepage } = await get("/api/about");
  if (!homepage) return;
  const more = { href: homepage, target: "_blank", rel: "noopener noreferrer" };
  fill(document.getElementById("project"), " Made with ", el("a", more, "Popinjay"), ".");
};

setUpTheme();
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment selects the screen
  main.focus();
});
signIn()
  .catch((error) => fill(main, errorBox(error)))
  .then(() => {
    addEventListener("hashchange", () => show());
    return show({ isFirst: true });
  })
  .then(showProject)
  .catch(() => {}); // the page works without it
