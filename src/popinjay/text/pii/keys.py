"""Secret keys, by the prefixes of services as listed by gitleaks and detect-secrets."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from popinjay.text.pii.folding import Span

_MARKER = re.compile(r"-----(BEGIN|END) (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_BODY = re.compile(r"(?:\s{0,4}[A-Za-z0-9+/=]{16,76}+)*+")  # of a key whose end is cut off

_PREFIXED = (
    r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}",  # AWS
    r"gh[pousr]_[A-Za-z0-9]{30,}+|github_pat_\w{40,}+",
    r"gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|oas|ffct)-[\w-]{20,}+",  # GitLab
    r"sk-[A-Za-z0-9_-]{20,}+",  # OpenAI, Anthropic and many more
    r"(?:sk|rk|pk)_(?:live|test|prod)_[0-9A-Za-z]{10,}+|whsec_[A-Za-z0-9+/=]{20,}+",  # Stripe
    r"hf_[A-Za-z0-9]{30,}+|api_org_[A-Za-z0-9]{30,}+|r8_[A-Za-z0-9]{30,}+|gsk_[A-Za-z0-9]{40,}+",
    r"xai-[A-Za-z0-9]{40,}+|pplx-[A-Za-z0-9]{40,}+|nvapi-[\w-]{40,}+",
    r"xox[abeoprs]-[A-Za-z0-9-]{10,}+|xapp-\d-[A-Za-z0-9-]{20,}+",  # Slack
    r"AIza[0-9A-Za-z_-]{35}|ya29\.[\w-]{20,}+|GOCSPX-[\w-]{20,}+",  # Google
    r"npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,}+|rubygems_[a-f0-9]{48}|dckr_pat_[\w-]{20,}+",
    r"SG\.[\w-]{16,64}+\.[\w-]{16,64}+",  # SendGrid
    r"key-[0-9a-f]{32}|[0-9a-f]{32}-us\d{1,2}|SK[0-9a-f]{32}",
    r"xkeysib-[a-f0-9]{64}(?:-[A-Za-z0-9]{10,20})?",
    r"\d{6,12}+:A[A-Za-z0-9_-]{34}",  # Telegram
    r"[MNO][A-Za-z\d_-]{23,27}+\.[\w-]{6}\.[\w-]{27,40}+|mfa\.[\w-]{84}",  # Discord
    r"(?=[A-Z]*+[a-z0-9%])A{18,}[A-Za-z0-9%]{30,}+|\d{9,20}+-[A-Za-z0-9]{40}",  # X: bearer, access
    r"(?<![\w-])eyJ[\w-]{8,}+={0,2}\.[\w-]{8,}+={0,2}(?:\.[\w-]*+){0,3}",  # JSON web tokens
    r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|do[opr]_v1_[a-f0-9]{64}",
    r"sq0[a-z]{3}-[\w-]{22,43}+|EAAA[\w-]{60}",
    r"EAA[A-Za-z0-9]{80,}+|lin_api_[A-Za-z0-9]{32,}+|ntn_[A-Za-z0-9]{40,}+|secret_[A-Za-z0-9]{43}",
    r"dapi[0-9a-h]{32}|dp\.(?:pt|st|ct)\.[A-Za-z0-9]{40,}+|glsa_\w{32,}+|hv[sbr]\.[\w-]{20,}+",
    r"AGE-SECRET-KEY-1[0-9A-Z]{58}|PMAK-[a-f0-9]{24}-[a-f0-9]{34}|sbp_[a-f0-9]{40}",
    r"HRKU-[\w-]{36,}+|rubygems_[a-f0-9]{48}|ATATT3[\w=-]{50,}+",
    r"pscale_(?:tkn|pw|oauth)_[\w=.-]{32,}+|sntry[su]_[\w=+/-]{40,}+",
    r"NRAK-[A-Z0-9]{27}|pat[A-Za-z0-9]{14}\.[a-f0-9]{64}|tskey-[a-z]{2,8}-[\w-]{20,}+",
    r"fm[12]_[\w+/=-]{60,}+",
    r"hooks\.slack\.com/services/[\w/]{20,}+|discord(?:app)?\.com/api/webhooks/\d+/[\w-]{20,}+",
    r"nsec1[02-9ac-hj-np-z]{58}|[xyzt]prv[1-9A-HJ-NP-Za-km-z]{100,112}+",  # Nostr, Bitcoin
    r"0x[0-9a-fA-F]{64}",  # Ethereum
)
_KEY = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_PREFIXED)})(?![A-Za-z0-9])")
_LONG = re.compile(r"(?<![\w+/=.:%~-])[A-Za-z0-9_+/=.:%~-]{14,}+")

_WIF = re.compile(r"(?<![A-Za-z0-9])[5KLc9][1-9A-HJ-NP-Za-km-z]{50,51}(?![A-Za-z0-9])")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

_NAMED = re.compile(
    r"(?:secret|token|api[_ -]?key|access[_ -]?key|private[_ -]?key|auth[_ -]?key|bearer"
    r"|credentials?)"
    r"[\w-]{0,24}[\"']?\s{0,2}(?:(?P<sign>=>|:=|=|:)|\bis\b|\s)\s{0,2}[\"']?"
    r"(?P<value>[A-Za-z0-9_+/=.~-]{16,}+)",
    re.IGNORECASE,
)
_WORDS = ("secret", "token", "key", "bearer", "credential")  # any match of _NAMED contains one
_RANDOM = re.compile(r"(?<![#@\w])[A-Za-z0-9+/_-]{32,}+={0,2}")
_HEX = re.compile(r"[0-9a-fA-F]{32,}")
_UNIT = re.compile(r"[A-Z][a-z]+|[a-z]+|[A-Z]+(?![a-z])|[A-Z]|\d+")
_MIN_UNITS = 0.3  # per character: words in camel case have 0.2, random characters 0.5


def find_keys(text: str) -> Iterator[Span]:
    """Yield the spans of secret keys."""
    spans = list(_private_keys(text)) if "PRIVATE KEY" in text else []
    for long in _LONG.finditer(text):
        spans += [found.span() for found in _KEY.finditer(text, long.start(), long.end())]
        spans += [
            found.span()
            for found in _WIF.finditer(text, long.start(), long.end())
            if _is_wif(found[0])
        ]
        spans += [
            found.span()
            for found in _RANDOM.finditer(text, long.start(), long.end())
            if is_random(found[0])
        ]
    if any(word in text.lower() for word in _WORDS):
        spans += [found.span("value") for found in _NAMED.finditer(text) if _is_secret(found)]
    last = 0
    for begin, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if begin >= last:
            yield begin, end
        last = max(last, end)


def _private_keys(text: str) -> Iterator[Span]:
    """Yield the spans of private keys up to their end marker, or as far as they go."""
    begin = None
    for marker in _MARKER.finditer(text):
        if marker[1] == "BEGIN" and begin is None:
            begin = marker
        elif marker[1] == "END" and begin is not None:
            yield begin.start(), marker.end()
            begin = None
    if begin is not None:
        body = _BODY.match(text, begin.end())
        yield begin.start(), body.end() if body else begin.end()


def is_random(text: str) -> bool:
    """Return whether letters and digits look random."""
    kinds = [any(map(test, text)) for test in (str.islower, str.isupper, str.isdigit)]
    length = sum(map(str.isalnum, text))
    return all(kinds) and len(_UNIT.findall(text)) >= _MIN_UNITS * length


def _is_secret(found: re.Match[str]) -> bool:
    """Return whether a named value is a secret, rather than a word of the sentence."""
    value = found["value"]
    if not any(map(str.isdigit, value)) or not any(map(str.isalpha, value)):
        return False
    return found["sign"] is not None or is_random(value) or _HEX.fullmatch(value) is not None


def _is_wif(text: str) -> bool:
    """Return whether a Bitcoin key is valid: the last four bytes are a checksum."""
    number = 0
    for character in text:
        number = number * 58 + _BASE58.index(character)
    content = number.to_bytes(39, "big").lstrip(b"\0")
    check = hashlib.sha256(hashlib.sha256(content[:-4]).digest()).digest()
    return content[-4:] == check[:4]
