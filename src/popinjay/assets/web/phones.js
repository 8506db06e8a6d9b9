// Phone numbers in the formats of many countries. Mirrors text/pii/phones.py and dates.py, from
// whose patterns these are taken.

import { digitsOf } from "./numbers.js";

const INTERNATIONAL = new RegExp(
  String.raw`(?<![\p{L}\p{N}_+])(?:\+ ?|00 ?)[1-9](?:[ ()./\-]{0,3}\d){7,14}(?: ?(?:x|ext\.`
  + String.raw`?|extension|extn|durchwahl|poste) ?\.?\d{1,6})?(?![\p{L}\p{N}_])`, "giu");
const WITH_ZERO = new RegExp(
  String.raw`(?<![\p{L}\p{N}_+.,/#$€£¥&=_\-])(?<![$€£¥] )\(?0 ?[1-9]\d{0,4}\)?(?:[ ./\-]| [`
  + String.raw`-/.] )?\d{2,8}(?:(?:[ ./\-]| [-/.] )\d{2,8}){0,4}(?:-\d{1,4})?(?: ?(?:x|ext\.?`
  + String.raw`|extension|extn|durchwahl|poste) ?\.?\d{1,6})?(?![\p{L}\p{N}_€£$%]|[-./:_,]\d|`
  + String.raw` ?[€$£%])`, "giu");
const IN_GROUPS = new RegExp(
  String.raw`(?<![\p{L}\p{N}_+.,/#$€£¥&=_\-])(?<![$€£¥] )(?:(?:1(?:[ ./\-]| [-/.] )?)?(?:\(`
  + String.raw`\d{3}\) ?|\d{3}(?:[ ./\-]| [-/.] ))\d{3}(?:[ ./\-]| [-/.] )\d{4}|\(\d{2,4}\) ?`
  + String.raw`\d{3,5}(?:[ ./\-]| [-/.] )?\d{3,4}|[2-9]\d\d[ \-]\d{7}|3\d\d[ ./\-]\d{6,7}|[1-`
  + String.raw`9]\d ?9\d{4}[ .\-]\d{4}|[1-9]\d[ \-](?!(?:19|20)\d\d[ \-](?:19|20))\d{4}[ \-]`
  + String.raw`\d{4}|1[3-9]\d[ \-]\d{4}[ \-]\d{4}|[6-9]\d{4}[ \-]\d{5}|8[ \-]?\(?[3-9]\d\d\)?[`
  + String.raw` \-]?\d{3}[ \-]?\d\d[ \-]?\d\d|[2-9]\d\d(?<t>[ .\-])\d{3}\k<t>\d\d\k<t>\d\d|[1`
  + String.raw`-9]\d(?<p>[ \-])\d{3}\k<p>\d\d\k<p>\d\d|[679]\d\d(?<s>[ .\-])\d\d\k<s>\d\d\k<s`
  + String.raw`>\d\d)(?: ?(?:x|ext\.?|extension|extn|durchwahl|poste) ?\.?\d{1,6})?(?![\p{L}`
  + String.raw`\p{N}_€£$%]|[-./:_,]\d| ?[€$£%])`, "giu");
const IN_THREES = new RegExp(
  String.raw`(?<![\p{L}\p{N}_+.,/#$€£¥&=_\-])(?<![$€£¥] )(?<!\d )[5-9]\d\d(?<s>[ \-])\d{3}`
  + String.raw`\k<s>\d{3}(?![\p{L}\p{N}_€£$%]|[-./:_,]\d| ?[€$£%])(?! \d)`, "gu");
const TOGETHER = new RegExp(
  String.raw`(?<![\p{L}\p{N}_+.,/#$€£¥&=_\-])(?<![$€£¥] )(?:[2-9]\d{9}|1[3-9]\d{9}|[1-9]\d9`
  + String.raw`\d{8}|[78]9\d{9})(?: ?(?:x|ext\.?|extension|extn|durchwahl|poste) ?\.?\d{1,6})`
  + String.raw`?(?![\p{L}\p{N}_€£$%]|[-./:_,]\d| ?[€$£%])`, "giu");
const ONE_BY_ONE = new RegExp(
  String.raw`(?<![\p{L}\p{N}_+.,/#$€£¥&=_\-])(?<![$€£¥] )(?<!\d )\d(?<s>[ .\-]|, | - )\d(?:`
  + String.raw`\k<s>\d){7,11}(?![\p{L}\p{N}_€£$%]|[-./:_,]\d| ?[€$£%])(?!\k<s>\d)(?! \d)`, "gu");
const AFTER_A_WORD = new RegExp(
  String.raw`(?<![\p{L}\p{N}_+.,#$€£¥])\(?\d(?:[ ()./\-]{0,3}\d){6,14}(?: ?(?:x|ext\.?|exte`
  + String.raw`nsion|extn|durchwahl|poste) ?\.?\d{1,6})?(?![\p{L}\p{N}_€£$%])`, "giu");
