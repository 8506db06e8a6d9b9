// The page: which screen is shown for which address, and the switch between light and dark.

import { post } from "./api.js";
import { fill, remember, remembered, title, trouble } from "./dom.js";
import * as all from "./all.js";
import * as job from "./job.js";
import * as look from "./look.js";
import * as make from "./make.js";
import * as say from "./say.js";

const SCREENS = { make, job, say, look, all };
const main = document.getElementById("main");
let open = new AbortController();

/** `#/say/ada?n=3` as the screen's name, what it is about, and its settings. */
const address = () => {
  const [path, settings = ""] = location.hash.replace(/^#\/?/u, "").split("?");
  const [screen, ...about] = path.split("/");
  return {
    screen: screen in SCREENS ? screen : "make",
    about: about.map(decoded).join("/"),
    settings: new URLSearchParams(settings),
  };
};

const decoded = (text) => {
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
  const place = document.createElement("div");
  place.className = `screen ${screen}`;
  fill(main, place);
  try {
    await SCREENS[screen].show(place, about, { signal, settings });
  } catch (error) {
    if (signal.aborted) return;
    fill(
      place,
      title("This did not work"),
      trouble(
        error,
        error.status === 401
          ? "Open the address that popinjay printed when it started: it holds the key."
          : null,
      ),
    );
  }
  if (signal.aborted) return;
  const heading = place.querySelector("h1");
  document.title = heading ? `${heading.textContent} · popinjay` : "popinjay";
  if (!isFirst) {
    scrollTo(0, 0);
    heading?.focus({ preventScroll: true });
  }
};

/** The key that came with the address is given to the server, which remembers this browser, and taken out of the address. */
const signIn = async () => {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", `${location.pathname}#/make`);
  await post("/api/login", { token });
};

const themes = () => {
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

themes();
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address says which screen is shown
  main.focus();
});
signIn()
  .catch((error) => fill(main, trouble(error)))
  .then(() => {
    addEventListener("hashchange", () => show());
    return show({ isFirst: true });
  });
