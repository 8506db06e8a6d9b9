"""What may leave the machine.

No copy of a training post or part of one, nothing personal, no stranger's handle, nothing too long
and nothing broken off.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple

from popinjay.options import SayOptions
from popinjay.text.handles import Handle, HandleWatch, find_handles, mask_handles
from popinjay.text.masking import reveals, unfinished_start
from popinjay.text.verbatim_index import IncrementalMatcher, VerbatimIndex
from popinjay.text.words import last_word, whole_sentences

MIN_HOLDERS = 3  # different posts that hold a run of eight words: from there on it is the author's own turn of phrase, and no copy of one post
GOOD_PART = 0.5  # of a text that was too long, or was broken off, which must be left when it ends at a sentence instead


class Reason(StrEnum):
    """Why a draft of a post is not let out and another is drawn."""

    EMPTY = "empty"
    COPIED = "copied"
    PERSONAL = "personal data"
    HANDLE = "unknown handle"  # that the author never used
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
    rejection: Reason | None = None


class OutputFilters:
    """The rules for what a persona says, from the posts that it learnt from, and marks of those that are gone since.

    Never what equals one of them or repeats eight of its words in a row, unless three different posts hold those eight words: then they are
    the author's own formula (never what is only marked). Never what looks like personal data, or like what stood in its place in the posts.
    No handle that stands in none of the posts, unless that is asked for: it might be a real person's. Never more
    characters than asked for. What the user typed as the prompt is theirs: it counts for none of this but the length.
    """

    def __init__(self, copies: Callable[[], VerbatimIndex] = VerbatimIndex) -> None:
        """For a model that learnt what this index is of; it is asked for when it is first needed."""
        self._copies = copies

    @classmethod
    def of(cls, posts: Iterable[str]) -> OutputFilters:
        """For a model that learnt these posts."""
        return cls(lambda: VerbatimIndex(posts, MIN_HOLDERS))

    @functools.cached_property
    def index(self) -> VerbatimIndex:
        """The index of the posts."""
        return self._copies()

    def watch(self, prompt: str, options: SayOptions, *, masks: bool = False) -> Watch:
        """Return what watches a draft that begins with the prompt as it grows.

        Unknown handles are no reason to give it up if it `masks` them.
        """
        following = None if options.allow_copies else self.index.follow(prompt)
        room = options.max_chars - len(prompt)
        if options.handles == "any":
            return Watch(following, room)
        if masks:
            return Watch(following, room, mask=lambda text: self._masked(text, len(prompt)))
        return Watch(following, room, HandleWatch(self._knows_handle, prompt))

    def _knows_handle(self, name: str) -> bool:
        return self.index.has_handle(name)

    def unknown_handles(self, text: str, typed: int = 0) -> list[Handle]:
        """Return the handles that stand neither in a post nor in the first `typed` characters."""
        own = {handle.name for handle in find_handles(text[:typed])}
        new = (handle for handle in find_handles(text) if handle.end > typed)
        return [one for one in new if one.name not in own and not self._knows_handle(one.name)]

    def _masked(self, text: str, typed: int) -> str:
        """Return the text with unknown handles masked, but for one that begins in the prompt."""
        found = self.unknown_handles(text, typed)
        return mask_handles(text, (handle for handle in found if handle.start >= typed))

    def judge(
        self,
        text: str,
        finished: bool,
        prompt: str,
        options: SayOptions,
        *,
        watched: bool = False,
        masks: bool = False,
    ) -> Verdict:
        """What becomes of a draft that begins with the prompt. It is `finished` where the model came to an end by itself.

        One that was `watched` while it grew repeats no run but perhaps the one that its last word ends.
        If it `masks` unknown handles, they stand masked in the text that comes out.

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
        if not options.allow_copies and (
            self.index.ends_copied(text)
            if watched and not typed
            else self.index.is_copied(text, typed)
        ):
            return Verdict(text, finished, Reason.COPIED)
        if "\ufffd" in text[typed:]:
            against = Reason.BROKEN
        if options.handles != "any":
            text = self._masked(text, typed) if masks else text
            if self.unknown_handles(text, typed):
                against = Reason.HANDLE
        return Verdict(text, finished, against)


def settled(text: str) -> str:
    """A growing text without what more of it could still make a copy or personal data of: its last word, and figures before it."""
    whole = text[: last_word(text)]
    return whole[: unfinished_start(whole)]


class Watch:
    """A draft while it grows, so that a hopeless one is not written to its end."""

    def __init__(
        self,
        following: IncrementalMatcher | None,
        room: int,
        handles: HandleWatch | None = None,
        mask: Callable[[str], str] | None = None,
    ) -> None:
        """Watch for copies, for unknown handles, and for more than `room` characters."""
        self._following = following
        self._handles = handles
        self._mask = mask
        self._room = room + 1  # for the blank that the text may begin with, which is taken off

    def add(self, text: str) -> Reason | None:
        """More of it; what now speaks against going on."""
        if self._following is not None and self._following.add(text):
            return Reason.COPIED
        if self._handles is not None and self._handles.add(text):
            return Reason.HANDLE
        self._room -= len(text)
        return Reason.LONG if self._room < 0 else None

    def masked(self, text: str) -> str:
        """Return the draft's text as it may be shown, its prompt included."""
        return text if self._mask is None else self._mask(text)
