// Card numbers, bank accounts and IP addresses. Mirrors text/pii/cards.py and addresses.py.

const RUN = /(?<![\d.,])\d(?:[ ./_-]{0,3}\d){12,4000}/g;
const ISSUERS = [ // first digits, numbers of digits
  ["4", [13, 16, 19]],
  ["5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", [16]],
  ["3[47]", [15]],
  ["30[0-5]|309|36|3[89]", [14, 16, 19]],
  ["35(?:2[89]|[3-8])", [16, 19]],
  ["6(?:011|22|4[4-9]|5|[0-3]|[67])", [16, 19]],
  ["8[12]", [16]],
  ["220[0-4]", [16, 19]],
  ["50(?:18|20|38)|5[6-8]|6(?:304|759|76[1-3])", [16, 18, 19]],
];
const LENGTHS = [16, 15, 14, 19, 18, 13]; // the most common first
const ISSUED = new Map(LENGTHS.map((length) => [length, new RegExp(`^(?:${ISSUERS
  .filter(([, lengths]) => lengths.includes(length)).map(([start]) => start).join("|")})`)]));

const IBAN = /(?<![A-Za-z0-9])(?=([A-Za-z]{2}[ -]?\d\d(?:[ .-]?[A-Za-z0-9]){11,30}))/g;
const IBAN_LENGTHS = new Map([
  "15:NO", "16:BE", "18:DK FI FO GL NL SD", "19:MK SI", "20:AT BA EE KZ LT LU XK",
  "21:CH HR LI LV", "22:BG BH CR DE GB GE IE ME RS VA", "23:AE GI IL IQ OM TL",
  "24:AD CZ ES MD PK RO SA SE SK TN VG", "25:LY PT ST", "26:IS TR",
  "27:BI DJ FR GR IT MC MR SM", "28:AL AZ BY CY DO GT HU LB NI PL SV", "29:BR EG PS QA UA",
  "30:JO KW MU YE", "31:MT SC", "32:LC", "33:RU",
].flatMap((line) => {
  const [length, countries] = line.split(":");
  return countries.split(" ").map((country) => [country, Number(length)]);
}));

export const digitsOf = (text) => text.replace(/[^0-9]/g, "");

function passesLuhn(digits) {
  const total = [...digits].reverse().reduce((sum, digit, index) => {
    const value = Number(digit) * (1 + (index % 2));
    return sum + (value > 9 ? value - 9 : value);
  }, 0);
  return total % 10 === 0;
}

export function findCards(text) {
  return [...text.matchAll(RUN)].flatMap((run) => {
    const groups = [...run[0].matchAll(/\d+/g)].map((found) => [
      run.index + found.index, run.index + found.index + found[0].length]);
    return cardsIn(groups, digitsOf(run[0]));
  });
}

// Return the spans of card numbers that begin and end with groups of digits.
function cardsIn(groups, digits) {
  const starts = [0];
  groups.forEach(([begin, end]) => starts.push(starts.at(-1) + end - begin));
  const groupAt = new Map(starts.map((start, number) => [start, number]));
  const found = [];
  let free = 0;
  starts.slice(0, -1).forEach((start, first) => {
    if (start < free) return;
    for (const length of LENGTHS) {
      const last = groupAt.get(start + length);
      if (last === undefined) continue;
      const number = digits.slice(start, start + length);
      const sizes = groups.slice(first, last).map(([begin, end]) => end - begin);
      if (ISSUED.get(length).test(number) && isGrouped(sizes) && passesLuhn(number)) {
        found.push([groups[first][0], groups[last - 1][1]]);
        free = start + length;
        return;
      }
    }
  });
  return found;
}

function isGrouped(sizes) {
  const whole = sizes.slice(0, -1);
  return new Set(whole).size <= 1 || Math.min(...whole) >= 4;
}

export function findIbans(text) {
  const spans = [];
  let last = 0;
  for (const found of text.matchAll(IBAN)) {
    const begin = found.index, wording = found[1];
    const length = IBAN_LENGTHS.get(wording.slice(0, 2).toUpperCase()) ?? 0;
    const indexes = [...wording].map((_, index) => index)
      .filter((index) => /[A-Za-z0-9]/.test(wording[index])).slice(0, length);
    const number = indexes.map((index) => wording[index]).join("").toUpperCase();
    const end = indexes.length ? begin + indexes.at(-1) + 1 : begin;
    const isWhole = length > 0 && number.length === length
      && !/^[\p{L}\p{N}]/u.test(text.slice(end));
    if (isWhole && begin >= last && isValidIban(number)) {
      spans.push([begin, end]);
      last = end;
    }
  }
  return spans;
}

function isValidIban(number) {
  const digits = [...(number.slice(4) + number.slice(0, 4))]
    .map((character) => parseInt(character, 36)).join("");
  return BigInt(digits) % 97n === 1n;
}

const W = "\\p{L}\\p{N}_";
const V4 = new RegExp(`(?<![${W}.,\\-])\\d{1,3}(?:\\.\\d{1,3}){3,}(?![${W}\\-]|[.,]\\d)`, "gu");
const V6 = new RegExp(
  `(?<![${W}:.])[0-9A-Fa-f]{4}:[0-9A-Fa-f:]{2,40}(?:\\.\\d{1,3}){0,3}(?![${W}:])`, "gu");
const VERSION = new RegExp(
  "(?:\\bv|\\b(?:version|ver|build|release|firmware|update|patch|section|chapter|kernel|driver"
  + "|chrome|firefox|windows|ios|android|macos)\\b)[ .:=#]{0,3}$", "i");
const ADDRESS = new RegExp(
  "\\b(?:ip|ipv4|host|server|address|adresse|dns|ping|ssh)\\b\\W{0,3}(?:\\w{1,8}\\W{1,3})?$", "i");
const MIN_PART = 32; // of the largest of four: smaller ones are numbers of versions or sections

export function findAddresses(text) {
  const four = [...text.matchAll(V4)].filter((found) => isV4(text, found))
    .map((found) => [found.index, found.index + found[0].length]);
  const six = [...text.matchAll(V6)].map((found) => [found.index, withoutColon(found[0])])
    .filter(([, wording]) => isV6(wording))
    .map(([begin, wording]) => [begin, begin + wording.length]);
  return [...four, ...six];
}

function isV4(text, found) {
  const parts = found[0].split(".");
  if (parts.length !== 4 || parts.some((part) => /^0\d/.test(part) || Number(part) > 255)) {
    return false;
  }
  const numbers = parts.map(Number);
  const before = text.slice(Math.max(0, found.index - 24), found.index);
  if (numbers[0] === 127 || new Set(numbers).size === 1 || VERSION.test(before)) return false;
  return Math.max(...numbers) >= MIN_PART || ADDRESS.test(before);
}

function withoutColon(wording) {
  return wording.endsWith(":") && !wording.endsWith("::") ? wording.slice(0, -1) : wording;
}

function isV6(wording) {
  return "23fF".includes(wording[0]) && URL.canParse(`http://[${wording}]/`);
}