const CALL = new RegExp(
  String.raw`(?:(?:(?<=[\p{L}\p{N}_])(?![\p{L}\p{N}_])|(?<![\p{L}\p{N}_])(?=[\p{L}\p{N}_]))`
  + String.raw`(?:call|text|ring|dial|phone|telephone|tel|tél|mobile|cell|whats ?app|sms|fax|`
  + String.raw`hotline|viber|handy|telefon|telefonnummer|handynummer|rufnummer|anrufen|rufe?|`
  + String.raw`téléphone|portable|appel(?:le|ez)?|teléfono|telefono|móvil|cellulare|celular|c`
  + String.raw`elu|llam[ae]|telefone|ligue|liga|chiama|bel|phone number|my number|his number|`
  + String.raw`her number|meine nummer|mein nr|mi número|mon numéro|meu número)|wa\.me/|tel:)`
  + String.raw`(?:[\s:=.,]{0,3}(?:(?<=[\p{L}\p{N}_])(?![\p{L}\p{N}_])|(?<![\p{L}\p{N}_])(?=[`
  + String.raw`\p{L}\p{N}_]))(?:me|us|him|her|them|it|is|ist|est|es|at|on|now|under|unter|no|n`
  + String.raw`r|number|nummer|nº|my|mich|au|al|ao|a|uns|moi|oder|or)(?:(?<=[\p{L}\p{N}_])(?!`
  + String.raw`[\p{L}\p{N}_])|(?<![\p{L}\p{N}_])(?=[\p{L}\p{N}_]))){0,4}[\s:=.,;!\-]{0,4}$`, "iu");
const COUNTED = new RegExp(
  String.raw`(?:(?:(?<=[\p{L}\p{N}_])(?![\p{L}\p{N}_])|(?<![\p{L}\p{N}_])(?=[\p{L}\p{N}_]))`
  + String.raw`(?:order|invoice|ticket|tracking|parcel|ref|reference|isbn|issn|ean|upc|sku|id`
  + String.raw`|case|serial|model|build|version|patent|doi|arxiv|pmid|booking|claim|account|a`
  + String.raw`cct|konto|bestellung|bestellnummer|rechnung|sendung|pedido|factura|commande|fa`
  + String.raw`cture|colis|status|tweet|post|score|lotto|lottery|flight|bus|barcode|timestamp`
  + String.raw`|epoch|seed|coordinates|coords|lat|lon|population|views|followers)(?:(?<=[\p{L`
  + String.raw`}\p{N}_])(?![\p{L}\p{N}_])|(?<![\p{L}\p{N}_])(?=[\p{L}\p{N}_]))(?:[\s\-]{0,2}(`
  + String.raw`?:(?<=[\p{L}\p{N}_])(?![\p{L}\p{N}_])|(?<![\p{L}\p{N}_])(?=[\p{L}\p{N}_]))(?:n`
  + String.raw`o|nr|number|numbers|nummer|id|is|was|of|code|numéro|número)(?:(?<=[\p{L}\p{N}_`
  + String.raw`])(?![\p{L}\p{N}_])|(?<![\p{L}\p{N}_])(?=[\p{L}\p{N}_])))*|#|№)[\s:.=#\-]{0,4}`
  + String.raw`$`, "iu");
const OF_SOMETHING = new RegExp(
  String.raw` ?(?:people|views?|followers|users|inhabitants|euros?|dollars?|pounds?|usd|eur`
  + String.raw`|gbp|yen|rupees|km|kg|miles|met(?:er|re)s|habitant(?:s|es)|einwohner|menschen|`
  + String.raw`personnes|personas|votes?|likes?|downloads|streams|plays|steps|years|times|byt`
  + String.raw`es|deaths|cases|tweets|posts|%|€|\$|°)(?![\p{L}\p{N}])`, "iuy");
const DATE_OR_TIME = new RegExp(
  String.raw`(?<![\d.:/\-])(?:(?:0?[1-9]|[12]\d|3[01])(?<a>[./ \-])(?:0?[1-9]|1[0-2])\k<a>(`
  + String.raw`?:1[89]|20|21)\d\d|(?:0?[1-9]|1[0-2])(?<b>[./ \-])(?:0?[1-9]|[12]\d|3[01])\k<b`
  + String.raw`>(?:1[89]|20|21)\d\d|(?:1[89]|20|21)\d\d(?<c>[./ \-])(?:0?[1-9]|1[0-2])\k<c>(?`
  + String.raw`:0?[1-9]|[12]\d|3[01])|(?:0?[1-9]|[12]\d|3[01])(?<d>[./\-])(?:0?[1-9]|1[0-2])`
  + String.raw`\k<d>\d\d|(?:0?[1-9]|1[0-2])(?<e>[./\-])(?:0?[1-9]|[12]\d|3[01])\k<e>\d\d|(?:[0`
  + String.raw`1]?\d|2[0-4])[.:h][0-5]\d(?:[.:][0-5]\d)?)(?![.:/\-]?\d)`, "gu");
