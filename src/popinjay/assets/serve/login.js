// The form that asks for the token, on a server that other machines may reach.

import { post } from "./api.js";
import { actionHandler, el, fill, title } from "./dom.js";

/** Ask for the token, and call `done` once it was right. */
export const show = (container, done) => {
  const errors = el("div");
  const input = el("input", {
    id: "token",
    type: "password",
    required: true,
    autocomplete: "current-password",
    spellcheck: "false",
    "aria-describedby": "token-hint",
  });
  const button = el("button", { class: "main" }, "Log in");
  const form = el(
    "form",
    { class: "ask" },
    el("label", { for: "token" }, "Token"),
    el("div", { class: "line" }, input, button),
    el(
      "p",
      { class: "aside", id: "token-hint" },
      "It stands at the end of the address that popinjay showed when it was started.",
    ),
    errors,
  );
  form.addEventListener(
    "submit",
    actionHandler(button, errors, async () => {
      await post("/api/login", { token: tokenIn(input.value) });
      done();
    }),
  );
  const why = "Popinjay was started for other machines too, so it asks for its token.";
  fill(container, title("This page is locked"), el("p", { class: "lead" }, why), form);
};

/** Return the token of what was pasted, which may be the whole address. */
const tokenIn = (text) => /[#&?]token=([^&\s]+)/u.exec(text)?.[1] ?? text.trim();
