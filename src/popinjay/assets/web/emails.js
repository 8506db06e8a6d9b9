// E-mail addresses, also spelled out: `ada (at) example (dot) org`. Mirrors text/pii/emails.py.

const W = "\\p{L}\\p{N}_";
const LOCAL = new RegExp(`^[${W}.+%&'\\-]{1,64}`, "u"); // matched backwards from the at sign
const DOMAIN = new RegExp(`[${W}\\-]{1,63}(?:\\.[${W}\\-]{1,63}){1,8}`, "uy");
const TOP = /^(?:xn--[a-z0-9-]{2,59}|\p{L}{2,24})(?![\p{L}\p{N}])/iu;
const PROVIDER = new RegExp(
  " ?(?:gmail|googlemail|hotmail|outlook|live|yahoo|ymail|icloud|aol|gmx|web|proton|protonmail"
  + "|fastmail|mail|yandex|qq|163)\\.[a-z]{2,3}\\b", "iy");
const OPEN = "[\\[({<] ?", CLOSE = " ?[\\])}>]";
const AT = new RegExp(
  ` ?${OPEN}(?:at|ät|arroba|@)${CLOSE} ?| at (?=[${W}\\-]{1,63} dot )`, "giu");
const DOT = `(?: ?${OPEN}(?:dot|punkt|punto|point|\\.)${CLOSE} ?| dot | ?\\. ?)`;
const IN_WORDS = new RegExp(
  " dot (?:com|org|net|edu|gov|info|io|dev|app|ai|eu|de|at|ch|fr|es|it|nl|be|uk|ie|us|ca|au|nz|br"
  + "|pt|in|jp|pl|se|no|dk|fi|ru|example)\\b(?! dot )", "i");
const SPELT = new RegExp(`[${W}\\-]{1,63}(?:${DOT}[${W}\\-]{1,63}){0,7}?${DOT}[a-z]{2,24}(?![${W}])`,
  "iuy");

export function findEmails(text) {
  const spans = [...withSign(text), ...speltOut(text)].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let last = 0;
  return spans.filter(([begin, end]) => {
    if (begin < last) return false;
    last = end;
    return true;
  });
}

function withSign(text) {
  const spans = [];
  for (let sign = text.indexOf("@"); sign >= 0; sign = text.indexOf("@", sign + 1)) {
    let end = domainEnd(text, sign + 1);
    let begin = localBegin(text, sign);
    if (end === null) {
      PROVIDER.lastIndex = sign + 1;
      if (PROVIDER.test(text)) {
        end = PROVIDER.lastIndex;
        begin = localBegin(text, sign - (text[sign - 1] === " " ? 1 : 0));
      }
    }
    if (begin !== null && end !== null) spans.push([begin, end]);
  }
  return spans;
}

function speltOut(text) {
  const spans = [];
  for (const at of text.matchAll(AT)) {
    const after = at.index + at[0].length;
    const begin = localBegin(text, at.index);
    SPELT.lastIndex = after;
    const domain = SPELT.exec(text);
    if (begin === null || !domain) continue;
    if (at[0] === " at " && !IN_WORDS.test(text.slice(after, after + domain[0].length))) continue;
    spans.push([begin, after + domain[0].length]);
  }
  return spans;
}

// Return the start of the part before the at sign, null if there is none.
function localBegin(text, end) {
  const backwards = [...text.slice(Math.max(0, end - 65), end)].reverse().join("");
  const found = LOCAL.exec(backwards);
  if (!found || backwards[found[0].length] === "@") return null;
  const local = [...found[0]].reverse().join("");
  let kept = local.replace(/^[.'&%-]+/, "");
  if (kept.startsWith("_") && text.slice(end).includes("_")) {
    const after = domainEnd(text, end + 1);
    if (after !== null && text[after] === "_") kept = kept.replace(/^_+/, "");
  }
  return kept && !kept.endsWith(".") ? end - kept.length : null;
}

// Return the end of a domain: after its last part that can be a top-level domain.
function domainEnd(text, begin) {
  DOMAIN.lastIndex = begin;
  const found = DOMAIN.exec(text);
  if (!found) return null;
  const labels = found[0].split(".");
  for (let count = labels.length - 1; count > 0; count--) {
    const top = TOP.exec(labels[count]);
    if (top) return begin + labels.slice(0, count).join(".").length + 1 + top[0].length;
  }
  return null;
}
