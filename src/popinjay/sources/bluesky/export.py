"""Bluesky: the export of a repository (a CAR file), read from disk.

A signed commit names the root of a Merkle search tree (MST), whose nodes list the records by
collection and key, in order. Only records reachable from it are read: unreachable blocks may belong
to deleted posts. The signature is not checked, as the file does not contain the key. Nor does it
contain the account's handle, only its DID: the author is named after the file if its name is a
handle (`ada.bsky.social.car`), or else after the DID, which is unique. Likes, follows, blocks and
everything else that is not a post are counted by collection, and their records never opened.
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
_MAX_LEVELS = 64  # of a tree; each level is a quarter as likely as the one below it
_MAX_NODE = 2**18  # bytes; a node has a handful of entries
_KEY = re.compile(rb"([A-Za-z0-9.-]{1,317})/([A-Za-z0-9._:~-]{1,512})")
_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,200}")
_READ = (POST, REPOST, PROFILE, *PREFERENCES)
_MAX_NAMES = 50  # collections counted by name

_Entry = tuple[int, bytes, bytes, bytes | None]


def matches(spec: str) -> bool:
    """Match files named .car, and any CAR file: browsers may save it under the name `getRepo`."""
    path = Path(spec)
    return path.is_file() and (path.suffix.lower() == ".car" or is_car(path))


def read(spec: str, options: CollectOptions, access: Access) -> BlueskyCar:
    """Open an export. Raises SpecError if it is incomplete or not an export."""
    path = Path(spec)
    with ReadErrors(path.name):
        return BlueskyCar(Car(path))


def _handle_in(file_name: str) -> str:
    """Return the handle that a file is named after, empty if there is none."""
    name = _NUMBERED.sub("", file_name.lower())  # ada.bsky.social (1).car: a second download
    for ending in _ENDINGS:
        name = _NUMBERED.sub("", name.removesuffix(ending))
    return name if HANDLE.fullmatch(name) else ""


class BlueskyCar(Reading):
    """One account's repository."""

    def __init__(self, car: Car) -> None:
        self._car = car
        self.findings = Findings()
        stem = _handle_in(car.path.name)
        with car:
            self._did, self._tree = self._commit()
            self._handle = name_of(stem, self._did)
            self._hash = hashlib.sha256(self._did.encode())
            profile, preferences = self._survey()
        self.author = author_of(profile, self._did, self._handle)
        self.findings.notes += preferences.notes + label_notes(labels_of(profile))
        self.refusal = preferences.refusal(self._handle, labels_of(profile))
        if self._handle != stem:
            self.findings.notes.append(
                f"The export does not contain the handle, so the author is {self._handle}: to "
                "change that, name the file after the handle (ada.bsky.social.car)."
            )

    def fingerprint(self) -> str:
        """Return a hash of the CIDs of the records that are read; they are hashes themselves."""
        return self._hash.hexdigest()

    def posts(self) -> Iterator[Post]:
        """Yield posts, then reposts, each in the order of their keys, which is chronological."""
        with ReadErrors(self._car.path.name), self._car:
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
        """Return the DID and the root of the tree from the signed commit."""
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
                f"{self._car.path.name} is a CAR file without a repository: it has no commit.",
                "Give the file as Bluesky's settings export it.",
            )
        return did, bytes(tree)

    def _survey(self) -> tuple[Any, Preferences]:
        """Walk the tree once and return the profile and the preferences.

        This also hashes the records that are read, and counts the others.
        """
        profile = None
        preferences = Preferences()
        unread = Counter[str]()
        for collection, key, cid in self._records():
            if collection not in _READ:
                has_room = collection in unread or len(unread) < _MAX_NAMES
                unread[collection if has_room else "further collections"] += 1
                continue
            self._hash.update(f"{collection}/{key}\0".encode() + cid)
            if collection == PROFILE and key == "self":
                profile = self._record(cid)
            elif collection in PREFERENCES:
                preferences.add(f"{collection}/{key}", self._record(cid))
        self.findings.unread.update(unread)
        return profile, preferences

    def _record(self, cid: bytes) -> Any:
        """Return a record, None if its block is not valid DAG-CBOR."""
        try:
            return decoded(self._car.block(cid))
        except ValueError:
            return None

    # the tree

    def _records(self) -> Iterator[tuple[str, str, bytes]]:
        """Yield collection, key and CID of every record in the tree, in order."""
        last = b""
        for path, cid in self._subtree(self._tree, _MAX_LEVELS):
            match = _KEY.fullmatch(path)
            # strictly growing keys mean that no node is visited twice, so time is linear
            if not match or path <= last:
                raise self._broken()
            last = path
            yield match[1].decode(), match[2].decode(), cid

    def _subtree(self, cid: bytes, levels: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield path and CID of every record in a node and below it, at most `levels` deep."""
        if not levels:
            raise self._broken()
        left, entries = self._entries(cid)
        is_empty = not entries and not left
        if is_empty and cid != self._tree:  # only the root of an empty tree may be empty
            raise self._broken()
        if left:
            yield from self._subtree(left, levels - 1)
        path = b""
        for shared, rest, record, right in entries:
            if shared > len(path):
                raise self._broken()
            path = path[:shared] + rest
            yield path, record
            if right:
                yield from self._subtree(right, levels - 1)

    def _entries(self, cid: bytes) -> tuple[bytes | None, list[_Entry]]:
        """Return the left child of a node and its entries."""
        node = self._node(cid)
        left, entries = node.get("l"), node.get("e")
        if not isinstance(entries, list) or not (left is None or is_cid(left)):
            raise self._broken()
        return left, [self._entry(entry) for entry in entries]

    def _entry(self, entry: Any) -> _Entry:
        """Return an entry's fields: shared prefix length, rest of the path, record, right child."""
        row: dict[str, Any] = entry if isinstance(entry, dict) else {}
        fields: list[Any] = [row.get(name) for name in "pkvt"]
        shared, rest, record, right = fields
        valid = (
            type(shared) is int
            and shared >= 0
            and isinstance(rest, bytes)
            and is_cid(record)
            and (right is None or is_cid(right))
        )
        if not valid:
            raise self._broken()
        return shared, rest, record, right

    def _node(self, cid: bytes) -> dict[str, Any]:
        """Return a block that must be an object."""
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
            f"{self._car.path.name} is damaged: its tree of records is malformed.", AGAIN
        )
