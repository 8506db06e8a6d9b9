// Handles in text, as X, Mastodon, Bluesky and Reddit write them. Mirrors text/handles.py.

import { folded, isUnspaced, lastWord } from "./words.js";

export const MASK = "@…";

const HANDLE = new RegExp(
  "(?<![A-Za-z0-9_])[@＠]"
  + "(?<account>[A-Za-z0-9_]+(?:(?:-[A-Za-z0-9_]+)*(?:\\.[a-z0-9][a-z0-9-]*)+)?"
  + "(?:@[A-Za-z0-9][A-Za-z0-9-]*(?:\\.[A-Za-z0-9][A-Za-z0-9-]*)*)?)"
  + "|(?<![\\p{L}\\p{N}_\\/])\\/?u\\/(?<user>[A-Za-z0-9_-]{3,20})(?![\\p{L}\\p{N}_-])", "gu");
const TIME = /^\d{1,4}(?:[ap]m|h)?$/i; // "dinner @7pm"

export function findHandles(text) {
  return [...text.matchAll(HANDLE)]
    .map((found) => ({
      start: found.index,
      end: found.index + found[0].length,
      name: found.groups.account ?? found.groups.user,
    }))
    .filter((handle) => !TIME.test(handle.name))
    .map((handle) => ({ ...handle, name: folded(handle.name) }));
}

export function maskHandles(text, handles) {
  let masked = "", end = 0;
  for (const handle of handles) {
    masked += text.slice(end, handle.start) + MASK;
    end = handle.end;
  }
  return masked + text.slice(end);
}

// Detects unknown handles in a growing text, once their word is complete.
export class HandleWatch {
  constructor(isKnown, typed) {
    this.isKnown = isKnown;
    this.own = new Set(findHandles(typed).map((handle) => handle.name));
    this.word = typed.slice(lastWord(typed));
    this.typed = this.word.length;
  }

  add(text) {
    this.word += text;
    if (/^[\p{L}\p{N}]+$/u.test(text) && ![...text].some(isUnspaced)) return false;
    const begin = /\s$/.test(this.word) ? this.word.length : lastWord(this.word);
    if (!begin) return false;
    const complete = this.word.slice(0, begin);
    const names = findHandles(complete).filter((handle) => handle.end > this.typed);
    this.word = this.word.slice(begin);
    this.typed = 0;
    return !names.every(({ name }) => this.own.has(name) || this.isKnown(name));
  }
}
