// Personal data in text, by patterns. Mirrors text/masking.py and text/pii.

import { findAddresses, findCards, findIbans } from "./numbers.js";
import { findEmails } from "./emails.js";
import { findKeys } from "./keys.js";
import { findPhones } from "./phones.js";

// Earlier sorts take precedence: a key may contain digits like those of a card.
const SORTS = [
  ["key", findKeys], ["email", findEmails], ["iban", findIbans], ["card", findCards],
  ["ip", findAddresses], ["phone", findPhones]];
const MASKED = /\[(?:key|email|iban|card|ip|phone)(?![\p{L}\p{N}_])/giu;
const UNFINISHED = new RegExp(
  "(?:\\b[A-Z]{2}\\d\\d[A-Z\\d .-]*|\\b[a-z]{2}\\d\\d[\\d .-]*|[+(]?\\d[\\d ()./_-]*)$");
const KEY_BEGINS = "-----BEGIN";
const MAX_TAIL = 120; // characters of a card's digits one by one, with separators

const DROPPED = /[\p{Cf}\ufe0e\ufe0f\u20e3\u034f\u115f\u1160\u3164\uffa0]/u;
const DOTS = "\u00b7\u2022\u2219\u22c5\u30fb\uff65";

// Return a text with digits, dashes, blanks and wide characters as ASCII, without invisible ones,
// and the original place of each of its characters.
export function fold(text) {
  if (/^[\x00-\x08\x0a-\x7f]*$/.test(text)) return { text, places: null };
  let plain = "", place = 0;
  const places = [];
  for (const character of text) {
    const one = foldedCharacter(character);
    for (let unit = 0; unit < one.length; unit++) places.push(place);
    plain += one;
    place += character.length;
  }
  places.push(place);
  return { text: plain, places };
}

function foldedCharacter(character) {
  if (character >= " " && character <= "~") return character;
  if (DROPPED.test(character)) return "";
  if (/\p{Nd}/u.test(character)) return String(decimalValue(character));
  if (/\p{Pd}|\u2212/u.test(character)) return "-";
  if (/\p{Zs}|[\t\u2800]/u.test(character)) return " ";
  if (DOTS.includes(character)) return ".";
  const wide = character.normalize("NFKC");
  return /^[ -~]$/.test(wide) && !/\p{No}/u.test(character) ? wide : character;
}

// Return the value of a digit of any script: digits follow one another from zero on.
function decimalValue(character) {
  const ascii = character.normalize("NFKC");
  if (/^[0-9]$/.test(ascii)) return Number(ascii);
  const code = character.codePointAt(0);
  let zero = code;
  while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return code - zero;
}

// Return the places of all personal data in a text, with its sort.
export function findMatches(text) {
  const folded = fold(text);
  const found = [];
  let plain = folded.text;
  for (const [sort, find] of SORTS) {
    for (const [begin, end] of find(plain)) {
      found.push(folded.places
        ? { begin: folded.places[begin], end: folded.places[end - 1] + 1, sort }
        : { begin, end, sort });
      plain = plain.slice(0, begin) + "\0".repeat(end - begin) + plain.slice(end);
    }
  }
  return found;
}

// Return whether a text contains personal data, or masks learnt from masked posts. What ends
// within the first `typed` characters does not count.
export function reveals(text, typed = 0) {
  for (const found of text.matchAll(MASKED)) {
    if (found.index + found[0].length > typed) return true;
  }
  return findMatches(text).some((match) => match.end > typed);
}

// Return where text begins that could become personal data of several words as it grows.
export function unfinishedStart(text) {
  const begun = text.indexOf(KEY_BEGINS);
  const start = Math.max(0, text.length - MAX_TAIL);
  const folded = fold(text.slice(start));
  const found = UNFINISHED.exec(folded.text);
  if (!found) return begun < 0 ? text.length : begun;
  const number = start + (folded.places ? folded.places[found.index] : found.index);
  return begun < 0 ? number : Math.min(begun, number);
}
