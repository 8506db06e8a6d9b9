// Detects texts that repeat others word for word, by hashes. Mirrors text/verbatim_index.py.

import { blake2b } from "./blake2b.js";
import { folded, halfWords, isUnspaced, locatedWords, mayGrow, words, RUN_HALVES } from "./words.js";

const KEY = 16; // bytes: the salt of the hashes

export class VerbatimIndex {
  // `stored` holds the key and the sorted hashes; `marked` is a further index to search.
  constructor(stored, marked = null) {
    this.key = stored.slice(0, KEY);
    this.hashes = new BigInt64Array(stored.slice(KEY).buffer);
    this.marked = marked;
  }

  hash(run) {
    return blake2b(new TextEncoder().encode(run.join(" ")), this.key);
  }

  // Return whether a text equals an indexed one, or shares a run of eight words with one.
  isCopied(text, typed = 0) {
    if (!typed) {
      const found = words(text);
      return this.holdsWhole(found) || runs(found).some((run) => this.holds(run));
    }
    const matcher = this.follow(text.slice(0, typed));
    return matcher.add(text.slice(typed)) || matcher.end();
  }

  // Return whether a text equals an indexed one, or its last eight words are a run in one.
  endsCopied(text) {
    const found = words(text);
    return this.holdsWhole(found) || (found.length > 0 && this.holdsRun(found));
  }

  hasHandle(name) {
    return this.holdsOwn(["@", name]);
  }

  follow(typed = "") {
    return new IncrementalMatcher(this, typed);
  }

  holdsRun(found) {
    const run = lastRun(found, found.length);
    return run !== null && this.holds(run);
  }

  holdsWhole(found) {
    return this.holds(["", ...found]);
  }

  holds(run) {
    return Boolean(this.marked?.holds(run)) || this.holdsOwn(run);
  }

  holdsOwn(run) {
    const digest = this.hash(run);
    let low = 0, high = this.hashes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.hashes[middle] < digest) low = middle + 1;
      else high = middle;
    }
    return this.hashes[low] === digest;
  }
}

// Finds copied runs in a growing text, as soon as the eighth word of a run is complete. Only runs
// that extend beyond the typed beginning count, even if by a single letter.
export class IncrementalMatcher {
  constructor(copies, typed) {
    this.copies = copies;
    this.words = [];
    this.rest = ""; // from the last word on, which may still grow
    this.typed = folded(typed).length; // characters of the rest that were typed
    this.last = typed ? 0 : 1; // characters of the last word beyond what was typed
    this.add(typed);
  }

  // Add text, and return whether that completed a copied run.
  add(text) {
    this.rest += text;
    if (/^\p{L}+$/u.test(text) && ![...text].some(isUnspaced)) return false;
    this.rest = folded(this.rest);
    let copied = false;
    let kept = 0;
    for (const [word, begin, end] of locatedWords(this.rest)) {
      kept = begin;
      if (mayGrow(word, this.rest.slice(end))) break;
      copied = this.complete(word, end) || copied;
      kept = end;
    }
    this.rest = this.rest.slice(kept);
    this.typed -= kept;
    return copied;
  }

  // End the text, and return whether its last word completed a run, or it equals a text.
  end() {
    const rest = locatedWords(folded(this.rest));
    const copied = rest.some(([word, , end]) => this.complete(word, end));
    this.rest = "";
    return copied || (this.last > 0 && this.copies.holdsWhole(this.words));
  }

  complete(word, end) {
    this.words.push(word);
    this.last = end - this.typed;
    return end > this.typed && this.copies.holdsRun(this.words);
  }
}

function runs(found) {
  return found.map((_, index) => lastRun(found, index + 1)).filter((run) => run !== null);
}

// Return the shortest run of sufficient weight that ends before word `end`, null if none.
function lastRun(found, end) {
  let begin = end, weight = 0;
  while (weight < RUN_HALVES) {
    if (!begin) return null;
    begin -= 1;
    weight += halfWords(found[begin]);
  }
  return found.slice(begin, end);
}
