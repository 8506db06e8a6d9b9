// Share one post. Nothing is sent from here: these are links to sites where the user sees the text
// before posting it. Every text says that a machine wrote it, and mentions no account.

import { personaPath, post } from "./api.js";
import { announce, el, fill, remember, remembered, errorBox } from "./dom.js";
import { displayName, pictureOf } from "./persona.js";

const MAX_LENGTHS = { bluesky: 300, x: 280, mastodon: 500 };

/** Return a post with a label that a machine wrote it, cut to at most `most` characters. */
export const labelled = (
  text,
  people,
  most = Infinity,
  measure = (words) => characters(words).length,
) => {
  const style = `in the style of ${withoutMentions(people)}`;
  const label = `\n\n🦜 Written by a machine ${style}. They never said it.`;
  const short = "\n\n🦜 Written by a machine, not by a person.";
  for (const ending of [label, short]) if (measure(text + ending) <= most) return text + ending;
  const kept = characters(text);
  while (kept.length && measure(`${kept.join("")}…${short}`) > most) kept.pop();
  return `${kept.join("").trimEnd()}…${short}`;
};

const characters = (text) =>
  Intl.Segmenter ? [...new Intl.Segmenter().segment(text)].map((one) => one.segment) : [...text];

const withoutMentions = (people) => people.replaceAll("@", "");

/** Return the length as X counts it: two for characters outside of Latin and similar scripts. */
const weight = (text) =>
  [...text].reduce(
    (sum, one) =>
      sum + (/[\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]/u.test(one) ? 1 : 2),
    0,
  );

export const copy = async (text) => {
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else {
    // Browsers have no clipboard API over plain http from another machine.
    const area = el("textarea", { class: "unseen", readonly: true });
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const isDone = document.execCommand("copy");
    area.remove();
    if (!isDone)
      throw Object.assign(new Error("This browser does not let it be copied."), {
        hint: "Mark the text and copy it yourself.",
      });
  }
  announce("Copied");
};

/** Return the URL of a Mastodon server's share page, for a name as typed; null if invalid. */
export const mastodonLink = (server, text) => {
  const name = server
    .trim()
    .replace(/^https?:\/\//iu, "")
    .replace(/\/.*$/u, "")
    .replace(/^.*@/u, "");
  return /^[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?$/iu.test(name)
    ? `https://${name.toLowerCase()}/share?text=${encodeURIComponent(text)}`
    : null;
};

const shareLink = (address, text) => `${address}?text=${encodeURIComponent(text)}`;

export class Share {
  constructor(persona) {
    this.persona = persona;
    this.pictured = null; // the text that is on the picture
    this.element = el("dialog", { class: "share", "aria-labelledby": "share-title" });
    this.element.addEventListener(
      "click",
      (event) => event.target === this.element && this.element.close(),
    ); // a click on the backdrop
  }

  open(one) {
    const people = displayName(this.persona);
    const text = labelled(one.text, people);
    const link = (words, address) =>
      el(
        "a",
        { class: "button", href: address, target: "_blank", rel: "noopener noreferrer" },
        words,
      );
    this.errors = el("div");
    fill(
      this.element,
      el(
        "div",
        { class: "line between" },
        el("h2", { id: "share-title" }, "Share it"),
        el(
          "button",
          { type: "button", autofocus: true, onclick: () => this.element.close() },
          "Close",
        ),
      ),
      el("p", { class: "quote", dir: "auto" }, text),
      el(
        "p",
        { class: "aside" },
        "It says that a machine wrote it. You see it there once more before it is sent.",
      ),
      el(
        "div",
        { class: "acts" },
        link(
          "Bluesky",
          shareLink(
            "https://bsky.app/intent/compose",
            labelled(one.text, people, MAX_LENGTHS.bluesky),
          ),
        ),
        link(
          "X",
          shareLink("https://x.com/intent/post", labelled(one.text, people, MAX_LENGTHS.x, weight)),
        ),
        this.button("Copy the text", () => copy(text), "Copied"),
        navigator.share ? this.button("Share…", () => navigator.share({ text })) : null,
      ),
      this.mastodon(labelled(one.text, people, MAX_LENGTHS.mastodon)),
      this.picture(one),
      this.errors,
    );
    this.element.showModal();
  }

  button(words, work, then) {
    const button = el("button", { type: "button" }, words);
    button.addEventListener("click", async () => {
      fill(this.errors);
      try {
        await work();
        if (then) button.textContent = then;
      } catch (error) {
        if (error.name !== "AbortError") fill(this.errors, errorBox(error));
      }
    });
    return button;
  }

  mastodon(text) {
    const input = el("input", {
      id: "server",
      type: "text",
      value: remembered("mastodon") ?? "",
      placeholder: "mastodon.social",
      autocapitalize: "none",
      spellcheck: "false",
      "aria-describedby": "server-hint",
    });
    const link = el(
      "a",
      { class: "button", target: "_blank", rel: "noopener noreferrer" },
      "Mastodon",
    );
    const updateLink = () => {
      const address = mastodonLink(input.value, text);
      if (address) link.setAttribute("href", address);
      else link.removeAttribute("href");
      link.setAttribute("aria-disabled", String(!address));
    };
    input.addEventListener("input", updateLink);
    link.addEventListener("click", () =>
      link.hasAttribute("href") ? remember("mastodon", input.value.trim()) : input.focus(),
    );
    updateLink();
    return el(
      "div",
      { class: "field" },
      el("label", { for: "server" }, "Your Mastodon server"),
      el("div", { class: "line" }, input, link),
      el(
        "p",
        { class: "aside", id: "server-hint" },
        "Where your account is; remembered in this browser.",
      ),
    );
  }

  /** The post as a picture, which is drawn when it is asked for, and is then the card's too. */
  picture(one) {
    const container = el("div", { class: "pictured" });
    const show = () => {
      if (this.pictured !== one.text) {
        fill(
          container,
          this.button("As a picture", async () => (await this.draw(one), show())),
        );
        return;
      }
      const address = pictureOf(this.persona.name, this.drawn);
      fill(
        container,
        el("img", { src: address, width: "1200", height: "630", alt: one.text }),
        el(
          "div",
          { class: "acts" },
          el(
            "a",
            { class: "button main", href: address, download: `${this.persona.name}.png` },
            "Save the picture",
          ),
          navigator.canShare
            ? this.button("Share the picture…", () => this.send(address, one))
            : null,
        ),
      );
    };
    show();
    return container;
  }

  async draw(one) {
    const { prompt } = one.settings;
    await post(personaPath(this.persona.name, "picture"), { prompt, text: one.text });
    this.pictured = one.text;
    this.drawn = Date.now();
    announce("The picture is drawn");
  }

  async send(address, one) {
    const picture = await (await fetch(address)).blob();
    const files = [new File([picture], `${this.persona.name}.png`, { type: "image/png" })];
    if (!navigator.canShare({ files }))
      throw Object.assign(new Error("This browser can’t pass on pictures."), {
        hint: "Save it, and add it to your post.",
      });
    await navigator.share({ files, text: labelled(one.text, displayName(this.persona)) });
  }
}
