"""Fold text so that one pattern matches every variant of digits, dashes, spaces and at signs."""

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
    """A cache of what each character is replaced by: an ASCII character, itself, or nothing."""

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
    """A folded text, with the original index of each character if these differ."""

    text: str
    places: Sequence[int] | None = None

    def original(self, span: Span) -> Span:
        """Convert a span of the folded text to one of the original."""
        if self.places is None:
            return span
        return self.places[span[0]], self.places[span[1] - 1] + 1


def fold(text: str) -> Folded:
    """Convert digits, dashes, spaces and full-width characters to ASCII, and drop invisible ones.

    This applies to the digits of all scripts and to non-breaking dashes. Soft hyphens, zero-width
    characters, direction marks and keycap combiners are invisible.
    """
    if text.isascii() and "\t" not in text:
        return Folded(text)
    plain = text.translate(_TABLE)
    if len(plain) == len(text):
        return Folded(plain)
    kept = (index for index, character in enumerate(text) if _TABLE[ord(character)] is not None)
    return Folded(plain, array("l", kept))
