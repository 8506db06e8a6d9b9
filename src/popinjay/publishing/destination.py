"""What a destination is: the protocol, the files that go to it, and what was published."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from popinjay.events import Listener
from popinjay.options import PublishOptions

STAGE = "publish"  # of events
HUB, SPACE, PAGES, FOLDER = "hub:", "space:", "pages:", ""  # what destinations begin with
IN_WORDS = {  # the destinations as people say them
    HUB: "{} on the Hugging Face hub",
    SPACE: "the Space {} on the Hugging Face hub",
    PAGES: "the folder {} for GitHub Pages",
    FOLDER: "the folder {}",
}


@dataclass(frozen=True)
class File:
    """One file to publish: its name there, and its content on this machine."""

    name: str
    content: Path | bytes

    @functools.cached_property
    def size(self) -> int:
        """Bytes; known also once the file is gone."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    def digest(self, algorithm: str) -> str:
        """Return the digest by which the hub knows the content.

        It is `sha256` for files in large file storage, and git's own `sha1` for others.
        """
        head = f"blob {self.size}\0".encode() if algorithm == "sha1" else b""
        whole = hashlib.new(algorithm, head, usedforsecurity=False)
        if isinstance(self.content, bytes):
            whole.update(self.content)
        else:
            with self.content.open("rb") as stream:
                while block := stream.read(2**20):
                    whole.update(block)
        return whole.hexdigest()


@dataclass(frozen=True)
class Published:
    """What was published where, or would be.

    Attributes:
        persona: Its name.
        to: The destination, as it is on record: `hub:ORG/NAME`, `space:ORG/NAME`, `pages:FOLDER`
            or a folder, which is absolute.
        files: All of its files.
        private: None for a folder, and if it is unknown until it is sent.
        version: A tag of the hub.
        commit: A commit of the hub.
        changed: False if it was there already, and nothing was sent.
        url: Its address on the web; None for a folder.
        place: `to` in words, such as "ada/bird on the Hugging Face hub".
    """

    persona: str
    to: str
    files: tuple[File, ...]
    private: bool | None = None
    version: str | None = None
    commit: str | None = None
    changed: bool = True
    url: str | None = None
    place: str = ""


class Destination(Protocol):
    """A place to publish one persona to, as one kind of thing. All methods raise PublishError."""

    @property
    def to(self) -> str:
        """The destination as it is on record."""

    @property
    def url(self) -> str | None:
        """Its address on the web; None for a folder."""

    def check(self, options: PublishOptions) -> None:
        """Check that the persona may be published here like this. Contact no server."""

    def connect(self, listener: Listener) -> None:
        """Check that the user may write here, before anything is prepared or sent."""

    def files(
        self, options: PublishOptions, listener: Listener
    ) -> AbstractContextManager[Sequence[File]]:
        """Prepare the files; they are there until the context ends.

        For a dry run no server is contacted.
        """

    def send(self, wanted: Published, listener: Listener) -> Published:
        """Write what is missing, and return what is there then."""


def parted(to: str) -> tuple[str, str]:
    """Return what a destination begins with, and the rest of it."""
    prefix = next(prefix for prefix in IN_WORDS if to.startswith(prefix))
    return prefix, to.removeprefix(prefix)


def in_words(to: str) -> str:
    """Return a destination as people say it."""
    prefix, name = parted(to)
    return IN_WORDS[prefix].format(name)
