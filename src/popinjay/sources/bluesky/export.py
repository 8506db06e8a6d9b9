"""Bluesky: the export of a repository (a CAR file), read from disk.

A signed commit names the root of a tree (MST), whose nodes name the records by collection and key, in their order. Only what this
tree reaches is read: blocks that lie loose in the file may be of deleted posts. The signature is not checked: the key to it is not in
the file. Nor is the account's handle, only its DID: the author is called by the file's name where that is a handle
(`ada.bsky.social.car`), or else by the DID, which no other account has. Likes, follows, blocks and all else that is no post are
counted by the names of their collections, and their records never opened.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Post
from popinjay.sources import Access, Findings, Reading
from popinjay.sources.bluesky.car import AGAIN, Car, decoded, is_car, is_cid
from popinjay.sources.bluesky.preferences import PREFERENCES, Preferences, label_notes, labels_of
from popinjay.sources.bluesky.records import (
    HANDLE,
    NO_POST,
    POST,
    PROFILE,
    REPOST,
    author_of,
    name_of,
    post_of,
    repost_of,
)
from popinjay.sources.files.container import ReadErrors

NAME = "Bluesky export"
HELP = "the .car file from bsky.app, Settings, Account, Export my data"
NEEDS = ""

_ENDINGS = (".car", ".getrepo", ".com.atproto.sync.getrepo", ".repo", ".bin", ".download")
_NUMBERED = re.compile(r" ?\(\d+\)$")
_MAX_LEVELS = 64  # levels of a tree: each is four times as rare as the one below it
_MAX_NODE = 2**18  # bytes; a node holds a handful of entries
_KEY = re.compile(rb"([A-Za-z0-9.-]{1,317})/([A-Za-z0-9._:~-]{1,512})")
_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,200}")
_READ = (POST, REPOST, PROFILE, *PREFERENCES)
_MAX_NAMES = 50  # collections counted by name

_Entry = tuple[int, bytes, bytes, bytes | None]


def matches(spec: str) -> bool:
    """Files named .car, and any that are one: `getRepo` is what the address is called."""
    path = Path(spec)
    return path.is_file() and (path.suffix.lower() == ".car" or is_car(path))


def read(spec: str, options: CollectOptions, access: Access) -> BlueskyCar:
    """Open an export. Raises SpecError where it is none, or not whole."""
    path = Path(spec)
    with ReadErrors(path.name):
        return BlueskyCar(Car(path))


def _named(file: str) -> str:
    """Return the handle that a file is called after, empty if it is called otherwise."""
    name = _NUMBERED.sub("", file.lower())  # ada.bsky.social (1).car: downloaded once more
    for ending in _ENDINGS:
        name = _NUMBERED.sub("", name.removesuffix(ending))
    return name if HANDLE.fullmatch(name) else ""


class BlueskyCar(Reading):
    """One account's repository."""

    def __init__(self, car: Car) -> None:
        self._car = car
        self.findings = Findings()
        self._did, self._tree = self._commit()
        stem = _named(car.path.name)
        self._handle = name_of(stem, self._did)
        self._mark = hashlib.sha256(self._did.encode())
        profile, preferences = self._survey()
        self.author = author_of(profile, self._did, self._handle)
        self.findings.notes += preferences.notes + label_notes(labels_of(profile))
        self.refusal = preferences.refusal(self._handle, labels_of(profile))
        if self._handle != stem:
            self.findings.notes.append(
                f"An export holds no handle, so its author is {self._handle}: name the file after the handle (ada.bsky.social.car) for that."
            )

    def fingerprint(self) -> str:
        """A hash of what would be read: by the CIDs of the records, which are hashes of them."""
        return self._mark.hexdigest()

    def posts(self) -> Iterator[Post]:
        """Every post and repost, each in the order of their keys, which is that of their time."""
        with ReadErrors(self._car.path.name):
            for collection, key, cid in self._records():
                if collection not in (POST, REPOST):
                    continue
                record = self._record(cid)
                post = (
                    post_of(record, key, self._did, self._handle)
                    if collection == POST
                    else repost_of(record, key, self._handle)
                )
                if post is None:
                    self.findings.left_out[NO_POST] += 1
                else:
                    yield post

    def _commit(self) -> tuple[str, bytes]:
        """The DID and the root of the tree, as the signed commit names them."""
        commit = self._node(self._car.root)
        fields: list[Any] = [commit.get(name) for name in ("did", "data")]
        did, tree = fields
        if (
            not isinstance(did, str)
            or not _DID.fullmatch(did)
            or not is_cid(tree)
            or commit.get("version") not in (2, 3)
        ):
            raise SpecError(
                f"{self._car.path.name} is a CAR file, but no repository: it begins with no commit.",
                "Give the file as Bluesky's settings export it.",
            )
        return did, bytes(tree)

    def _survey(self) -> tuple[Any, Preferences]:
        """Walk the tree once, for the hash of what would be read, and what is there besides; profile and preferences are returned."""
        profile, preferences, unread = None, Preferences(), Counter[str]()
        for collection, key, cid in self._records():
            if collection not in _READ:
                unread[
                    collection
                    if collection in unread or len(unread) < _MAX_NAMES
                    else "further collections"
                ] += 1
                continue
            self._mark.update(f"{collection}/{key}\0".encode() + cid)
            if collection == PROFILE and key == "self":
                profile = self._record(cid)
            elif collection in PREFERENCES:
                preferences.add(f"{collection}/{key}", self._record(cid))
        self.findings.unread.update(unread)
        return profile, preferences

    def _record(self, cid: bytes) -> Any:
        """A record, None where its block is not what records are written in."""
        try:
            return decoded(self._car.block(cid))
        except ValueError:
            return None

    # the tree

    def _records(self) -> Iterator[tuple[str, str, bytes]]:
        """Collection, key and CID of every record that the tree reaches, in its order."""
        last = b""
        for path, cid in self._below(self._tree, _MAX_LEVELS):
            match = _KEY.fullmatch(path)
            if (
                not match or path <= last
            ):  # with keys that only grow, no part can be reached twice: a tree takes no longer than its file
                raise self._broken()
            last = path
            yield match[1].decode(), match[2].decode(), cid

    def _below(self, cid: bytes, levels: int) -> Iterator[tuple[bytes, bytes]]:
        """Path and CID of every record in this node and below it. A circle would need a hash of what holds it, yet depth is bounded."""
        if not levels:
            raise self._broken()
        left, entries = self._entries(cid)
        if (
            not entries and not left and cid != self._tree
        ):  # only a tree without any record ends in an empty node
            raise self._broken()
        if left:
            yield from self._below(left, levels - 1)
        path = b""
        for shared, rest, record, right in entries:
            if shared > len(path):
                raise self._broken()
            path = path[:shared] + rest
            yield path, record
            if right:
                yield from self._below(right, levels - 1)

    def _entries(self, cid: bytes) -> tuple[bytes | None, list[_Entry]]:
        """What a node holds: the node to its left, and entries."""
        node = self._node(cid)
        left, entries = node.get("l"), node.get("e")
        if not isinstance(entries, list) or not (left is None or is_cid(left)):
            raise self._broken()
        return left, [self._entry(entry) for entry in entries]

    def _entry(self, entry: Any) -> _Entry:
        """How much of its path is that of the one before, the rest of its path, its record, the node to its right."""
        row: dict[str, Any] = entry if isinstance(entry, dict) else {}
        fields: list[Any] = [row.get(name) for name in "pkvt"]
        shared, rest, record, right = fields
        fits = (
            type(shared) is int
            and shared >= 0
            and isinstance(rest, bytes)
            and is_cid(record)
            and (right is None or is_cid(right))
        )
        if not fits:
            raise self._broken()
        return shared, rest, record, right

    def _node(self, cid: bytes) -> dict[str, Any]:
        """A block that must be an object."""
        data = self._car.block(cid)
        try:
            value = decoded(data) if len(data) <= _MAX_NODE else None
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise self._broken()
        return value

    def _broken(self) -> SpecError:
        return SpecError(
            f"{self._car.path.name} is damaged: the tree of its records can't be followed.", AGAIN
        )