const SCORE = new RegExp(
  String.raw`(?<![\d.:/\-])\d{1,2}[-:]\d{1,2}(?![.:/\-]?\d)(?! \d\d \d\d(?: \d\d)?(?!\d))`, "gu");
const ENOUGH = /\d(?:[ ()./,_-]{0,3}\d){6}/;
const BEFORE = 40; // characters before a number that are searched for a word

export function findPhones(text) {
  if (!ENOUGH.test(text)) return [];
  const hidden = hideDates(text);
  const passing = (pattern, from, test) => [...from.matchAll(pattern)]
    .filter((found) => test(from, found))
    .map((found) => [found.index, found.index + found[0].length]);
  const spans = [
    ...passing(INTERNATIONAL, text, (_, found) => isInternational(found[0])),
    ...[WITH_ZERO, IN_GROUPS].flatMap((pattern) => passing(pattern, hidden, isNational)),
    ...[IN_THREES, TOGETHER, ONE_BY_ONE].flatMap((one) => passing(one, hidden, isNoCount)),
    ...passing(AFTER_A_WORD, hidden, (whole, found) => CALL.test(before(whole, found.index))),
  ];
  let last = 0;
  return spans.sort((a, b) => a[0] - b[0] || b[1] - a[1]).filter(([begin, end]) => {
    if (begin < last) return false;
    last = end;
    return true;
  });
}

function hideDates(text) {
  const letters = (found) => "x".repeat(found.length);
  return text.replace(DATE_OR_TIME, letters).replace(SCORE, letters);
}

const before = (text, begin) => text.slice(Math.max(0, begin - BEFORE), begin);
const numberIn = (wording) => digitsOf(wording.split(/[a-z]/i)[0]);
const isRound = (digits) => digits.endsWith("0000");

function isInternational(wording) {
  const digits = numberIn(wording).replace(/^00/, "");
  if ("17".includes(digits[0]) && wording.startsWith("+")) {
    return digits.length === 11 && !isRound(digits);
  }
  return digits.length >= 8 && digits.length <= 15 && !digits.endsWith("00000");
}

function isNational(text, found) {
  const wording = found[0], digits = numberIn(wording);
  if (digits.length < 9 || digits.length > 13 || (/^\d+$/.test(wording) && isARow(digits))) {
    return false;
  }
  const said = before(text, found.index);
  if (CALL.test(said)) return true;
  if (COUNTED.test(said) || isOfSomething(text, found)) return false;
  const pairs = wording.match(/\d+/g).every((group) => group.length === 2);
  return !pairs || (isFrench(text, found) && !areDrawn(wording));
}

function isOfSomething(text, found) {
  OF_SOMETHING.lastIndex = found.index + found[0].length;
  return OF_SOMETHING.test(text);
}

// Return whether there are exactly five pairs of digits with the same separators.
function isFrench(text, found) {
  const separators = found[0].replace(/^[()]+|[()]+$/g, "").match(/\D+/g) ?? [];
  const hasMore = /^ \d\d(?!\d)/.test(text.slice(found.index + found[0].length));
  const hasDigitsBefore = /\d[ ./-]$/.test(text.slice(Math.max(0, found.index - 2), found.index));
  const isRegular = separators.length === 4 && new Set(separators.slice(1)).size === 1
    && [separators[1], "-"].includes(separators[0]);
  return isRegular && !hasMore && !hasDigitsBefore;
}

function isNoCount(text, found) {
  const digits = numberIn(found[0]);
  if (isARow(digits) || isRound(digits) || (digits.length === 9 && digits.endsWith("000"))) {
    return false;
  }
  const said = before(text, found.index);
  return CALL.test(said) || (!COUNTED.test(said) && !isOfSomething(text, found));
}

// Return whether digits ascend or descend by one, or are all the same.
function isARow(digits) {
  const steps = new Set([...digits].slice(1).map(
    (digit, index) => (Number(digit) - Number(digits[index]) + 10) % 10));
  return steps.size === 1 && [0, 1, 9].includes([...steps][0]);
}

// Return whether numbers ascend and are below 50, as those of a lottery.
function areDrawn(text) {
  const numbers = text.split(/\D+/).filter(Boolean).map(Number);
  return numbers.length >= 5 && numbers.at(-1) < 50
    && numbers.slice(1).every((number, index) => numbers[index] < number);
}
