"""Handles in text: the accounts that a post names, as X, Mastodon, Bluesky and Reddit write them.

`@ada`, `@ada@social.example`, `@ada.bsky.social`, `u/ada`. A handle is public and no personal data
by itself, but one that a model invents may be the handle of a real person who is not involved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from popinjay.text.words import FIRST_UNSPACED, last_word

MASK = "@…"  # no longer than the shortest handle, so that a masked post still fits

# A dot continues a handle only before a lower-case letter or a digit: "@ada.Thanks" is @ada and the
# next sentence. Each part ends at a character that the next one begins with, so that matching takes
# linear time.
_HANDLE = re.compile(
    r"(?<![A-Za-z0-9_])[@＠]"
    r"(?P<account>[A-Za-z0-9_]+(?:(?:-[A-Za-z0-9_]+)*(?:\.[a-z0-9][a-z0-9-]*)+)?"
    r"(?:@[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9][A-Za-z0-9-]*)*)?)"
    r"|(?<![\w/])/?u/(?P<user>[A-Za-z0-9_-]{3,20})(?![\w-])"
)
_TIME = re.compile(r"\d{1,4}(?:[ap]m|h)?", re.IGNORECASE)  # "dinner @7pm"


class Handle(NamedTuple):
    """A handle in a text: where it begins and ends, and its name without @, casefolded."""

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
    """Return whether a text may hold a handle: a quick check that is never wrongly False."""
    return "@" in text or "u/" in text or "＠" in text


def names_in(text: str) -> Iterator[str]:
    """Yield the names of all handles in a text; of `ada@server` also the local name."""
    for handle in find_handles(text):
        yield handle.name
        if "@" in handle.name:
            yield handle.name.split("@")[0]


def mask_handles(text: str, handles: Iterable[Handle]) -> str:
    """Return the text with these of its handles masked."""
    parts, end = [], 0
    for handle in handles:
        parts += [text[end : handle.start], MASK]
        end = handle.end
    return "".join((*parts, text[end:]))


class HandleWatch:
    """Watches a growing text for unknown handles, each noticed once its word is complete."""

    def __init__(self, is_known: Callable[[str], bool], typed: str) -> None:
        """Watch the text behind `typed`, whose handles count as known."""
        self._is_known = is_known
        self._own = {handle.name for handle in find_handles(typed)}
        self._word = typed[last_word(typed) :]  # the last word, which may still grow
        self._typed = len(self._word)  # how many of its characters were typed

    def add(self, text: str) -> bool:
        """Add more text; return whether it completed an unknown handle."""
        self._word += text
        if text.isalnum() and max(text) < FIRST_UNSPACED:
            return False  # the word goes on, so none is complete
        begin = len(self._word) if self._word[-1:].isspace() else last_word(self._word)
        if not begin:
            return False
        complete, self._word = self._word[:begin], self._word[begin:]
        typed, self._typed = self._typed, 0
        names = [handle.name for handle in find_handles(complete) if handle.end > typed]
        return not all(name in self._own or self._is_known(name) for name in names)
