"""Personal data in text: found by pattern, and masked.

Only what harms when a model repeats it: e-mail addresses, phone numbers, card numbers, secret keys. Handles stay: they are public.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def passes_luhn(text: str) -> bool:
    """Whether the digits of a text carry a payment card's check digit (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(_digits(text))):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _phone_length(text: str) -> bool:
    return 9 <= len(_digits(text)) <= 15


def _always(text: str) -> bool:
    return True


class Sort(NamedTuple):
    """One sort of personal data: what it looks like, and a second look at what matches."""

    name: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = _always


SORTS = (
    Sort(
        "key",
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:.*?-----END [A-Z ]*PRIVATE KEY-----)?"
            r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_\w{40,}|\bsk-[A-Za-z0-9_-]{20,}|\bhf_[A-Za-z0-9]{30,}"
            r"|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bAIza[0-9A-Za-z_-]{35}|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}",
            re.DOTALL,
        ),
    ),
    Sort("email", re.compile(r"(?<![\w@.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}\b")),
    Sort("card", re.compile(r"(?<![\d.,])(?:\d[ -]?){12,18}\d(?![\d.,]?\d)"), passes_luhn),
    Sort(
        "phone",
        re.compile(
            r"(?<![\w+.,/#$€£-])(?:"
            r"(?:\+|00)[1-9](?:[ ()./-]{0,2}\d){7,14}"  # international
            r"|(?:1[ .-])?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}"  # North America
            r"|\(?0\d{1,4}\)?[ ./-]?\d{2,4}(?:[ .-]?\d{2,4}){1,3}"  # national, with its leading zero
            r")(?![\w])"
        ),
        _phone_length,
    ),
)


_MASKED = re.compile(rf"\[(?:{'|'.join(sort.name for sort in SORTS)})\b", re.IGNORECASE)


def reveals(text: str, typed: int = 0) -> bool:
    """Whether `mask` would mask something in the text, or was at work on what it was learnt from; what ends in the first `typed` characters does not count."""
    if any(found.end() > typed for found in _MASKED.finditer(text)):
        return True
    return any(found.end() > typed and sort.holds(found[0]) for sort in SORTS for found in sort.pattern.finditer(text))


_BEGINNING = re.compile(r"(?:-----BEGIN.*|[+(]?\d[\d ()./-]*)$")


def beginning(text: str) -> int:
    """Where something begins, at the end of a text, that could become personal data of several words; its length where nothing does."""
    found = _BEGINNING.search(text)
    return len(text) if found is None else found.start()


class Found(NamedTuple):
    """Personal data that was found in a text: its sort, and its wording."""

    sort: str
    wording: str

    @property
    def bare(self) -> Found:
        """The same without what can be written otherwise: blanks and marks between figures, capitals of an address."""
        return Found(self.sort, self.wording if self.sort == "key" else self.wording.casefold() if self.sort == "email" else _digits(self.wording))


def find(text: str) -> list[Found]:
    """The personal data in a text, as `mask` would mask it."""
    return _hide(text)[1]


def masks(text: str) -> int:
    """How many masks stand in the text: nothing personal, but traces of it."""
    return sum(1 for _ in _MASKED.finditer(text))


def mask(text: str) -> tuple[str, dict[str, int]]:
    """The text with personal data replaced by `[email]`, `[phone]`, `[card]`, `[key]`, and how many of each there were."""
    hidden, found = _hide(text)
    return hidden, dict(Counter(one.sort for one in found))


def _hide(text: str) -> tuple[str, list[Found]]:
    found: list[Found] = []
    for sort in SORTS:

        def hide(match: re.Match[str], sort: Sort = sort) -> str:
            if not sort.holds(match[0]):
                return match[0]
            found.append(Found(sort.name, match[0]))
            return f"[{sort.name}]"

        text = sort.pattern.sub(hide, text)
    return text, found
