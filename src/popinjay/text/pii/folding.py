"""Text folded so that one pattern finds every way to write a figure, a dash, a blank or an at sign."""

from __future__ import annotations

import unicodedata
from array import array
from collections.abc import Sequence
from typing import NamedTuple

Span = tuple[int, int]  # begin and end, in characters

_INVISIBLE = "\ufe0e\ufe0f\u20e3\u034f\u115f\u1160\u3164\uffa0"  # and all format characters
_DOTS = "\u00b7\u2022\u2219\u22c5\u30fb\uff65"  # middle dots and bullets
_BLANKS = "\t\u2800"
_MINUS = "\u2212"


class _Table(dict[int, str | None]):
    """What each character becomes, found out once: one ASCII character, itself, or nothing."""

    def __missing__(self, code: int) -> str | None:
        self[code] = found = _folded(chr(code))
        return found


def _folded(character: str) -> str | None:
    category = unicodedata.category(character)
    if category == "Cf" or character in _INVISIBLE:
        return None
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Pd" or character == _MINUS:
        return "-"
    if category == "Zs" or character in _BLANKS:
        return " "
    if character in _DOTS:
        return "."
    wide = unicodedata.normalize("NFKC", character)
    is_plain = len(wide) == 1 and wide.isascii() and wide.isprintable() and category != "No"
    return wide if is_plain else character


_TABLE = _Table()


class Folded(NamedTuple):
    """A text in plain characters, and where each of them stood, if that is not the same place."""

    text: str
    places: Sequence[int] | None = None

    def original(self, span: Span) -> Span:
        """Return where a span of the folded text stands in the original."""
        if self.places is None:
            return span
        return self.places[span[0]], self.places[span[1] - 1] + 1


def fold(text: str) -> Folded:
    """Write digits, dashes, blanks and full-width characters as ASCII, and leave out invisible ones.

    Digits are those of every script; dashes include non-breaking ones; invisible are soft hyphens,
    zero-width characters, marks of direction and what makes a keycap of a digit.
    """
    if text.isascii() and "\t" not in text:
        return Folded(text)
    plain = text.translate(_TABLE)
    if len(plain) == len(text):
        return Folded(plain)
    return Folded(
        plain, array("l", (place for place, one in enumerate(text) if _TABLE[ord(one)] is not None))
    )
