// Which text of a post can be shown while it is still being generated. Mirrors
// sampling/streaming.py.

import { settled } from "./filters.js";
import { reveals } from "./masking.js";
import { oneLine } from "./post.js";
import { continuesWord } from "./words.js";

export class StreamBuffer {
  constructor() {
    this.shown = new Map(); // by place: the text that is shown
    this.seen = new Map(); // by place: the attempt looked at last, and how long it was
  }

  // Return the text to show of a draft, or null if that has not changed.
  push(sequence) {
    const { place, attempt } = sequence.key;
    const text = sequence.partialText();
    const before = this.seen.get(place) ?? { attempt: -1, length: 0 };
    this.seen.set(place, { attempt, length: text.length });
    if (before.attempt === attempt && continuesWord(text, before.length)) return null;
    return this.show(place, this.certain(sequence, text));
  }

  show(place, text) {
    if (this.shown.get(place) === text) return null;
    this.shown.set(place, text);
    return text;
  }

  // Return the part of a draft's text that no further token can change.
  certain(sequence, whole) {
    const prompt = sequence.prompt.text;
    const text = prompt + settled(whole).slice(prompt.length);
    return reveals(text, prompt.length) ? "" : oneLine(sequence.masked(text));
  }
}
