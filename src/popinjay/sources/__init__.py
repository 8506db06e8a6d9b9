"""Where posts come from: one module a kind, all of the same shape.

A source is a module with `NAME`, `HELP` (what to give), `NEEDS` (what it takes besides, empty for nothing), `matches(spec) -> bool` and
`read(spec, options, access) -> Reading`. Other packages add theirs through the entry point group `popinjay.sources`. The first source
that matches a spec reads it. Files come before networks: whatever lies on the disk is never looked for elsewhere.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from popinjay.errors import SpecError
from popinjay.events import Listener, ignore
from popinjay.options import CollectOptions, FetchOptions
from popinjay.post import Author, Post

FETCH = "fetch"  # what reading a network is called in events

# X's source takes every other zip and folder, the texts' every other file.
BUILT_IN = (
    "popinjay.sources.mastodon.export",
    "popinjay.sources.files.packed_rows",
    "popinjay.sources.x.archive",
    "popinjay.sources.bluesky.export",
    "popinjay.sources.files.text",
    "popinjay.sources.bluesky.account",
    "popinjay.sources.mastodon.account",
    "popinjay.sources.x.api",
)


@dataclass
class Findings:
    """What a source has to say besides its posts. Complete once the posts have been read to their end."""

    notes: list[str] = field(default_factory=list)  # sentences for people
    left_out: Counter[str] = field(default_factory=Counter)  # posts not handed over, by reason
    unread: dict[str, int] = field(
        default_factory=dict
    )  # private classes never opened, with their number of files


@dataclass(frozen=True)
class Access:
    """How networks may be read: by which options, who hears of it, who can be asked for a yes (None: nobody sits there), and whether it is kept."""

    options: FetchOptions = field(default_factory=FetchOptions)
    listener: Listener = ignore
    ask: Callable[[str], bool] | None = None
    keeps: bool = True


NOBODY_TO_ASK = Access()  # files need no more


class Reading(ABC):
    """One spec, opened by a source."""

    author: Author
    findings: Findings
    refusal: str = ""  # what the author has declared against being learnt from, as a sentence: holds for everybody but themselves

    def fetch(self, folder: Path, skip: Callable[[str, str], bool]) -> None:  # noqa: B027
        """Bring what is kept of a network in `folder` up to date, without the posts (author, id) to skip. Files have nothing to fetch.

        Called before all that follows. Raises NetworkError.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of what would be read: the same as long as the posts are."""

    def avatar(self) -> bytes | None:
        """The author's picture, as a file's bytes, where there is one."""
        return None

    def people(self) -> tuple[Reading, ...]:
        """Return one reading for each author: just this one, unless a file holds several."""
        return (self,)

    @abstractmethod
    def posts(self) -> Iterator[Post]:
        """The posts, read as they are asked for. Raises SpecError where what is there cannot be read."""


def all_sources() -> list[Any]:
    """Every source, in the order in which they are asked."""
    sources = [importlib.import_module(name) for name in BUILT_IN]
    return sources + [entry.load() for entry in entry_points(group="popinjay.sources")]


def find(spec: str) -> Any:
    """The source that reads this spec. Raises SpecError where none does."""
    if "\x00" in spec:
        raise SpecError(
            "A name with a NUL byte in it can't be a file.",
            "Check how the name was typed or passed.",
        )
    for source in all_sources():
        if spec and source.matches(spec):
            return source
    from popinjay.sources.hints import guess

    reads = ", ".join(source.NAME for source in all_sources())
    meant, hint = guess(spec), f"It reads: {reads} (what to give: popinjay sources)."
    if not spec or (spec != "-" and not Path(spec).exists()):
        raise SpecError(
            f"There is no file, folder or account {spec!r}.",
            meant or hint.replace("It", "Popinjay", 1),
        )
    raise SpecError(f"{spec!r} is nothing that popinjay reads.", hint)


def read(spec: str, options: CollectOptions, access: Access = NOBODY_TO_ASK) -> Reading:
    """Open a spec. Raises SpecError where it cannot be read, NetworkError where a server cannot."""
    try:
        reading: Reading = find(spec).read(spec, options, access)
    except PermissionError as error:
        raise SpecError(
            f"No permission to read {error.filename or spec!r}.",
            "Change its permissions, or copy it to where you may read it.",
        ) from error
    except OSError as error:
        raise SpecError(
            f"{spec!r} can't be read: {error.strerror or error}.",
            "Check the name, or take a fresh copy.",
        ) from error
    return reading
