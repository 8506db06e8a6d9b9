// Reads a prompt, which may end behind a whole word or inside one. Mirrors sampling/prompt.py.

import { goesOnWithWord, spelling } from "./tokenizer.js";
import { oneLine } from "./post.js";
import { isInsideWord } from "./words.js";

const MAX_HEALED_TOKENS = 4; // tokens of the last word that are taken back
// The least probability of a boundary behind a word that is whole: of one token, and of several.
const WHOLE = 0.03, WHOLE_IN_PARTS = 0.25;
// The least probability of a first token that looks like the end of a word, if it may begin posts.
const USUAL_START = 0.01;

// Return the prompt on one line. A blank at its end is kept: it says that the word is whole.
export function tidy(prompt) {
  const line = oneLine(prompt);
  return line && /\s$/.test(prompt) ? `${line} ` : line;
}

// Have the decoder read a prompt that `tidy` returned, if it leaves room for `least` more tokens.
export async function prefill(decoder, prompt, least) {
  const { pieces } = decoder;
  let tokens = decoder.encode(prompt);
  const heals = decoder.decode(tokens) === prompt;
  if (!heals) tokens = decoder.encode(prompt.trimEnd());
  if (decoder.context - tokens.length - 1 < least) throw new RangeError("The beginning is too long.");
  const text = decoder.decode(tokens);
  if (!heals || !tokens.length) {
    const read = [decoder.bosToken, ...tokens];
    const logits = await decoder.prefill(read);
    return prefilled(read, text, tokens.length ? logits : atStart(logits, decoder));
  }
  const cut = lastWordToken(tokens, pieces);
  const read = [decoder.bosToken, ...tokens.slice(0, cut)];
  const healed = tokens.slice(cut);
  const over = [await decoder.prefill(read)];
  for (const token of healed) over.push(await decoder.extend(token));
  const found = continuationsOf(
    over.slice(0, -1), healed, pieces, new Set(decoder.suppressedTokens));
  if (isInsideWord([...text].at(-1))) {
    const alone = chanceOfBoundary(over.at(-1), pieces);
    const chance = chanceOfWhole(found, spelling(healed, pieces), alone, pieces);
    const isToken = endsWith(pieces[tokens.at(-1)], new TextEncoder().encode(typedWord(text)));
    if (chance >= (isToken ? WHOLE : WHOLE_IN_PARTS)) {
      return prefilled([...read, ...healed], text, withBoundary(over.at(-1), decoder));
    }
  }
  return { tokens: read, healedTokens: healed, ...found, text, length: tokens.length + 1 };
}

function prefilled(tokens, text, logits) {
  return { tokens, healedTokens: [], continuations: [], logits, text, length: tokens.length };
}

// Return the logits behind a last word that is whole: no token that goes on with it may follow.
function withBoundary(logits, decoder) {
  const never = new Set([
    ...decoder.pieces.insideWords, ...decoder.suppressedTokens, decoder.eosToken]);
  if ([...logits.keys()].every((token) => never.has(token))) return logits;
  const found = logits.slice();
  for (const token of decoder.pieces.insideWords) {
    if (token < found.length) found[token] = -Infinity;
  }
  return found;
}

// Return the logits of a post's first token, without ends of words that the model seldom begins with.
export function atStart(logits, { pieces, suppressedTokens, eosToken }) {
  const least = logTotal(logits) + Math.log(USUAL_START);
  const found = logits.slice();
  for (const token of pieces.fragments) {
    if (token < found.length && found[token] < least) found[token] = -Infinity;
  }
  const never = new Set([...suppressedTokens, eosToken]);
  return found.some((one, token) => one > -Infinity && !never.has(token)) ? found : logits;
}

function lastWordToken(tokens, pieces) {
  const last = tokens.length - 1;
  const first = Math.max(0, last - MAX_HEALED_TOKENS + 1);
  for (let place = last; place > first; place--) {
    if ([9, 10, 11, 12, 13, 32].includes(pieces[tokens[place]][0])) return place;
  }
  return first;
}

function typedWord(text) {
  const characters = [...text];
  let start = characters.length;
  while (start && isInsideWord(characters[start - 1])) start -= 1;
  return characters.slice(start).join("");
}

function endsWith(bytes, end) {
  const start = bytes.length - end.length;
  return start >= 0 && end.every((byte, index) => byte === bytes[start + index]);
}

// Return what can stand in place of these tokens, and the logarithm of how likely each is.
function continuationsOf(over, healed, pieces, never) {
  const continuations = [], likely = [];
  let before = 0;
  over.forEach((logits, kept) => {
    const rest = spelling(healed.slice(kept), pieces);
    const whole = kept === healed.length - 1;
    const total = logTotal(logits);
    for (const token of pieces.beginningWith(rest)) {
      const fits = token < logits.length && !never.has(token);
      if (fits && (whole || pieces[token].length > rest.length)) {
        continuations.push([...healed.slice(0, kept), token]);
        likely.push(before + logits[token] - total);
      }
    }
    before += logits[healed[kept]] - total;
  });
  return { continuations, logits: Float32Array.from(likely) };
}

// Return the logarithm of the sum of the exponentials of a row of logits.
function logTotal(logits) {
  const highest = logits.reduce((most, one) => Math.max(most, one), -Infinity);
  return highest + Math.log(logits.reduce((sum, one) => sum + Math.exp(one - highest), 0));
}

function chanceOfBoundary(logits, pieces) {
  const total = logTotal(logits);
  const inside = pieces.insideWords.filter((token) => token < logits.length);
  return 1 - inside.reduce((sum, token) => sum + Math.exp(logits[token] - total), 0);
}

// Return the probability that the word ends where it was typed to, given that it begins so.
function chanceOfWhole({ continuations, logits: likely }, word, alone, pieces) {
  if (!continuations.length) return 0;
  const highest = likely.reduce((most, one) => Math.max(most, one), -Infinity);
  let all = 0, ending = 0;
  continuations.forEach((cover, index) => {
    const chance = Math.exp(likely[index] - highest);
    const more = spelling(cover, pieces).subarray(word.length);
    all += chance;
    ending += chance * (more.length ? Number(!goesOnWithWord(more)) : alone);
  });
  return ending / all;
}
