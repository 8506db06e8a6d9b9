// Which generated posts may be shown: no copies of training posts, no personal data, no handles of
// strangers, nothing too long or unfinished. Mirrors sampling/filters.py.

import { findHandles, HandleWatch, maskHandles } from "./handles.js";
import { reveals, unfinishedStart } from "./masking.js";
import { lastWord, lengthOf, wholeSentences } from "./words.js";

const GOOD_PART = 0.5; // the share of a text that must be left if it is ended at a sentence

export const Reason = {
  EMPTY: "empty", COPIED: "copied", PERSONAL: "personal data", HANDLE: "unknown handle",
  LONG: "too long", UNFINISHED: "unfinished", BROKEN: "broken character",
};
export const isABlemish = (reason) => [Reason.UNFINISHED, Reason.BROKEN].includes(reason);

export class OutputFilters {
  constructor(index) {
    this.index = index;
  }

  // Return a watch for a draft that begins with the prompt.
  watch(prompt, options, masks = false) {
    const matcher = this.index.follow(prompt);
    const room = options.maxChars - lengthOf(prompt);
    if (masks) return new Watch(matcher, room, null, (text) => this.masked(text, prompt.length));
    return new Watch(matcher, room, new HandleWatch((name) => this.index.hasHandle(name), prompt));
  }

  unknownHandles(text, typed = 0) {
    const own = new Set(findHandles(text.slice(0, typed)).map(({ name }) => name));
    return findHandles(text).filter(({ end, name }) => (
      end > typed && !own.has(name) && !this.index.hasHandle(name)));
  }

  masked(text, typed) {
    const found = this.unknownHandles(text, typed);
    return maskHandles(text, found.filter(({ start }) => start >= typed));
  }

  // Decide what becomes of a draft that has ended.
  judge(text, finished, prompt, options, { wasWatched = false, masks = false } = {}) {
    const typed = text.startsWith(prompt) ? prompt.length : 0;
    const verdict = (rejection = null) => ({ text, finished, rejection });
    let against = null;
    if (!finished || lengthOf(text) > options.maxChars) {
      const shorter = wholeSentences(text, options.maxChars);
      const start = lengthOf(text.slice(0, typed));
      const whole = Math.min(lengthOf(text), options.maxChars) - start;
      if (lengthOf(shorter) - start > GOOD_PART * whole) {
        text = shorter;
        finished = true;
      } else {
        against = lengthOf(text) > options.maxChars ? Reason.LONG : Reason.UNFINISHED;
      }
    }
    if (!text.slice(typed).trim()) return verdict(Reason.EMPTY);
    if (against === Reason.LONG) return verdict(against);
    if (reveals(text, typed)) return verdict(Reason.PERSONAL);
    const copied = wasWatched && !typed
      ? this.index.endsCopied(text) : this.index.isCopied(text, typed);
    if (copied) return verdict(Reason.COPIED);
    if (text.slice(typed).includes("\ufffd")) against = Reason.BROKEN;
    if (masks) text = this.masked(text, typed);
    if (this.unknownHandles(text, typed).length) against = Reason.HANDLE;
    return verdict(against);
  }
}

// Return a growing text without its last word and digits before it.
export function settled(text) {
  const whole = text.slice(0, lastWord(text));
  return whole.slice(0, unfinishedStart(whole));
}

// Watches a draft while it grows, so that a rejected one is not generated to its end.
export class Watch {
  constructor(matcher, room, handles = null, mask = null) {
    Object.assign(this, { matcher, handles, mask });
    this.room = room + 1; // the text may begin with a blank, which is removed later
  }

  add(text) {
    if (this.matcher.add(text)) return Reason.COPIED;
    if (this.handles?.add(text)) return Reason.HANDLE;
    this.room -= lengthOf(text);
    return this.room < 0 ? Reason.LONG : null;
  }

  masked(text) {
    return this.mask ? this.mask(text) : text;
  }
}
