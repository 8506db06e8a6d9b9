"""Find handles in text, as X, Mastodon, Bluesky and Reddit write them.

`@ada` and `@ada@social.example`, `@ada.bsky.social`, `u/ada`. A handle is public and does no harm
by itself, but a model that invents one may hit a real, unrelated account.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from popinjay.text.words import FIRST_UNSPACED, last_word

MASK = "@…"  # no longer than the shortest handle, so that a masked post still fits

# A dot continues a handle only before a lower-case letter or a digit: "@ada.Thanks" is @ada and the
# next sentence. Each part of the pattern ends where the next one starts, so that it takes linear
# time.
_HANDLE = re.compile(
    r"(?<![A-Za-z0-9_])[@＠]"
    r"(?P<account>[A-Za-z0-9_]+(?:(?:-[A-Za-z0-9_]+)*(?:\.[a-z0-9][a-z0-9-]*)+)?"
    r"(?:@[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9][A-Za-z0-9-]*)*)?)"
    r"|(?<![\w/])/?u/(?P<user>[A-Za-z0-9_-]{3,20})(?![\w-])"
)
_TIME = re.compile(r"\d{1,4}(?:[ap]m|h)?", re.IGNORECASE)  # "dinner @7pm"


class Handle(NamedTuple):
    """A handle in a text: its position, and its name without @ and with case folded."""

    start: int
    end: int
    name: str


def find_handles(text: str) -> Iterator[Handle]:
    """Yield the handles in a text, in order."""
    if not may_hold_handle(text):
        return
    for found in _HANDLE.finditer(text):
        name = found["account"] or found["user"]
        if not _TIME.fullmatch(name):
            yield Handle(found.start(), found.end(), name.casefold())


def may_hold_handle(text: str) -> bool:
    """Return False quickly if a text can't contain a handle."""
    return "@" in text or "u/" in text or "＠" in text


def names_in(text: str) -> Iterator[str]:
    """Yield the names of all handles in a text; for one with a server, its local part too."""
    for handle in find_handles(text):
        yield handle.name
        if "@" in handle.name:
            yield handle.name.split("@")[0]


def mask_handles(text: str, handles: Iterable[Handle]) -> str:
    """Replace some handles of a text by `MASK`."""
    parts = []
    end = 0
    for handle in handles:
        parts += [text[end : handle.start], MASK]
        end = handle.end
    return "".join((*parts, text[end:]))


class HandleWatch:
    """Detects unknown handles in a growing text, once their word is complete."""

    def __init__(self, is_known: Callable[[str], bool], typed: str) -> None:
        """Start with `typed`, whose own handles count as known."""
        self._is_known = is_known
        self._own = {handle.name for handle in find_handles(typed)}
        self._word = typed[last_word(typed) :]  # the last one, which may still grow
        self._typed = len(self._word)  # characters of it that were typed

    def add(self, text: str) -> bool:
        """Add text, and return whether that completed an unknown handle."""
        self._word += text
        if text.isalnum() and max(text) < FIRST_UNSPACED:
            return False  # letters and digits alone don't complete a word
        begin = len(self._word) if self._word[-1:].isspace() else last_word(self._word)
        if not begin:
            return False
        complete = self._word[:begin]
        typed = self._typed
        self._word = self._word[begin:]
        self._typed = 0
        names = [handle.name for handle in find_handles(complete) if handle.end > typed]
        return not all(name in self._own or self._is_known(name) for name in names)
