"""Count characters as people see them: an emoji of several code points is one."""

from __future__ import annotations


def graphemes(text: str) -> int:
    """Return the number of characters, as Unicode's rules for grapheme clusters divide them."""
    if text.isascii() and "\r" not in text:
        return len(text)
    import regex

    return sum(1 for _ in regex.finditer(r"\X", text))
