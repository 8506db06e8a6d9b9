"""Collect: read every post of every spec, normalised, as it came."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from popinjay import sources
from popinjay.errors import SpecError
from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.options import CollectOptions
from popinjay.post import Author, Kind, Post
from popinjay.sources import UNATTENDED, Access, Reading
from popinjay.sources.weighted_spec import split_weight
from popinjay.store.forgotten import Forgotten
from popinjay.store.stage_runner import StageContext

STAGE = "collect"


@dataclass(frozen=True)
class Opened:
    """The specs of one persona, opened but not yet read.

    `weights` says how much of a cyborg each author is to be, by handle; it is empty if no spec had
    a weight.
    """

    readings: tuple[Reading, ...]
    weights: Mapping[str, float] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for reading in self.readings:
            reading.close()

    @property
    def authors(self) -> list[Author]:
        """The authors in the order of the specs."""
        return [reading.author for reading in self.readings]

    def heed(self, whose: str | None) -> None:
        """Raise SpecError if an author has refused this, unless the posts are the user's own."""
        for reading in self.readings:
            if reading.refusal and whose != "self":
                raise SpecError(
                    reading.refusal,
                    "Popinjay heeds that. If these are your own posts, say --whose self.",
                    page_hint="Popinjay heeds that. If these are your own posts, say so.",
                )

    def fetch(self, folder: Path, forgotten: Forgotten) -> None:
        """Bring what is read over networks up to date in a folder. Raises NetworkError."""
        for reading in self.readings:
            reading.fetch(folder, forgotten.covers)

    def without(self, forgotten: Forgotten) -> Opened:
        """Return only the authors who are not forgotten. Raises SpecError if none is left."""
        kept = tuple(
            reading for reading in self.readings if reading.author.handle not in forgotten.authors
        )
        if not kept:
            raise SpecError(
                "All authors of these were forgotten by this persona.",
                "Make one under another --name, or remove their lines from forgotten.toml.",
                page_hint="Make one under another name.",
            )
        handles = {reading.author.handle for reading in kept}
        left = {handle: weight for handle, weight in self.weights.items() if handle in handles}
        return Opened(kept, left)

    @property
    def handles(self) -> tuple[str, ...]:
        """The authors' handles."""
        return tuple(author.handle for author in self.authors)

    @property
    def account_handles(self) -> tuple[str, ...]:
        """The handles of those whose posts are read over a network."""
        return tuple(one.author.handle for one in self.readings if is_account(one))

    @property
    def name(self) -> str:
        """The persona's default name: its authors' handles, sorted."""
        return "-".join(sorted(author.handle for author in self.authors))

    def fingerprint(self) -> str:
        """Return a hash of everything that would be read, independent of the order of the specs."""
        marks = sorted(
            f"{reading.author.handle}\0{reading.fingerprint()}" for reading in self.readings
        )
        return hashlib.sha256("\n".join(marks).encode()).hexdigest()


def is_account(reading: Reading) -> bool:
    """Return whether posts are read over a network, so that it is certain whose they are."""
    return type(reading).fetch is not Reading.fetch


def open_specs(
    specs: Sequence[str], options: CollectOptions, access: Access = UNATTENDED
) -> Opened:
    """Open every spec, such as `ada.zip` or, with a weight, `ada.zip*2`.

    Raises SpecError if one cannot be read or two are by the same author, and NetworkError.
    """
    if not specs:
        raise SpecError(
            "Nothing to read.",
            "Give an archive or a file of posts, or try: popinjay demo",
            page_hint="Give an archive or a file of posts.",
        )
    weighted = [split_weight(spec) for spec in specs]
    with ExitStack() as stack:
        found = sources.read_all([one.spec for one in weighted], options, access)
        opened = [stack.enter_context(one) for one in found]
        people = [reading.people() for reading in opened]
        readings = tuple(one for own in people for one in own)
        handles = [reading.author.handle for reading in readings]
        for handle in handles:
            if handles.count(handle) > 1:
                raise SpecError(
                    f"Two of these are by one author, {handle!r}.",
                    "Give each author once, in one file or archive.",
                )
        stack.pop_all()
    if all(one.weight is None for one in weighted):
        return Opened(readings)
    weights = {
        reading.author.handle: 1.0 if one.weight is None else one.weight
        for one, own in zip(weighted, people, strict=True)
        for reading in own
    }
    return Opened(readings, weights)


