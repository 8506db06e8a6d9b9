"""Personal data in text: found by its shape, and masked.

Only what harms when a model repeats it: e-mail addresses, phone, card and account numbers, addresses
of machines, secret keys. Handles stay: they are public. `pii` has the shapes of each.
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
    """One sort of personal data: how it is called, and what finds it in a folded text."""

    name: str
    find: Finder


# What an earlier one found is not looked at again: a key may hold figures like a card's.
SORTS = (
    Sort("key", find_keys),
    Sort("email", find_emails),
    Sort("iban", find_ibans),
    Sort("card", find_cards),
    Sort("ip", find_addresses),
    Sort("phone", find_phones),
)

# Posts without any of this, which are most, hold nothing. What is long and written in one may be a key.
_LONG = re.compile(r"[\w./+=-]{14}", re.ASCII)
_HINT = re.compile(r"[\d@＠﹫]|-----|[tTaA] ?[\])}>]| dot ")
_MASKED = re.compile(rf"\[(?:{'|'.join(sort.name for sort in SORTS)})\b", re.IGNORECASE)
_FOUND = "\0"  # stands in place of what was found


class Place(NamedTuple):
    """Where personal data stands in a text, and of which sort it is."""

    begin: int
    end: int
    sort: str


def places(text: str) -> list[Place]:
    """Find all personal data in a text, in the order of `SORTS`. No two places overlap."""
    if not _HINT.search(text) and not _LONG.search(text):
        return []
    folded = fold(text)
    plain, found = folded.text, []
    for name, find_spans in SORTS:
        if spans := list(find_spans(plain)):
            found += [Place(*folded.original(span), name) for span in spans]
            plain = _blanked(plain, spans)
    return found


def _blanked(text: str, spans: list[Span]) -> str:
    """Write over some spans, which are in order."""
    parts, last = [], 0
    for begin, end in spans:
        parts += [text[last:begin], _FOUND * (end - begin)]
        last = end
    return "".join([*parts, text[last:]])


def reveals(text: str, typed: int = 0) -> bool:
    """Whether `mask` would mask something in the text, or was at work on what it was learnt from.

    What ends in the first `typed` characters does not count.
    """
    if any(found.end() > typed for found in _MASKED.finditer(text)):
        return True
    return any(place.end > typed for place in places(text))


_LOOKED_AT = 120  # characters: a card's figures one by one, with what may stand between them
_BEGINNING = re.compile(
    r"(?:\b[A-Z]{2}\d\d[A-Z\d .-]*|\b[a-z]{2}\d\d[\d .-]*|[+(]?\d[\d ()./_-]*)$"
)
_KEY_BEGINS = "-----BEGIN"


def beginning(text: str) -> int:
    """Where something begins, at the end of a text, that could become personal data of several words.

    Its length where nothing does.
    """
    begun = text.find(_KEY_BEGINS)
    start = max(0, len(text) - _LOOKED_AT)
    folded = fold(text[start:])
    found = _BEGINNING.search(folded.text)
    if found is None:
        return len(text) if begun < 0 else begun
    number = start + (found.start() if folded.places is None else folded.places[found.start()])
    return number if begun < 0 else min(begun, number)


class Found(NamedTuple):
    """Personal data that was found in a text: its sort, and its wording."""

    sort: str
    wording: str

    @property
    def bare(self) -> Found:
        """The same without what can be written otherwise: marks between figures, capitals, widths."""
        plain = fold(self.wording).text
        if self.sort == "key":
            return Found(self.sort, plain)
        if self.sort in ("email", "ip"):
            return Found(self.sort, plain.casefold())
        if self.sort == "iban":
            return Found(self.sort, "".join(filter(str.isalnum, plain)).upper())
        return Found(self.sort, digits_of(plain))


def find(text: str) -> list[Found]:
    """The personal data in a text, as `mask` would mask it."""
    return [Found(place.sort, text[place.begin : place.end]) for place in places(text)]


def masks(text: str) -> int:
    """How many masks stand in the text: nothing personal, but traces of it."""
    return sum(1 for _ in _MASKED.finditer(text))


def mask(text: str) -> tuple[str, dict[str, int]]:
    """The text with `[email]`, `[phone]`, `[card]` and so on in place of personal data, and how many of each."""
    found = places(text)
    if not found:
        return text, {}
    parts, last = [], 0
    for place in sorted(found):
        parts += [text[last : place.begin], f"[{place.sort}]"]
        last = place.end
    return "".join([*parts, text[last:]]), dict(Counter(place.sort for place in found))
