"""Reassemble posts that an X archive stores in parts: versions of edited posts, and long posts.

A long post's full text (`note-tweet.js`) does not name its post. But ids are snowflakes, which
contain the time of writing: the truncated stub is the post within a few seconds whose words the
full text begins with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from popinjay.post import Post, printable, unescape
from popinjay.sources import Findings
from popinjay.sources.json_values import as_object
from popinjay.sources.x.post import as_number, edits_in, iso_time, snowflake_ms, whole_text

NEARNESS_MS = 5000  # between a long post and its stub
MAX_PER_SECOND = 8  # long posts considered; only a forged archive has more


@dataclass(frozen=True, slots=True)
class Note:
    """A long post's full text, with an id of its own."""

    number: int
    text: str
    comparable: str

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Note | None:
        """Return the note in an item of `note-tweet.js`, None if there is none."""
        core = as_object(item.get("core")) or as_object(item.get("noteTweetContents")) or item
        written = core.get("text") or item.get("fullText")
        number = as_number(item.get("noteTweetId"))
        if not written or number is None:
            return None
        text = printable(unescape(str(written)))
        return cls(number, text, comparable(text))

    @property
    def time(self) -> int:
        """The time of writing, in milliseconds since 1970."""
        return snowflake_ms(self.number)


@dataclass(frozen=True, slots=True)
class _Stub:
    """A post that may be the beginning of a long one, with the candidates for its full text."""

    number: int
    post: Post
    notes: tuple[Note, ...]
    wanted: bool


class Assembly:
    """Takes posts one by one, holds back incomplete ones, and yields them at the end."""

    def __init__(self, notes: list[Note], findings: Findings) -> None:
        self._notes = notes
        self._findings = findings
        self._by_second: dict[int, list[Note]] = {}
        for note in notes:
            of_second = self._by_second.setdefault(note.time // 1000, [])
            if len(of_second) < MAX_PER_SECOND:
                of_second.append(note)
        self._stubs: list[_Stub] = []
        # the latest version of each edited post, by the id of its first
        self._latest: dict[int, tuple[int, Post]] = {}

    def take(self, post: Post, tweet: Mapping[str, Any], number: int) -> Iterator[Post]:
        """Yield a post at once, unless it has to wait for the rest of the archive."""
        edits = edits_in(tweet)
        if len(edits) < 2:
            yield from self._whole(post, number)
            return
        known = self._latest.setdefault(min(edits), (number, post))
        if known[0] != number:
            self._findings.left_out["earlier version of an edited post"] += 1
            earlier, later = sorted([known, (number, post)], key=lambda version: version[0])
            self.leave_out(earlier[1], earlier[0])
            self._latest[min(edits)] = later

    def leave_out(self, post: Post, number: int) -> None:
        """Take a post that is to be left out, together with its full text."""
        for _ in self._whole(post, number, wanted=False):
            pass

    def rest(self, handle: str) -> Iterator[Post]:
        """Yield what had to wait: last versions, full long posts, and those without a stub."""
        for number, post in self._latest.values():
            yield from self._whole(post, number)
        full_texts, used = self._matched_notes()
        for index, stub in enumerate(self._stubs):
            if not stub.wanted:
                continue
            if index in full_texts:
                yield replace(stub.post, text=whole_text(stub.post.text, full_texts[index]))
            else:
                yield stub.post
        orphans = [note for note in self._notes if note.number not in used]
        for note in orphans:
            yield Post(str(note.number), handle, note.text, created_at=iso_time(note.time))
        if orphans:
            self._findings.notes.append(
                f"Long posts without a short one, kept as separate posts: {len(orphans):,}."
            )

    def _matched_notes(self) -> tuple[dict[int, str], set[int]]:
        """Assign each note to one stub at most, the nearest in time first.

        Returns the full texts by index of their stub, and the ids of the notes used.
        """
        pairs = sorted(
            (abs(snowflake_ms(stub.number) - note.time), index, note.number, note.text)
            for index, stub in enumerate(self._stubs)
            for note in stub.notes
        )
        full_texts: dict[int, str] = {}
        used: set[int] = set()
        for _, index, number, text in pairs:
            if index not in full_texts and number not in used:
                full_texts[index] = text
                used.add(number)
        return full_texts, used

    def _whole(self, post: Post, number: int, *, wanted: bool = True) -> Iterator[Post]:
        """Yield a post at once, unless it may be the stub of a long one."""
        notes = tuple(self._beginning_like(post, number))
        if notes:
            self._stubs.append(_Stub(number, post, notes, wanted))
        else:
            yield post

    def _beginning_like(self, post: Post, number: int) -> Iterator[Note]:
        if not self._by_second:
            return
        at = snowflake_ms(number)
        near = [
            note
            for second in range((at - NEARNESS_MS) // 1000, (at + NEARNESS_MS) // 1000 + 1)
            for note in self._by_second.get(second, ())
        ]
        start = comparable(post.text) if near else ""
        yield from (
            note
            for note in near
            if start and abs(note.time - at) <= NEARNESS_MS and note.comparable.startswith(start)
        )


def comparable(text: str) -> str:
    """Return a text to compare stubs by: without leading mentions, links and a final ellipsis."""
    text = re.sub(r"^(?:@\w+\s+)+", "", text)
    text = re.sub(r"https?://\S*", "", text).rstrip().rstrip("…").rstrip()
    return re.sub(r"\s+", " ", text).strip()
