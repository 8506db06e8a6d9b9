"""What a source is, and what it returns: one spec, opened, with its author and posts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

from popinjay.events import Listener, ignore
from popinjay.network.http_client import HttpClient
from popinjay.options import CollectOptions, FetchOptions
from popinjay.post import Author, Post

Resource = TypeVar("Resource", bound=AbstractContextManager[Any])
Made = TypeVar("Made", bound="Reading")
FETCH = "fetch"  # the stage that events name while a network is read
KEPT = "Everything read so far is kept: the same command continues from there."


@dataclass
class Findings:
    """What a source reports besides its posts. Complete once all posts have been read."""

    # What the spec was recognised as, such as "text file, one post per line"; empty: the NAME of
    # its source.
    source: str = ""
    notes: list[str] = field(default_factory=list)  # sentences for the user
    left_out: Counter[str] = field(default_factory=Counter)  # posts not yielded, by reason
    # Kinds of private files that are never opened, with the number of files.
    unread: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Access:
    """How networks may be read."""

    options: FetchOptions = field(default_factory=FetchOptions)
    listener: Listener = ignore  # is told how far it is
    ask: Callable[[str], bool] | None = None  # asks the user for a yes; None if no user is there
    keeps: bool = True  # what is read is kept for the next time

    def client(self) -> HttpClient:
        """Return a client that reads as these options allow."""
        return HttpClient(
            self.listener,
            stage=FETCH,
            allow_local=self.options.allow_local,
            after_failure=KEPT,
        )


UNATTENDED = Access()  # enough for files


class Reading(ABC):
    """One spec, opened by a source: a context manager, which closes its files and connections."""

    author: Author
    findings: Findings
    # A sentence, if the author has declared that nobody may train on these posts. It does not
    # bind the author.
    refusal: str = ""

    def fetch(self, folder: Path, skip: Callable[[str, str], bool]) -> None:  # noqa: B027
        """Download new posts of a network account to `folder`. Files have nothing to fetch.

        Called before `posts`, `fingerprint` and `avatar`. `skip` tells whether a post, by author
        and id, is not to be kept. Raises NetworkError.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a hash of what would be read, which stays the same as long as the posts do."""

    def avatar(self) -> bytes | None:
        """Return the bytes of the author's picture, or None if there is none."""
        return None

    def people(self) -> tuple[Reading, ...]:
        """Return one reading for each author: only this one, unless a file holds several."""
        return (self,)

    @abstractmethod
    def posts(self) -> Iterator[Post]:
        """Yield the posts as they are read. Raises SpecError if they cannot be read."""

    def close(self) -> None:  # noqa: B027
        """Close what is open. May be called twice; nothing is read afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def reading_of(resource: Resource, make: Callable[[Resource], Made]) -> Made:
    """Return a reading made of a file or client, which is closed if that fails."""
    with ExitStack() as stack:
        reading = make(stack.enter_context(resource))
        stack.pop_all()
    return reading


@runtime_checkable
class Source(Protocol):
    """Reads posts of one kind. Built-in sources are modules; a plug-in may be any object.

    A source that has options of its own also has `OPTIONS`, their dataclass (see source_options).
    """

    NAME: str  # as users read it
    HELP: str  # what to give as a spec
    NEEDS: str  # what it takes besides, such as a network; empty for nothing

    def matches(self, spec: str) -> bool:
        """Return whether this source reads the spec. Quick, and without the network."""

    def read(self, spec: str, options: CollectOptions, access: Access) -> Reading:
        """Open the spec. Raises SpecError if it cannot be read, NetworkError if a server cannot."""
