// A byte-level BPE tokenizer from a tokenizer.json. Mirrors inference/tokenizer.py and byte_level.py.

import { isInsideWord } from "./words.js";

const WORDS = new RegExp(
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", "gu");
const DIGITS = /\p{N}|\P{N}+/gu;
const SYMBOL_BYTES = [0xe2, 0xef, 0xf0]; // of which most characters are no letters
const MAX_CHARACTER_BYTES = 4;
const LATER = 3; // times the number of a token, by which that with a space is much later

// The bytes of every token, by its id; none for special tokens.
export class Pieces extends Array {
  // Return the tokens whose bytes begin with these, in order of their ids.
  beginningWith(start) {
    const found = [];
    this.forEach((piece, token) => {
      if (piece.length >= start.length && start.every((byte, index) => byte === piece[index])) {
        found.push(token);
      }
    });
    return found;
  }

  // The tokens that continue a word, and so can't follow a complete one.
  get insideWords() {
    this.inside ??= [...this.keys()].filter(
      (token) => this[token].length && goesOnWithWord(this[token]));
    return this.inside;
  }

  // The tokens that texts hardly begin with: ends of words and of characters. Small letters that have
  // a token with a space before them only much later, or never, are mostly inside of words.
  get fragments() {
    if (!this.ends) {
      const spaced = new Map();
      this.forEach((piece, token) => {
        if (piece[0] === 0x20) spaced.set(latin1(piece.subarray(1)), token);
      });
      this.ends = [...this.keys()].filter((token) => isFragment(token, this[token], spaced));
    }
    return this.ends;
  }
}

// Return whether texts hardly begin with a token; `spaced` has those that follow a space.
function isFragment(token, piece, spaced) {
  if (!piece.length) return false;
  if (piece[0] >= 0x80 && piece[0] <= 0xbf) return true; // not the first byte of a character
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(piece, { stream: true });
  const letters = text.match(/^[\p{L}\p{Nl}\p{No}]{2,}/u)?.[0];
  if (!letters || !/^\p{Lowercase}/u.test(letters)) return false;
  const withSpace = spaced.get(latin1(new TextEncoder().encode(letters)));
  return withSpace === undefined || withSpace > LATER * token;
}

// Return a string of a character for each byte, to compare bytes by.
function latin1(bytes) {
  return String.fromCharCode(...bytes);
}

export function goesOnWithWord(start) {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const text = decoder.decode(start.subarray(0, MAX_CHARACTER_BYTES), { stream: true });
  const first = [...text].find((one) => one !== "\ufffd");
  return first ? isInsideWord(first) : !SYMBOL_BYTES.includes(start[0]);
}

export class Tokenizer {
  // `special` holds the numbers of the begin and end token and of those that are never sampled.
  constructor(file, special) {
    this.eosToken = special.eos;
    this.bosToken = special.bos;
    this.suppressedTokens = special.suppressed;
    const steps = file.pre_tokenizer.pretokenizers ?? [file.pre_tokenizer];
    this.splitsDigits = steps.some((step) => step.type === "Digits");
    this.vocabulary = new Map(Object.entries(file.model.vocab));
    this.ranks = new Map(file.model.merges.map((pair, rank) => [
      Array.isArray(pair) ? pair.join(" ") : pair, rank]));
    this.characterOf = alphabet();
    this.pieces = this.allPieces(file);
    this.cache = new Map();
  }

  allPieces(file) {
    const byteOf = new Map(this.characterOf.map((character, byte) => [character, byte]));
    const ids = [...this.vocabulary.values(), ...file.added_tokens.map(({ id }) => id)];
    const pieces = Pieces.from({ length: largest(ids) + 1 },
      () => new Uint8Array(0));
    for (const [token, id] of this.vocabulary) {
      const characters = [...token];
      pieces[id] = characters.every((one) => byteOf.has(one))
        ? Uint8Array.from(characters, (one) => byteOf.get(one))
        : new TextEncoder().encode(token);
    }
    for (const { id, content, special } of file.added_tokens) {
      pieces[id] = special ? new Uint8Array(0) : new TextEncoder().encode(content);
    }
    return pieces;
  }

  // Tokenize a text, without special tokens, whose names in it are plain text.
  encode(text) {
    const runs = this.splitsDigits ? text.match(DIGITS) ?? [] : [text];
    return runs.flatMap((run) => run.match(WORDS) ?? []).flatMap((word) => this.encodeWord(word));
  }

  encodeWord(word) {
    if (!this.cache.has(word)) {
      const bytes = new TextEncoder().encode(word);
      const parts = this.merge(Array.from(bytes, (byte) => this.characterOf[byte]));
      this.cache.set(word, parts.map((part) => this.vocabulary.get(part))
        .filter((token) => token !== undefined));
    }
    return this.cache.get(word);
  }

  // Merge the pair of the lowest rank, the first of several, until none is left.
  merge(parts) {
    while (parts.length > 1) {
      let best = Infinity, place = -1;
      for (let index = 0; index + 1 < parts.length; index++) {
        const rank = this.ranks.get(`${parts[index]} ${parts[index + 1]}`) ?? Infinity;
        if (rank < best) [best, place] = [rank, index];
      }
      if (place < 0) return parts;
      parts.splice(place, 2, parts[place] + parts[place + 1]);
    }
    return parts;
  }

  // Return the text of tokens, without special tokens.
  decode(tokens) {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(spelling(tokens, this.pieces));
  }
}

export function spelling(tokens, pieces) {
  return Uint8Array.from(tokens.flatMap((token) => [...(pieces[token] ?? [])]));
}

function largest(numbers) {
  return numbers.reduce((most, number) => Math.max(most, number), 0);
}

// Return the character of GPT-2's alphabet that stands for each byte.
function alphabet() {
  const isPrintable = (byte) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac)
    || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(
    isPrintable(byte) ? byte : next++));
}
