"""Find and mask personal data in text, by patterns.

Only data that does harm if a model repeats it: e-mail addresses, phone, card and account numbers,
IP addresses, secret keys. Handles stay, as they are public. The patterns are in `pii`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from popinjay.text.pii.addresses import find_addresses
from popinjay.text.pii.cards import digits_of, find_cards, find_ibans
from popinjay.text.pii.emails import find_emails
from popinjay.text.pii.folding import Span, fold
from popinjay.text.pii.keys import find_keys
from popinjay.text.pii.phones import find_phones

Finder = Callable[[str], Iterator[Span]]


class Sort(NamedTuple):
    """A sort of personal data, with the function that finds it in a folded text."""

    name: str
    find: Finder


# Earlier sorts take precedence: a key may contain digits like those of a card.
SORTS = (
    Sort("key", find_keys),
    Sort("email", find_emails),
    Sort("iban", find_ibans),
    Sort("card", find_cards),
    Sort("ip", find_addresses),
    Sort("phone", find_phones),
)

# Most posts match neither of these, and contain no personal data. A long word may be a key.
_LONG = re.compile(r"[\w./+=-]{14}", re.ASCII)
_HINT = re.compile(r"[\d@＠﹫]|-----|[tTaA] ?[\])}>]| dot ")
_MASKED = re.compile(rf"\[(?:{'|'.join(sort.name for sort in SORTS)})\b", re.IGNORECASE)
_FOUND = "\0"  # replaces what was found


class Match(NamedTuple):
    """The position of personal data in a text, and its sort."""

    begin: int
    end: int
    sort: str


def find_matches(text: str) -> list[Match]:
    """Find all personal data in a text, in the order of `SORTS`, without overlaps."""
    if not _HINT.search(text) and not _LONG.search(text):
        return []
    folded = fold(text)
    plain = folded.text
    found = []
    for name, find_spans in SORTS:
        if spans := list(find_spans(plain)):
            found += [Match(*folded.original(span), name) for span in spans]
            plain = _blank_out(plain, spans)
    return found


def _blank_out(text: str, spans: list[Span]) -> str:
    """Overwrite some spans, which are sorted."""
    parts = []
    last = 0
    for begin, end in spans:
        parts += [text[last:begin], _FOUND * (end - begin)]
        last = end
    return "".join([*parts, text[last:]])


def reveals(text: str, typed: int = 0) -> bool:
    """Return whether a text contains personal data, or masks learnt from masked posts.

    What ends within the first `typed` characters does not count.
    """
    if any(found.end() > typed for found in _MASKED.finditer(text)):
        return True
    return any(match.end > typed for match in find_matches(text))


_MAX_TAIL = 120  # characters of a card's digits one by one, with separators
_UNFINISHED = re.compile(
    r"(?:\b[A-Z]{2}\d\d[A-Z\d .-]*|\b[a-z]{2}\d\d[\d .-]*|[+(]?\d[\d ()./_-]*)$"
)
_KEY_BEGINS = "-----BEGIN"


def unfinished_start(text: str) -> int:
    """Return where text begins that could become personal data of several words as it grows.

    The length of the text if there is none.
    """
    begun = text.find(_KEY_BEGINS)
    start = max(0, len(text) - _MAX_TAIL)
    folded = fold(text[start:])
    found = _UNFINISHED.search(folded.text)
    if found is None:
        return len(text) if begun < 0 else begun
    number = start + (found.start() if folded.places is None else folded.places[found.start()])
    return number if begun < 0 else min(begun, number)


class Found(NamedTuple):
    """Personal data found in a text: its sort and its wording."""

    sort: str
    wording: str

    @property
    def normalized(self) -> Found:
        """The same without differences in spelling: separators, case, widths."""
        plain = fold(self.wording).text
        if self.sort == "key":
            return Found(self.sort, plain)
        if self.sort in ("email", "ip"):
            return Found(self.sort, plain.casefold())
        if self.sort == "iban":
            return Found(self.sort, "".join(filter(str.isalnum, plain)).upper())
        return Found(self.sort, digits_of(plain))


def find(text: str) -> list[Found]:
    """Return the personal data in a text that `mask` would mask."""
    return [Found(match.sort, text[match.begin : match.end]) for match in find_matches(text)]


def masks(text: str) -> int:
    """Return the number of masks in a text: traces of personal data."""
    return sum(1 for _ in _MASKED.finditer(text))


def mask(text: str) -> tuple[str, dict[str, int]]:
    """Replace personal data by `[email]`, `[phone]`, `[card]` and so on, and count each sort."""
    found = find_matches(text)
    if not found:
        return text, {}
    parts = []
    last = 0
    for match in sorted(found):
        parts += [text[last : match.begin], f"[{match.sort}]"]
        last = match.end
    return "".join([*parts, text[last:]]), dict(Counter(match.sort for match in found))
