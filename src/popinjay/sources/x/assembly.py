"""What an X archive keeps apart, put together: the versions of an edited post, and the stub and the whole of a long one.

A long post's whole text (`note-tweet.js`) names no post. But ids are snowflakes: the moment of writing is in them, so the
stub is the post within a few seconds whose words are how the whole begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from popinjay.post import Post, printable, unescape
from popinjay.sources import Findings
from popinjay.sources.files.container import as_object
from popinjay.sources.x.post import as_number, edits_in, iso_time, snowflake_ms, whole_text

NEARNESS_MS = 5000  # between a long post and its stub
MAX_PER_SECOND = (
    8  # long posts that are looked at: nobody writes more, and a made-up archive may hold thousands
)


@dataclass(frozen=True, slots=True)
class Note:
    """A long post's whole text, under an id of its own."""

    number: int
    text: str
    comparable: str

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Note | None:
        """The note of an item of `note-tweet.js`, None where it holds none."""
        core = as_object(item.get("core")) or as_object(item.get("noteTweetContents")) or item
        written, number = (
            core.get("text") or item.get("fullText"),
            as_number(item.get("noteTweetId")),
        )
        if not written or number is None:
            return None
        text = printable(unescape(str(written)))
        return cls(number, text, comparable(text))

    @property
    def time(self) -> int:
        """When it was written, in milliseconds since 1970."""
        return snowflake_ms(self.number)


@dataclass(frozen=True, slots=True)
class _Stub:
    """A post that may be the beginning of a long one, with the long ones it may belong to."""

    number: int
    post: Post
    notes: tuple[Note, ...]
    wanted: bool


class Assembly:
    """Takes posts one by one, holds back those that are not whole yet, and gives them at the end."""

    def __init__(self, notes: list[Note], findings: Findings) -> None:
        self._notes = notes
        self._findings = findings
        self._by_second: dict[int, list[Note]] = {}
        for note in notes:
            of_second = self._by_second.setdefault(note.time // 1000, [])
            if len(of_second) < MAX_PER_SECOND:
                of_second.append(note)
        self._stubs: list[_Stub] = []
        self._latest: dict[
            int, tuple[int, Post]
        ] = {}  # of each edited post, by its first version's id

    def take(self, post: Post, tweet: Mapping[str, Any], number: int) -> Iterator[Post]:
        """The post at once, unless it has to wait for the rest of the archive."""
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
        """A post that is not wanted, nor is its whole."""
        for _ in self._whole(post, number, wanted=False):
            pass

    def rest(self, handle: str) -> Iterator[Post]:
        """What had to wait: last edits, long posts in full, and long posts without a stub."""
        for number, post in self._latest.values():
            yield from self._whole(post, number)
        pairs = sorted(
            (abs(snowflake_ms(stub.number) - note.time), place, note.number, note.text)
            for place, stub in enumerate(self._stubs)
            for note in stub.notes
        )
        whole_of: dict[int, str] = {}
        used: set[int] = set()
        for _, place, number, text in pairs:  # the nearest in time first, each note once
            if place not in whole_of and number not in used:
                whole_of[place] = text
                used.add(number)
        for place, stub in enumerate(self._stubs):
            if stub.wanted:
                yield (
                    replace(stub.post, text=whole_text(stub.post.text, whole_of[place]))
                    if place in whole_of
                    else stub.post
                )
        orphans = [note for note in self._notes if note.number not in used]
        for note in orphans:
            yield Post(str(note.number), handle, note.text, created_at=iso_time(note.time))
        if orphans:
            self._findings.notes.append(
                f"Long posts without a short one beside them, kept as posts of their own: {len(orphans):,}."
            )

    def _whole(self, post: Post, number: int, *, wanted: bool = True) -> Iterator[Post]:
        """The post at once, unless a long one begins like it."""
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
    """The words of a post's beginning: without the mentions before a reply, links, and what marks a cut."""
    text = re.sub(r"^(?:@\w+\s+)+", "", text)
    text = re.sub(r"https?://\S*", "", text).rstrip().rstrip("…").rstrip()
    return re.sub(r"\s+", " ", text).strip()
