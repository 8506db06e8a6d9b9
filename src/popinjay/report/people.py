"""How sentences name a persona's authors: by their display names, and never by a gender."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from popinjay.post import one_line, printable
from popinjay.text.unicode import without_direction_marks

MAX_NAME = 80  # characters; of longer display names the beginning is shown
MAX_NAMED = 3  # authors of a cyborg that a sentence names; of more it gives the number
_DECORATION = re.compile(r"[^\w.)!?]+$|^[^\w(]+")


class People(NamedTuple):
    """The authors as the subject of a sentence.

    Attributes:
        name: One name, or several joined by "and".
        several: Whether the verb is in the plural.
    """

    name: str
    several: bool

    @property
    def possessive(self) -> str:
        """The name with an apostrophe, as in "Ada's posts"."""
        is_description = self.several and self.name.endswith("authors")
        return f"{self.name}'" if is_description else f"{self.name}'s"

    @property
    def do(self) -> str:
        """The verb that stands for another one, as in "than Ada does"."""
        return "do" if self.several else "does"


def people(names: Sequence[str], *, several: bool = False) -> People:
    """Return how a sentence names authors with these display names.

    Without names they are "the author", or "the authors" if there are several.
    """
    known = [name for name in map(spoken_name, names) if name]
    if not known:
        return People("the authors" if several else "the author", several)
    if len(known) > MAX_NAMED:
        return People(f"the {len(known)} authors", True)
    *first, last = known
    return People(f"{', '.join(first)} and {last}" if first else last, bool(first))


def spoken_name(name: str) -> str:
    """Return a display name without the emoji and ornaments around it, unless it has no letters."""
    shown = plain_name(name)
    return _DECORATION.sub("", shown) or shown


def plain_name(text: str) -> str:
    """Return a name on one line, short enough for a heading and without direction marks."""
    text = one_line(without_direction_marks(printable(text)))
    return text if len(text) <= MAX_NAME else text[: MAX_NAME - 1] + "…"
