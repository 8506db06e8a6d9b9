// The posts on the page. Texts are set as texts, and never become HTML.

import { labelled, share } from "./share.js";

const COPIED_MS = 2000; // how long a button says so

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const button = (label, act) => {
  const made = element("button", { type: "button" }, label);
  made.addEventListener("click", () => act(made));
  return made;
};

// The posts that are being written.
export class PostList {
  constructor(list, title, kept, announce) {
    Object.assign(this, { list, title, kept, announce });
    this.items = [];
  }

  begin(count) {
    this.list.replaceChildren();
    this.items = Array.from({ length: count }, () => {
      const text = element("p", { dir: "auto" });
      const acts = element("div", { class: "acts" });
      const item = element("li", { "aria-busy": "true" }, text, acts);
      return { item, text, acts };
    });
  }

  show(place, words) {
    const { item, text } = this.items[place];
    if (!item.isConnected) this.insert(place);
    text.textContent = words;
  }

  insert(place) {
    const after = this.items.slice(place + 1).find(({ item }) => item.isConnected);
    this.list.insertBefore(this.items[place].item, after?.item ?? null);
  }

  finish(place, words) {
    this.show(place, words);
    const { item, acts } = this.items[place];
    item.setAttribute("aria-busy", "false");
    acts.replaceChildren(
      button("Keep", (made) => {
        this.kept.add(words);
        made.disabled = true;
        made.textContent = "Kept";
      }),
      ...sharing(words, this.title, this.announce));
  }

  miss(place) {
    this.show(place, "Every draft of this post was rejected.");
    const { item, text } = this.items[place];
    item.setAttribute("aria-busy", "false");
    text.className = "missing";
  }

  end() {
    for (const { item } of this.items) {
      if (item.getAttribute("aria-busy") === "true") item.remove();
    }
  }
}

// The posts that the user kept, in this browser.
export class KeptPosts {
  constructor(section, list, name, title, announce) {
    Object.assign(this, { section, list, title, announce });
    this.key = `popinjay kept ${new URL(".", location.href).pathname} ${name}`;
    this.posts = this.read();
    this.show();
  }

  read() {
    try {
      const found = JSON.parse(localStorage.getItem(this.key) ?? "[]");
      return Array.isArray(found) ? found.filter((one) => typeof one === "string") : [];
    } catch {
      return [];
    }
  }

  write() {
    try {
      localStorage.setItem(this.key, JSON.stringify(this.posts));
    } catch {
      this.announce("This browser does not let it be kept for the next visit.");
    }
    this.show();
  }

  add(words) {
    if (!this.posts.includes(words)) this.posts.unshift(words);
    this.write();
    this.announce("Kept.");
  }

  remove(words) {
    this.posts = this.posts.filter((one) => one !== words);
    this.write();
    this.announce("Removed.");
  }

  show() {
    this.section.hidden = !this.posts.length;
    this.list.replaceChildren(...this.posts.map((words) => element(
      "li", {}, element("p", { dir: "auto" }, words), element("div", { class: "acts" },
        button("Remove", () => this.remove(words)),
        ...sharing(words, this.title, this.announce)))));
  }
}

function sharing(words, title, announce) {
  const text = labelled(words, title);
  const copy = button("Copy", async (made) => {
    try {
      await navigator.clipboard.writeText(text);
      made.textContent = "Copied";
      setTimeout(() => { made.textContent = "Copy"; }, COPIED_MS);
      announce("Copied, with the mark that a machine wrote it.");
    } catch {
      announce("This browser does not let it be copied: mark the text instead.");
    }
  });
  if (!navigator.share) return [copy];
  return [copy, button("Share", () => share(text, announce))];
}
