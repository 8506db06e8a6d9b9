// Sharing one post. Nothing leaves by itself: these are links, and whoever follows one sees the text there before it is sent.
// Every text says that a machine wrote it; no name in it is a mention, so nobody is called.

import { announce, el, fill, remember, remembered, trouble } from "./dom.js";

const MOST = { bluesky: 300, x: 280, mastodon: 500 };

/** A post as it may be passed on, at most so long: what a machine wrote is said to be so. */
export const labelled = (
  text,
  people,
  most = Infinity,
  measure = (words) => characters(words).length,
) => {
  const label = `\n\n🦜 Written by a machine in the style of ${quiet(people)}. They never said it.`;
  const short = "\n\n🦜 Written by a machine, not by a person.";
  for (const ending of [label, short]) if (measure(text + ending) <= most) return text + ending;
  const kept = characters(text);
  while (kept.length && measure(`${kept.join("")}…${short}`) > most) kept.pop();
  return `${kept.join("").trimEnd()}…${short}`;
};

const characters = (text) =>
  Intl.Segmenter ? [...new Intl.Segmenter().segment(text)].map((one) => one.segment) : [...text];

const quiet = (people) => people.replaceAll("@", "");

/** How X counts: most letters of Latin and its neighbours are one, all others two. */
const weight = (text) =>
  [...text].reduce(
    (sum, one) =>
      sum + (/[\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]/u.test(one) ? 1 : 2),
    0,
  );

export const copy = async (text) => {
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else {
    const area = el("textarea", { class: "unseen", readonly: true }); // over plain http from another machine there is no clipboard
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

/** A server's name as people type it, as the address of its page for sharing; null for what is none. */
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

export class Share {
  constructor(persona, picture) {
    this.persona = persona;
    this.picture = picture;
    this.place = el("dialog", { class: "share", "aria-labelledby": "share-title" });
    this.place.addEventListener(
      "click",
      (event) => event.target === this.place && this.place.close(),
    ); // beside it
  }

  open(one) {
    const people = (this.persona.handles ?? []).join(" and ") || this.persona.name;
    const text = labelled(one.text, people);
    const link = (words, address) =>
      el(
        "a",
        { class: "button", href: address, target: "_blank", rel: "noopener noreferrer" },
        words,
      );
    this.trouble = el("div");
    fill(
      this.place,
      el(
        "div",
        { class: "line between" },
        el("h2", { id: "share-title" }, "Share it"),
        el(
          "button",
          { type: "button", autofocus: true, onclick: () => this.place.close() },
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
          `https://bsky.app/intent/compose?text=${encodeURIComponent(labelled(one.text, people, MOST.bluesky))}`,
        ),
        link(
          "X",
          `https://x.com/intent/post?text=${encodeURIComponent(labelled(one.text, people, MOST.x, weight))}`,
        ),
        this.button("Copy the text", () => copy(text), "Copied"),
        navigator.share ? this.button("Share…", () => navigator.share({ text })) : null,
      ),
      this.mastodon(labelled(one.text, people, MOST.mastodon)),
      this.pictured(one),
      this.trouble,
    );
    this.place.showModal();
  }

  button(words, work, then) {
    const button = el("button", { type: "button" }, words);
    button.addEventListener("click", async () => {
      fill(this.trouble);
      try {
        await work();
        if (then) button.textContent = then;
      } catch (error) {
        if (error.name !== "AbortError") fill(this.trouble, trouble(error));
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
    const tell = () => {
      const address = mastodonLink(input.value, text);
      if (address) link.setAttribute("href", address);
      else link.removeAttribute("href");
      link.setAttribute("aria-disabled", String(!address));
    };
    input.addEventListener("input", tell);
    link.addEventListener("click", () =>
      link.hasAttribute("href") ? remember("mastodon", input.value.trim()) : input.focus(),
    );
    tell();
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

  pictured(one) {
    const place = el("div", { class: "pictured" });
    const show = () => {
      if (this.picture.shows !== one.text) {
        fill(
          place,
          this.button("As a picture", async () => (await this.picture.choose(one), show())),
        );
        return;
      }
      const address = this.picture.address();
      fill(
        place,
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
    return el("div", { class: "field" }, el("h3", {}, "Its picture"), place);
  }

  async send(address, one) {
    const picture = await (await fetch(address)).blob();
    const files = [new File([picture], `${this.persona.name}.png`, { type: "image/png" })];
    if (!navigator.canShare({ files }))
      throw Object.assign(new Error("This browser can’t pass on pictures."), {
        hint: "Save it, and add it to your post.",
      });
    await navigator.share({
      files,
      text: labelled(one.text, (this.persona.handles ?? []).join(" and ")),
    });
  }
}
