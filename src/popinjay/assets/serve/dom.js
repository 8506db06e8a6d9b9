// Elements made by hand. Every text becomes a text node: nothing that anybody wrote is ever read as HTML.

/** An element with attributes, listeners (`onclick`), properties that no attribute sets, and children: elements, texts, lists of both, null. */
export const el = (name, given = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "disabled" || key === "hidden")
      made[key] = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...kept(children));
  return made;
};

const kept = (children) =>
  children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false);

/** Put these in the place of all that an element holds. */
export const fill = (place, ...children) => place.replaceChildren(...kept(children));

/** A name or a post that may be written in any direction, kept from turning its neighbours. */
export const bdi = (text) => el("bdi", {}, text);

/** Tell those who listen instead of looking. */
export const announce = (text) => {
  document.getElementById("said").textContent = text;
};

/** The first heading of a page, which takes the focus when the page is opened. */
export const title = (...words) => el("h1", { tabindex: "-1" }, ...words);

/** What this browser remembers; nothing where it is told to remember nothing. */
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
    // it works as well without
  }
};

/** What went wrong, in a box of its own. */
export const trouble = (error, ...more) =>
  el(
    "div",
    { class: "trouble", role: "alert" },
    el("p", { dir: "auto" }, el("b", {}, error.message || "Something went wrong.")),
    error.hint ? el("p", { dir: "auto" }, error.hint) : null,
    ...more,
  );

/** A button that is off while what it does goes on; trouble is shown in `place`. */
export const doing = (button, place, work) => async (event) => {
  event?.preventDefault();
  if (button.disabled) return;
  button.disabled = true;
  fill(place);
  try {
    await work(event);
  } catch (error) {
    if (error.name !== "AbortError") fill(place, trouble(error));
  } finally {
    button.disabled = false;
  }
};
