// Helpers that create DOM elements. All text becomes text nodes and is never parsed as HTML.

/**
 * Create an element. `given` has attributes, listeners (`onclick`) and the properties that no
 * attribute sets; children are elements, texts, nested arrays of both, or null.
 */
export const el = (name, given = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "selected" || key === "disabled" || key === "hidden")
      element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...present(children));
  return element;
};

const present = (children) =>
  children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false);

/** Replace the children of an element. */
export const fill = (container, ...children) => container.replaceChildren(...present(children));

/** Isolate a name or a post of any writing direction from the text around it. */
export const bdi = (text) => el("bdi", {}, text);

/** Announce a text to users of screen readers. */
export const announce = (text) => {
  document.getElementById("said").textContent = text;
};

/** The main heading of a screen, which gets the focus when the screen is opened. */
export const title = (...words) => el("h1", { tabindex: "-1" }, ...words);

/** What stands where something is being loaded; it shows only if that takes a moment. */
export const loading = (words = "Loading…") =>
  el("p", { class: "aside loading", role: "status" }, words);

/** Return a stored setting; null if there is none, or the browser blocks storage. */
export const remembered = (key) => {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
};

export const remember = (key, value) => {
  try {
    localStorage.setItem(key, value);
  } catch {
    // the page works without it
  }
};

/** A table that scrolls sideways, with a label for screen readers; rows are lists of elements. */
export const scrollTable = (label, head, body) =>
  el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, body)),
  );

/** A box with the message and the hint of an error. */
export const errorBox = (error, ...more) =>
  el(
    "div",
    { class: "trouble", role: "alert" },
    el("p", { dir: "auto" }, el("b", {}, error.message || "Something went wrong.")),
    error.hint ? el("p", { dir: "auto" }, error.hint) : null,
    ...more,
  );

/**
 * Return a listener that runs `work`, with the button disabled meanwhile. Errors are shown in
 * `container`.
 */
export const actionHandler = (button, container, work) => async (event) => {
  event?.preventDefault();
  if (button.disabled) return;
  button.disabled = true;
  fill(container);
  try {
    await work(event);
  } catch (error) {
    if (error.name !== "AbortError") fill(container, errorBox(error));
  } finally {
    button.disabled = false;
  }
};
