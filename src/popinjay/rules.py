"""What may leave the machine: no training post and no run of one, nothing personal, nothing too long, nothing broken off."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple

from popinjay.copying import Copies, Following
from popinjay.options import SayOptions
from popinjay.privacy import beginning, reveals
from popinjay.words import last_word, whole_sentences

FORMULA = 3  # different posts that hold a run of eight words: from there on it is the author's own turn of phrase, and no copy of one post
GOOD_PART = 0.5  # of a text that was too long, or was broken off, which must be left when it ends at a sentence instead


class Reason(StrEnum):
    """Why a draft of a post is not let out and another is drawn."""

    EMPTY = "empty"
    COPIED = "copied"
    PERSONAL = "personal data"
    LONG = "too long"
    UNFINISHED = "unfinished"
    BROKEN = "broken character"  # bytes that make none

    @property
    def is_a_blemish(self) -> bool:
        """Whether such a draft may be let out all the same where nothing better comes."""
        return self in (Reason.UNFINISHED, Reason.BROKEN)


class Verdict(NamedTuple):
    """What becomes of a draft: its text, perhaps shorter than it was, whether that is whole, and what speaks against it."""

    text: str
    finished: bool
    against: Reason | None = None


class Rules:
    """The rules for what a persona says, from the posts that it learnt from, and marks of those that are gone since.

    Never what equals one of them or repeats eight of its words in a row, unless three different posts hold those eight words: then they are
    the author's own formula (never what is only marked). Never what looks like personal data, or like what stood in its place in the posts. Never more
    characters than asked for. What the user typed as the prompt is theirs: it counts for none of this but the length.
    """

    def __init__(self, copies: Callable[[], Copies] = Copies) -> None:
        """For a model that learnt what this index is of; it is asked for when it is first needed."""
        self._copies = copies

    @classmethod
    def of(cls, posts: Iterable[str]) -> Rules:
        """For a model that learnt these posts."""
        return cls(lambda: Copies(posts, FORMULA))

    @functools.cached_property
    def copies(self) -> Copies:
        """The index of the posts."""
        return self._copies()

    def watch(self, prompt: str, options: SayOptions) -> Watch:
        """A draft that begins with the prompt, to be watched as it grows."""
        return Watch(None if options.allow_copies else self.copies.follow(prompt), options.max_chars - len(prompt))

    def judge(self, text: str, finished: bool, prompt: str, options: SayOptions, *, watched: bool = False) -> Verdict:
        """What becomes of a draft that begins with the prompt. It is `finished` where the model came to an end by itself.

        One that was `watched` while it grew repeats no run but perhaps the one that its last word ends.

        What is too long or unfinished ends at its last sentence that fits, where a good part of it is left.
        """
        typed = len(prompt) if text.startswith(prompt) else 0
        against = None
        if not finished or len(text) > options.max_chars:
            shorter = whole_sentences(text, options.max_chars)
            if len(shorter) - typed > GOOD_PART * (min(len(text), options.max_chars) - typed):
                text, finished = shorter, True
            else:
                against = Reason.LONG if len(text) > options.max_chars else Reason.UNFINISHED
        if not text[typed:].strip():
            return Verdict(text, finished, Reason.EMPTY)
        if against is Reason.LONG:
            return Verdict(text, finished, against)
        if reveals(text, typed):
            return Verdict(text, finished, Reason.PERSONAL)
        if not options.allow_copies and (self.copies.ends_copied(text) if watched and not typed else self.copies.is_copied(text, typed)):
            return Verdict(text, finished, Reason.COPIED)
        if "\ufffd" in text[typed:]:
            against = Reason.BROKEN
        return Verdict(text, finished, against)


def settled(text: str) -> str:
    """A growing text without what more of it could still make a copy or personal data of: its last word, and figures before it."""
    whole = text[: last_word(text)]
    return whole[: beginning(whole)]


class Watch:
    """A draft while it grows, so that a hopeless one is not written to its end."""

    def __init__(self, following: Following | None, room: int) -> None:
        self._following = following
        self._room = room + 1  # for the blank that the text may begin with, which is taken off

    def add(self, text: str) -> Reason | None:
        """More of it; what now speaks against going on."""
        if self._following is not None and self._following.add(text):
            return Reason.COPIED
        self._room -= len(text)
        return Reason.LONG if self._room < 0 else None
