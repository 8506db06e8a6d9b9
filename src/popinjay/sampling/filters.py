"""Which generated posts may be shown.

No copies of training posts or of parts of them, no personal data, no handles of strangers, nothing
too long and nothing unfinished.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from popinjay.options import SayOptions
from popinjay.store.forgotten import marks_of
from popinjay.store.index_file import INDEX, index_of_file
from popinjay.store.run import ENGINE_FOLDER, Run
from popinjay.text.handles import Handle, HandleWatch, find_handles, mask_handles
from popinjay.text.masking import reveals, unfinished_start
from popinjay.text.verbatim_index import IncrementalMatcher, JointIndex, VerbatimIndex
from popinjay.text.words import last_word, whole_sentences

# A run of eight words that this many different posts hold is the author's own formula, and no copy.
MIN_HOLDERS = 3
# The share of a text that must be left if it is too long or unfinished and ended at a sentence.
GOOD_PART = 0.5


class Reason(StrEnum):
    """Why a draft is rejected and another is generated."""

    EMPTY = "empty"
    COPIED = "copied"
    PERSONAL = "personal data"
    HANDLE = "unknown handle"  # that the author never used
    LONG = "too long"
    UNFINISHED = "unfinished"
    BROKEN = "broken character"  # bytes that are not UTF-8
    AGAINST_DIAL = "against a dial"  # lacks what a dial asks for, or has what it rules out

    @property
    def is_a_blemish(self) -> bool:
        """Whether such a draft may be used if no attempt gives a better one."""
        return self in (Reason.UNFINISHED, Reason.BROKEN, Reason.AGAINST_DIAL)


class Verdict(NamedTuple):
    """What becomes of a draft."""

    text: str  # perhaps shorter than the draft
    finished: bool
    rejection: Reason | None = None  # None if it is accepted


class OutputFilters:
    """Decides which drafts of a persona may be shown, given its training posts.

    Rejected are:

    - a copy of a training post, or of eight words in a row of one, unless three different posts
      hold these words; posts that were forgotten count by their hashes, without that exception
    - what looks like personal data, or like the mask that stands for it in the training posts
    - handles that no training post names, unless they are allowed or masked
    - more characters than allowed, and unfinished posts

    The prompt is the user's own: only its length counts.
    """

    def __init__(self, copies: Callable[[], VerbatimIndex] = VerbatimIndex) -> None:
        """Take a function that returns the index of the training posts, called when needed."""
        self._copies = copies

    @classmethod
    def of(cls, posts: Iterable[str]) -> OutputFilters:
        """Return the filters of a model that was trained on these posts."""
        return cls(lambda: VerbatimIndex(posts, MIN_HOLDERS))

    @classmethod
    def of_run(cls, run: Run, posts: Path) -> OutputFilters:
        """Return the filters of a persona that was trained on the posts in a file.

        Copies of posts that it was told to forget, and knows until it is trained again, count too.
        """
        kept = run.path / ENGINE_FOLDER / INDEX
        return cls(lambda: index_of_file(posts, kept, MIN_HOLDERS, marks_of(run)))

    @classmethod
    def joint(cls, filters: Iterable[OutputFilters]) -> OutputFilters:
        """Return the filters of a mixture of personas, each of which has these.

        A copy of any member's post is rejected, forgotten ones included; the handles of all members
        are known.
        """
        members = tuple(filters)
        return cls(lambda: JointIndex([one.index for one in members]))

    @functools.cached_property
    def index(self) -> VerbatimIndex:
        """The index of the training posts."""
        return self._copies()

    def watch(self, prompt: str, options: SayOptions, *, masks: bool = False) -> Watch:
        """Return a watch for a draft that begins with the prompt.

        If it `masks` unknown handles, it does not reject them.
        """
        matcher = None if options.allow_copies else self.index.follow(prompt)
        room = options.max_chars - len(prompt)
        if options.handles == "any":
            return Watch(matcher, room)
        if masks:
            return Watch(matcher, room, mask=lambda text: self._masked(text, len(prompt)))
        return Watch(matcher, room, HandleWatch(self._knows_handle, prompt))

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

    def shown(self, text: str, finished: bool) -> str | None:
        """Return a post that was written without filters as it may be shown; None if it may not.

        Handles of strangers are masked, and blemishes accepted: there is no other attempt.
        """
        verdict = self.judge(text, finished, "", SayOptions(), masks=True)
        is_shown = verdict.rejection is None or verdict.rejection.is_a_blemish
        return verdict.text if is_shown else None

    def judge(
        self,
        text: str,
        finished: bool,
        prompt: str,
        options: SayOptions,
        *,
        was_watched: bool = False,
        masks: bool = False,
    ) -> Verdict:
        """Decide what becomes of a draft that has ended.

        A draft that is too long or unfinished is ended at the last sentence that fits, if a good
        part of it is left.

        Args:
            text: The draft.
            finished: Whether the model ended it.
            prompt: What it begins with.
            options: What is allowed.
            was_watched: Whether a watch saw all of it, so that only its last words can be a copy.
            masks: Whether to mask unknown handles instead of rejecting them.
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
            if was_watched and not typed
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
    """Return a growing text without its last word and digits before it.

    With more text behind them, these could still become a copy or personal data.
    """
    whole = text[: last_word(text)]
    return whole[: unfinished_start(whole)]


class Watch:
    """Watches a draft while it grows, so that a rejected one is not generated to its end."""

    def __init__(
        self,
        matcher: IncrementalMatcher | None,
        room: int,
        handles: HandleWatch | None = None,
        mask: Callable[[str], str] | None = None,
    ) -> None:
        """Watch for copies, for unknown handles, and for more than `room` characters.

        `mask` returns a text with its unknown handles masked; None masks nothing.
        """
        self._matcher = matcher
        self._handles = handles
        self._mask = mask
        self._room = room + 1  # the text may begin with a blank, which is removed later

    def add(self, text: str) -> Reason | None:
        """Add more text of the draft; return why it is rejected now, or None."""
        if self._matcher is not None and self._matcher.add(text):
            return Reason.COPIED
        if self._handles is not None and self._handles.add(text):
            return Reason.HANDLE
        self._room -= len(text)
        return Reason.LONG if self._room < 0 else None

    def masked(self, text: str) -> str:
        """Return the draft's text, prompt included, as it may be shown."""
        return text if self._mask is None else self._mask(text)
