"""Names that strangers typed, as a card can show them."""

from __future__ import annotations

import re
import unicodedata

from popinjay.post import Author, one_line, printable
from popinjay.text.unicode import without_direction_marks

MOST_MARKS = 6  # combining marks on a character: no script needs more, and many cover other text


def title(author: Author) -> str:
    """Return an author's display name as a card can show it, or the handle if it is invisible."""
    name = tidy(author.name)
    is_visible = any(unicodedata.category(character)[0] in "LMNPS" for character in name)
    return isolate(name if is_visible else tidy(author.handle))


_NONCHARACTERS = re.compile(
    "[\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)


def tidy(text: str) -> str:
    """Return the text on one line, without what affects the text around it.

    That is direction overrides, towers of accents and control characters.
    """
    text = one_line(_NONCHARACTERS.sub("", without_direction_marks(printable(text))))
    kept = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks <= MOST_MARKS:
            kept.append(character)
    # A mark at the beginning would combine with whatever stands before the name.
    is_on_nothing = bool(kept) and unicodedata.category(kept[0])[0] == "M"
    return "◌" * is_on_nothing + "".join(kept)


def isolate(text: str) -> str:
    """Return the text, in Unicode's isolating marks if some of it runs from right to left.

    So the text around it keeps its order.
    """
    from_the_right = any(
        unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text
    )
    return f"\u2068{text}\u2069" if from_the_right else text
