// Secret keys, by the prefixes of services. Mirrors text/pii/keys.py.

const PREFIXED = [
  String.raw`(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}`,
  String.raw`gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{40,}`,
  String.raw`gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|oas|ffct)-[\w-]{20,}`,
  String.raw`sk-[A-Za-z0-9_-]{20,}`,
  String.raw`(?:sk|rk|pk)_(?:live|test|prod)_[0-9A-Za-z]{10,}|whsec_[A-Za-z0-9+/=]{20,}`,
  String.raw`hf_[A-Za-z0-9]{30,}|api_org_[A-Za-z0-9]{30,}|r8_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{40,}`,
  String.raw`xai-[A-Za-z0-9]{40,}|pplx-[A-Za-z0-9]{40,}|nvapi-[\w-]{40,}`,
  String.raw`xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{20,}`,
  String.raw`AIza[0-9A-Za-z_-]{35}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}`,
  String.raw`npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,}|rubygems_[a-f0-9]{48}|dckr_pat_[\w-]{20,}`,
  String.raw`SG\.[\w-]{16,64}\.[\w-]{16,64}`,
  String.raw`key-[0-9a-f]{32}|[0-9a-f]{32}-us\d{1,2}|SK[0-9a-f]{32}`,
  String.raw`xkeysib-[a-f0-9]{64}(?:-[A-Za-z0-9]{10,20})?`,
  String.raw`\d{6,12}:A[A-Za-z0-9_-]{34}`,
  String.raw`[MNO][A-Za-z\d_-]{23,27}\.[\w-]{6}\.[\w-]{27,40}|mfa\.[\w-]{84}`,
  String.raw`(?=[A-Z]*[a-z0-9%])A{18,}[A-Za-z0-9%]{30,}|\d{9,20}-[A-Za-z0-9]{40}`,
  String.raw`(?<![\w-])eyJ[\w-]{8,}={0,2}\.[\w-]{8,}={0,2}(?:\.[\w-]*){0,3}`,
  String.raw`shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|do[opr]_v1_[a-f0-9]{64}`,
  String.raw`sq0[a-z]{3}-[\w-]{22,43}|EAAA[\w-]{60}`,
  String.raw`EAA[A-Za-z0-9]{80,}|lin_api_[A-Za-z0-9]{32,}|ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43}`,
  String.raw`dapi[0-9a-h]{32}|dp\.(?:pt|st|ct)\.[A-Za-z0-9]{40,}|glsa_\w{32,}|hv[sbr]\.[\w-]{20,}`,
  String.raw`AGE-SECRET-KEY-1[0-9A-Z]{58}|PMAK-[a-f0-9]{24}-[a-f0-9]{34}|sbp_[a-f0-9]{40}`,
  String.raw`HRKU-[\w-]{36,}|rubygems_[a-f0-9]{48}|ATATT3[\w=-]{50,}`,
  String.raw`pscale_(?:tkn|pw|oauth)_[\w=.-]{32,}|sntry[su]_[\w=+/-]{40,}`,
  String.raw`NRAK-[A-Z0-9]{27}|pat[A-Za-z0-9]{14}\.[a-f0-9]{64}|tskey-[a-z]{2,8}-[\w-]{20,}`,
  String.raw`fm[12]_[\w+/=-]{60,}`,
  String.raw`hooks\.slack\.com/services/[\w/]{20,}|discord(?:app)?\.com/api/webhooks/\d+/[\w-]{20,}`,
  String.raw`nsec1[02-9ac-hj-np-z]{58}|[xyzt]prv[1-9A-HJ-NP-Za-km-z]{100,112}`,
  String.raw`0x[0-9a-fA-F]{64}`,
];
const MARKER = /-----(BEGIN|END) (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----/g;
const BODY = /(?:\s{0,4}[A-Za-z0-9+/=]{16,76})*/y;
const KEY = new RegExp(`(?<![A-Za-z0-9])(?:${PREFIXED.join("|")})(?![A-Za-z0-9])`, "g");
const LONG = /(?<![\p{L}\p{N}_+/=.:%~-])[A-Za-z0-9_+/=.:%~-]{14,}/gu;
// A private key of Bitcoin; its checksum is not verified here.
const WIF = /(?<![A-Za-z0-9])[5KLc9][1-9A-HJ-NP-Za-km-z]{50,51}(?![A-Za-z0-9])/g;
const NAMED = new RegExp(
  "(?:secret|token|api[_ -]?key|access[_ -]?key|private[_ -]?key|auth[_ -]?key|bearer"
  + "|credentials?)[\\p{L}\\p{N}_\\-]{0,24}[\"']?\\s{0,2}(?:(?<sign>=>|:=|=|:)|\\bis\\b|\\s)\\s{0,2}"
  + "[\"']?(?<value>[A-Za-z0-9_+/=.~\\-]{16,})", "dgiu");
const RANDOM = /(?<![#@\p{L}\p{N}_])[A-Za-z0-9+/_-]{32,}={0,2}/gu;
const HEX = /^[0-9a-fA-F]{32,}$/;
const UNIT = /[A-Z][a-z]+|[a-z]+|[A-Z]+(?![a-z])|[A-Z]|\d+/g;
const MIN_UNITS = 0.3; // per character: words in camel case have 0.2, random characters 0.5

export function findKeys(text) {
  const spans = privateKeys(text);
  for (const long of text.matchAll(LONG)) {
    for (const pattern of [KEY, WIF, RANDOM]) {
      for (const found of long[0].matchAll(pattern)) {
        if (pattern !== RANDOM || isRandom(found[0])) {
          spans.push([long.index + found.index, long.index + found.index + found[0].length]);
        }
      }
    }
  }
  for (const found of text.matchAll(NAMED)) {
    if (isSecret(found.groups)) spans.push(found.indices.groups.value);
  }
  let last = 0;
  return spans.sort((a, b) => a[0] - b[0] || b[1] - a[1]).filter(([begin, end]) => {
    const isFree = begin >= last;
    last = Math.max(last, end);
    return isFree;
  });
}

// Return the spans of private keys up to their end marker, or as far as they go.
function privateKeys(text) {
  const spans = [];
  let begin = null;
  for (const marker of text.matchAll(MARKER)) {
    const end = marker.index + marker[0].length;
    if (marker[1] === "BEGIN" && begin === null) begin = [marker.index, end];
    else if (marker[1] === "END" && begin !== null) {
      spans.push([begin[0], end]);
      begin = null;
    }
  }
  if (begin !== null) {
    BODY.lastIndex = begin[1];
    BODY.test(text);
    spans.push([begin[0], Math.max(begin[1], BODY.lastIndex)]);
  }
  return spans;
}

// Return whether letters and digits look random.
function isRandom(text) {
  const kinds = [/[a-z]/, /[A-Z]/, /\d/].every((kind) => kind.test(text));
  const length = (text.match(/[A-Za-z0-9]/g) ?? []).length;
  return kinds && (text.match(UNIT) ?? []).length >= MIN_UNITS * length;
}

function isSecret({ sign, value }) {
  if (!/\d/.test(value) || !/[A-Za-z]/.test(value)) return false;
  return sign !== undefined || isRandom(value) || HEX.test(value);
}
