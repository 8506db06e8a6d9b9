// The list of kept posts, each of which can be copied, shared and removed.

import { get, personaPath, remove } from "./api.js";
import { announce, el, fill } from "./dom.js";
import { displayName } from "./persona.js";
import { Post } from "./post.js";
import { copy, labelled } from "./share.js";
import { date, plural } from "./words.js";

export class KeptPosts {
  constructor(persona, share, signal) {
    this.persona = persona;
    this.share = share;
    this.signal = signal;
    this.element = el("div");
  }

  async load() {
    const path = personaPath(this.persona.name, "kept");
    // The page works without them.
    const { kept } = await get(path, this.signal).catch(() => ({ kept: [] }));
    const isOpen = this.element.querySelector("details")?.open;
    if (!kept.length) {
      fill(this.element);
      return;
    }
    fill(
      this.element,
      el(
        "details",
        { class: "kept", open: isOpen },
        el("summary", {}, plural(kept.length, "kept post")),
        el(
          "ul",
          { class: "posts" },
          kept.map((row) => this.post(row).element),
        ),
      ),
    );
  }

  post(row) {
    const post = Post.finished(this.persona, row.text, { prompt: row.prompt ?? "" }, () => [
      ["Copy", "Copied", () => copy(labelled(row.text, displayName(this.persona)))],
      ["Share…", null, () => this.share.open(post)],
      ["Remove", null, () => this.remove(row)],
    ]);
    if (row.time)
      post.acts.append(el("time", { datetime: row.time, class: "aside" }, date(row.time)));
    return post;
  }

  async remove(row) {
    await remove(personaPath(this.persona.name, `kept/${row.id}`));
    await this.load();
    this.element.querySelector("summary")?.focus();
    announce("Removed");
  }
}
