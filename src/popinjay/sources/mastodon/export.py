"""Mastodon's export of an account: a zip (before 2023 a tar.gz), or its unpacked folder.

`outbox.json` holds everything ever posted, including posts for followers or mentioned people only.
Only public posts are read, listed or unlisted. Besides, `actor.json` (the profile) and the avatar
are read; likes, bookmarks and media are never opened. A content warning is not part of its post.
"""

from __future__ import annotations

import json
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Author, Post, printable
from popinjay.sources import Access, Findings, Reading, reading_of
from popinjay.sources.files.container import Container, is_zip
from popinjay.sources.files.json_lists import listed_items
from popinjay.sources.files.tarball import Tarball, is_tarball
from popinjay.sources.json_values import as_object
from popinjay.sources.mastodon.activitypub import post_in, reason_against
from popinjay.sources.mastodon.posts import author_of, hostname_of, notes_on

NAME = "Mastodon export"
HELP = "the zip or tar.gz from Preferences, Import and export, Data export, or its folder"
NEEDS = ""

_IGNORED = (".", "__MACOSX")  # prefixes of names that do not count
_MAX_LEVELS = 4  # folders around the outbox
_PRIVATE = {"likes": "likes.json", "bookmarks": "bookmarks.json"}
_AVATAR = re.compile(r"avatar\.(?:png|jpe?g|gif|webp)", re.IGNORECASE)
_MAX_ACTOR = 4 << 20  # characters


def matches(spec: str) -> bool:
    """Match zips and folders with an outbox at the top or in their only folder, and any tar.gz."""
    path = Path(spec)
    try:
        if path.is_dir():
            return _root_of(_top_names(path)) is not None
        if is_tarball(path):
            return True
        if is_zip(path):
            with zipfile.ZipFile(path) as packed:
                names = [name.replace("\\", "/") for name in packed.namelist()]
                return _root_of([name for name in names if not name.endswith("/")]) is not None
    except (
        OSError,
        zipfile.BadZipFile,
        NotImplementedError,
        ValueError,
        OverflowError,
        struct.error,
    ):
        pass  # the X archive, which is given what no source takes, says what is wrong with it
    return False


def read(spec: str, options: CollectOptions, access: Access) -> MastodonExport:
    """Open an export. Raises SpecError if it is incomplete or not an export."""
    path = Path(spec)
    container = Tarball(path, _is_small) if is_tarball(path) else Container(path)
    return reading_of(container, MastodonExport)


def _is_small(name: str) -> bool:
    """Return whether a file is one of the small ones that are read besides the outbox."""
    last = name.rpartition("/")[2]
    return name.count("/") <= _MAX_LEVELS and (
        last == "actor.json" or _AVATAR.fullmatch(last) is not None
    )


def _top_names(folder: Path, depth: int = 0) -> list[str]:
    """Return the names in a folder, and in folders that are alone in theirs."""
    names = [entry.name for entry in folder.iterdir()]
    alone = sum(not name.startswith(_IGNORED) for name in names) == 1
    if depth == _MAX_LEVELS or "outbox.json" in names:
        return names
    found = []
    for name in names:
        inner = folder / name
        if (inner / "outbox.json").is_file():
            found.append(f"{name}/outbox.json")
        elif alone and not name.startswith(_IGNORED) and inner.is_dir():
            found += [f"{name}/{child}" for child in _top_names(inner, depth + 1)]
    return names + found


def _root_of(names: list[str]) -> str | None:
    """Return the folder with the outbox and all else, with a slash; None if there is none."""
    inside = [name for name in names if not name.startswith(_IGNORED)]
    for name in inside:
        root = name.removesuffix("outbox.json")
        if root == name or name.count("/") > _MAX_LEVELS or not (root == "" or root.endswith("/")):
            continue
        if all(other.startswith(root) or root.startswith(f"{other}/") for other in inside):
            return root
    return None


