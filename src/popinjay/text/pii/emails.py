"""E-mail addresses, including spelled-out ones: `ada (at) example (dot) org`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from popinjay.text.pii.folding import Span

_LOCAL = re.compile(r"[\w.+%&'-]{1,64}+")  # matched backwards from the at sign
_DOMAIN = re.compile(r"[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,8}+")
_TOP = re.compile(r"(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24})(?![^\W_])", re.IGNORECASE)
_PROVIDERS = (
    "gmail|googlemail|hotmail|outlook|live|yahoo|ymail|icloud|aol|gmx|web|proton|protonmail"
)
_PROVIDER = re.compile(
    rf" ?(?:{_PROVIDERS}|fastmail|mail|yandex|qq|163)\.[a-z]{{2,3}}\b", re.IGNORECASE
)

_OPEN, _CLOSE = r"[\[({<] ?", r" ?[\])}>]"
_AT = re.compile(
    rf" ?{_OPEN}(?:at|ät|arroba|@){_CLOSE} ?| at (?=[\w-]{{1,63}}+ dot )", re.IGNORECASE
)
_DOT = rf"(?: ?{_OPEN}(?:dot|punkt|punto|point|\.){_CLOSE} ?| dot | ?\. ?)"
_TOPS = (
    "com|org|net|edu|gov|info|io|dev|app|ai|eu|de|at|ch|fr|es|it|nl|be|uk|ie|us|ca|au|nz|br|pt|in"
    "|jp|pl|se|no|dk|fi|ru|example"
)
_IN_WORDS = re.compile(rf" dot (?:{_TOPS})\b(?! dot )", re.IGNORECASE)
_SPELT = re.compile(
    rf"[\w-]{{1,63}}+(?:{_DOT}[\w-]{{1,63}}+){{0,7}}?{_DOT}[a-z]{{2,24}}\b", re.IGNORECASE
)
_HAS_AT = re.compile(r"[tTaA@] ?[\])}>]| [dD][oO][tT] ")


def find_emails(text: str) -> Iterator[Span]:
    """Yield the spans of e-mail addresses. `@ada@example.social` is a handle instead."""
    last = 0
    spans = _with_sign(text) if "@" in text else iter(())
    spelt = _spelt_out(text) if _HAS_AT.search(text) else iter(())
    for begin, end in sorted([*spans, *spelt]):
        if begin >= last:
            yield begin, end
            last = end


def _with_sign(text: str) -> Iterator[Span]:
    sign = text.find("@")
    while sign >= 0:
        end = _domain_end(text, sign + 1)
        begin = _local_begin(text, sign)
        if end is None and (loose := _PROVIDER.match(text, sign + 1)):
            end = loose.end()
            begin = _local_begin(text, sign - (text[sign - 1 : sign] == " "))
        if begin is not None and end is not None:
            yield begin, end
        sign = text.find("@", sign + 1)


def _spelt_out(text: str) -> Iterator[Span]:
    for at in _AT.finditer(text):
        begin = _local_begin(text, at.start())
        domain = _SPELT.match(text, at.end())
        if begin is None or domain is None:
            continue
        if at[0] == " at " and not _IN_WORDS.search(text, at.end(), domain.end()):
            continue
        yield begin, domain.end()


def _local_begin(text: str, end: int) -> int | None:
    """Return the start of the part before the at sign; None if there is none."""
    backwards = text[max(0, end - 65) : end][::-1]
    found = _LOCAL.match(backwards)
    if found is None:
        return None
    local = found[0][::-1]
    if backwards[found.end() : found.end() + 1] == "@":
        return None
    kept = local.lstrip(".'&%-")
    if kept.startswith("_") and text[end:].find(kept[0]) >= 0 and _is_emphasis(text, end):
        kept = kept.lstrip("_")
    return end - len(kept) if kept and kept[-1] != "." else None


def _is_emphasis(text: str, sign: int) -> bool:
    """Return whether an address is followed by an underscore: `_ada@example.org_`."""
    end = _domain_end(text, sign + 1)
    return end is not None and text[end : end + 1] == "_"


def _domain_end(text: str, begin: int) -> int | None:
    """Return the end of a domain: after its last part that can be a top-level domain."""
    found = _DOMAIN.match(text, begin)
    if found is None:
        return None
    labels = found[0].split(".")
    for count in range(len(labels) - 1, 0, -1):
        if top := _TOP.match(labels[count]):
            return begin + sum(map(len, labels[:count])) + count + top.end()
    return None