def posts_of(reading: Reading, listener: Listener = ignore) -> Iterator[Post]:
    """Yield the posts of one author and report how many were read.

    Raises SpecError if none of them is the author's own.
    """
    count = reposts = 0
    told = time.monotonic()
    for post in reading.posts():
        count += 1
        reposts += post.kind is Kind.REPOST
        if count % 1000 == 0 and time.monotonic() - told > 0.2:
            told = time.monotonic()
            listener(
                Event(
                    STAGE,
                    EventKind.PROGRESS,
                    f"reading {reading.author.handle}",
                    done=count,
                    unit="posts",
                )
            )
        yield post
    if count == 0:
        if left_out := reading.findings.left_out:
            raise SpecError(
                f"Nothing of what {reading.author.handle!r} wrote in it can be used: "
                f"{_counted(left_out)}.",
                "Only posts that were for everybody are read. Give the file that holds them.",
            )
        raise SpecError(
            f"There is not a single post of {reading.author.handle!r} in it.",
            "Give the file or archive with the posts; an archive can come in several parts.",
        )
    if reposts == count:
        raise SpecError(
            f"All {count:,} posts of {reading.author.handle!r} are reposts of other people; "
            "none is their own.",
            "A voice needs words of its own.",
        )


def _counted(reasons: Mapping[str, int]) -> str:
    """Return how many posts were left out for each reason."""
    return ", ".join(f"{count:,} × {reason}" for reason, count in sorted(reasons.items()))


_SIGNATURES = {
    b"\xff\xd8\xff": "jpg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
}


def picture_kind(data: bytes) -> str | None:
    """Return the suffix of a picture's file by its first bytes; None if the format is unknown."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next(
        (ending for signature, ending in _SIGNATURES.items() if data.startswith(signature)), None
    )


def keep_avatars(readings: Sequence[Reading], folder: Path) -> None:
    """Write the authors' pictures as `HANDLE.jpg` and the like.

    They are copied as their sources hold them, and neither opened here nor fetched.
    """
    folder.mkdir()
    for reading in readings:
        data = reading.avatar()
        if data and (kind := picture_kind(data)):
            (folder / f"{reading.author.handle}.{kind}").write_bytes(data)


def collect(
    opened: Opened, options: CollectOptions, context: StageContext, listener: Listener
) -> None:
    """Write `posts.jsonl`, `authors.json` and `avatars` from specs opened with these options."""
    counts: Counter[str] = Counter()
    forgotten = Forgotten.of(context.run)

    def posts() -> Iterator[dict[str, Any]]:
        for reading in opened.readings:
            for post in posts_of(reading, listener):
                if forgotten.covers(post.author, post.id):
                    reading.findings.left_out["forgotten"] += 1
                else:
                    counts[post.author] += 1
                    yield post.to_json()

    context.write_rows("posts.jsonl", posts())
    for reading in opened.readings:
        for note in reading.findings.notes:
            listener(Event(STAGE, EventKind.NOTE, note))
        if reading.findings.left_out:
            left = _counted(reading.findings.left_out)
            listener(Event(STAGE, EventKind.NOTE, f"Left out of {reading.author.handle}: {left}."))
    rows = [
        {
            **asdict(r.author),
            "posts": counts[r.author.handle],
            "left_out": dict(r.findings.left_out),
        }
        for r in opened.readings
    ]
    context.write_json("authors.json", rows)
    keep_avatars(opened.readings, context.path("avatars"))
    context.facts.update(summary=in_words(rows))


def in_words(authors: Sequence[Mapping[str, Any]]) -> str:
    """Return how many posts of whom were collected, from the rows of `authors.json`."""
    return " and ".join(f"{row['posts']:,} posts of {row['handle']}" for row in authors)
