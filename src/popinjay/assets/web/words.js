// Words, in any script. Mirrors text/words.py.

const UNSPACED = "\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u3040-\\u30ff\\u3400-\\u4dbf"
  + "\\u4e00-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3ffff}";
const SPACED = `(?:(?![${UNSPACED}])[\\p{L}\\p{N}_])`;
const UNSPACED_CHARACTER = new RegExp(`^[${UNSPACED}]`, "u");
const WORD = new RegExp(`[${UNSPACED}]|${SPACED}+(?:'${SPACED}+)*`, "gu");
const APOSTROPHES = /[’‘‛ʼʹ′´`＇]/g;
const INVISIBLE = new RegExp(
  "[\\u00ad\\u034f\\u061c\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufe0e\\ufe0f\\ufeff]+",
  "g");
const VOICED = ["\u3099", "\u309a"]; // combining voicing marks of kana
const LAST_WORD = new RegExp(`(?:[${UNSPACED}]|[^\\s${UNSPACED}]+)?\\s*$`, "u");
const SENTENCE_END = /[.!?…؟۔।]+["'”’»)\]]*(?=\s|$)|[。！？｡]+[」』”’）]*/gu;
const ABBREVIATION = new RegExp(
  "(?:^|[^\\p{L}\\p{N}])(?:\\p{L}|Mr|Mrs|Ms|Dr|Prof|Gov|Sen|Rep|Gen|St|Mt|No|Nr|vs|etc|bzw|Hr|Fr"
  + "|Sr|Sra)\\.$", "u");
// Letters whose lower case of the upper case is not their folded case, as Unicode has it.
const NOT_BY_CASE = new Map([["ı", "ı"], ["ẞ", "ss"]]);

export const RUN_HALVES = 16; // eight words
export const FIRST_UNSPACED = "\u0e00";

// Normalize a text so that different ways to write the same compare equal.
export function folded(text) {
  if (/^[\x00-\x7f]*$/.test(text)) return text.replaceAll("`", "'").toLowerCase();
  const plain = text.replace(INVISIBLE, "").replace(APOSTROPHES, "'").normalize("NFKC");
  return [...plain].map(caseFolded).join("").normalize("NFKC");
}

function caseFolded(character) {
  if (NOT_BY_CASE.has(character)) return NOT_BY_CASE.get(character);
  const code = character.codePointAt(0);
  if (code >= 0x13a0 && code <= 0x13f5) return character; // Cherokee folds to its capitals
  if ((code >= 0x13f8 && code <= 0x13fd) || (code >= 0xab70 && code <= 0xabbf)) {
    return character.toUpperCase();
  }
  return [...character.toUpperCase()].map((one) => one.toLowerCase()).join("");
}

export function words(text) {
  return folded(text).match(WORD) ?? [];
}

// Return the words of a folded text with their begin and end.
export function locatedWords(text) {
  return [...text.matchAll(WORD)].map((found) => [
    found[0], found.index, found.index + found[0].length]);
}

export function isUnspaced(character) {
  return UNSPACED_CHARACTER.test(character);
}

export function isInsideWord(character) {
  return /^[\p{L}\p{N}\p{M}_]/u.test(character) && !isUnspaced(character);
}

// Return the weight of a word in half words: 2, or 1 for a character of an unspaced script.
export function halfWords(word) {
  return isUnspaced(word) ? 1 : 2;
}

// Return whether more text could change a word that is followed by `rest`.
export function mayGrow(word, rest) {
  if (rest !== "" && rest !== "'") return false;
  return halfWords(word) === 2
    || VOICED.some((mark) => [...(word + mark).normalize("NFC")].length === 1);
}

// Return where the last word of a text begins, including adjacent punctuation.
export function lastWord(text) {
  return text.search(LAST_WORD);
}

// Return whether all text after the first `length` characters continues the word before it.
export function continuesWord(text, length) {
  const end = text.slice(Math.max(0, length - 1));
  return length > 0 && /^\S+$/.test(end) && ![...end].some((one) => one >= FIRST_UNSPACED);
}

// Return the number of characters, of which an emoji beyond the first plane is one.
export function lengthOf(text) {
  return [...text].length;
}

// Cut a text after the last complete sentence within `most` characters; empty if none.
export function wholeSentences(text, most) {
  let end = 0;
  for (const found of text.matchAll(SENTENCE_END)) {
    const stop = found.index + found[0].length;
    if (lengthOf(text.slice(0, stop)) > most) break;
    if (found[0] === ".") {
      const before = [...text.slice(0, found.index + 1)].slice(-8).join("");
      const mayBeDecimal = stop === text.length && /\p{N}\.$/u.test(before);
      if (mayBeDecimal || ABBREVIATION.test(before)) continue;
    }
    end = stop;
  }
  return text.slice(0, end);
}