class MastodonExport(Reading):
    """One account's export."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self.findings = Findings()
        root = _root_of(container.names)
        if root is None:
            raise SpecError(
                f"{container.path.name} is not a Mastodon export: it has no outbox.json.",
                "Give the export as the server made it.",
            )
        self._root = root
        self._actor = self._load_actor()
        self._me = str(self._actor.get("id") or "")
        self.author = self._read_author()
        for label, name in _PRIVATE.items():
            if root + name in container.names:
                self.findings.unread[label] = 1

    def close(self) -> None:
        """Close the zip."""
        self._container.close()

    def fingerprint(self) -> str:
        """Return a hash of the files that are read."""
        wanted = [self._root + "outbox.json", self._root + "actor.json", self._avatar_name()]
        return self._container.fingerprint(
            [name for name in wanted if name in self._container.names]
        )

    def avatar(self) -> bytes | None:
        """Return the author's picture, None if there is none or it can't be read."""
        name = self._avatar_name()
        return self._container.avatar(name) if name else None

    def posts(self) -> Iterator[Post]:
        """Yield every public post once, in the order of the outbox; boosts have no text."""
        name = self._root + "outbox.json"
        label = f"{name} in {self._container.path.name}"
        seen: set[int] = set()  # hashes of ids, which take a third of their memory
        warned = 0
        polls = 0
        with self._container.reading(name), self._container.text(name) as text:
            for activity in listed_items(text, "orderedItems", label):
                if not isinstance(activity, dict):
                    raise SpecError(
                        f"{label} holds something other than posts.",
                        "Give the export as the server made it.",
                    )
                note = as_object(activity.get("object"))
                digest = hash(str(activity.get("id") or note.get("id") or ""))
                is_repeated = digest in seen
                seen.add(digest)
                reason = "the same post again" if is_repeated else self._reason(activity, note)
                if reason:
                    self.findings.left_out[reason] += 1
                    continue
                if activity["type"] == "Create":
                    warned += bool(note.get("summary"))
                    polls += note["type"] == "Question"
                yield self._post(activity, note)
        self.findings.notes += notes_on(warned, polls)

    # the profile

    def _load_actor(self) -> dict[str, Any]:
        name = self._root + "actor.json"
        if name not in self._container.names:
            self.findings.notes.append(
                "The export has no actor.json: its author is named after the file."
            )
            return {}
        with self._container.reading(name), self._container.text(name) as text:
            content = text.read(_MAX_ACTOR)
        try:
            return as_object(json.loads(content))
        except (ValueError, RecursionError) as error:
            raise SpecError(
                f"{name} in {self._container.path.name} is damaged: its JSON can't be read.",
                "Take a fresh copy of the export.",
            ) from error

    def _read_author(self) -> Author:
        user = printable(str(self._actor.get("preferredUsername") or ""))
        host = hostname_of(self._me)
        full = f"{user}@{host}" if user and host else user or _stem(self._container.path.name)
        icon = as_object(self._actor.get("icon")).get("url")  # in an export, a file name
        return author_of(
            full, self._actor.get("name"), self._actor.get("summary"), self._actor.get("url"), icon
        )

    def _avatar_name(self) -> str:
        inside = (name for name in self._container.names if name.startswith(self._root))
        return next((name for name in inside if _AVATAR.fullmatch(name[len(self._root) :])), "")

    # posts

    def _reason(self, activity: Mapping[str, Any], note: Mapping[str, Any]) -> str | None:
        return reason_against(activity, note, self._me, self._actor.get("followers"))

    def _post(self, activity: Mapping[str, Any], note: Mapping[str, Any]) -> Post:
        mine = (self._me, self._actor.get("url"), activity.get("actor"))
        return post_in(activity, note, self.author.handle, [str(url) for url in mine if url])


def _stem(name: str) -> str:
    return re.sub(r"(?i)\.(?:zip|tgz|tar\.gz)$", "", name)
