"""An account on a network: looked up when opened, then mirrored to a folder and read from there."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path

from popinjay.errors import NetworkError
from popinjay.events import Event, EventKind
from popinjay.network.http_client import HttpClient, host_of
from popinjay.post import Author, Post
from popinjay.sources import FETCH, Access, Findings, Reading
from popinjay.sources.files.container import MAX_AVATAR
from popinjay.sources.network.mirror import Mirror, Pages, Skip
from popinjay.store.files import atomic_write, storage_errors

_AVATAR = "avatar.json"


class AccountReading(Reading):
    """What accounts on all networks have in common."""

    form: int = 1  # raise it if the same responses now give different posts: mirrors are reread

    def __init__(self, author: Author, client: HttpClient, access: Access) -> None:
        self.author = author
        self.findings = Findings()
        self._client = client
        self._access = access
        self._folder = Path()

    @abstractmethod
    def lists(self) -> Mapping[str, Pages]:
        """Return the lists of posts that make up the account, by names valid for folders."""

    def avatar_url(self) -> str:
        """Return the URL of the author's picture, empty if there is none."""
        return self.author.avatar

    def fetch(self, folder: Path, skip: Skip) -> None:
        """Mirror the account and its picture to a folder of its own under `folder`."""
        self._folder = folder / self.author.handle
        handle = self.author.handle
        listener = self._access.listener
        prune = self._access.options.prune
        listener(Event(FETCH, EventKind.START, f"reading {handle} from the network"))
        counts: dict[str, int] = {}
        changed = 0
        with self._client:
            for name, pages in self.lists().items():
                mirror = self._mirror(name)
                update = mirror.reread if prune else mirror.update
                changed += update(pages, skip, self._progress(counts, name))
            self._fetch_avatar()
        for name in counts:
            self.findings.left_out.update(self._mirror(name).left_out)
        count = sum(counts.values())
        summary = f"{count:,} posts of {handle}"
        if changed != count:
            summary += f", {_changes(changed, pruned=prune)}"
        listener(Event(FETCH, EventKind.DONE, summary))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def fingerprint(self) -> str:
        """Return a hash of the mirrored posts, the author and the picture."""
        whole = hashlib.sha256(json.dumps(astuple(self.author)).encode())
        for name in self.lists():
            whole.update(f"{name}\0{self._mirror(name).fingerprint()}\n".encode())
        whole.update(self.avatar() or b"")
        return whole.hexdigest()

    def posts(self) -> Iterator[Post]:
        """Yield the mirrored posts of all lists."""
        for name in self.lists():
            yield from self._mirror(name).posts()

    def avatar(self) -> bytes | None:
        """Return the author's picture, None if there is none or it could not be fetched."""
        with suppress(OSError):
            return (self._folder / "avatar").read_bytes()
        return None

    def _mirror(self, name: str) -> Mirror:
        return Mirror(self._folder / name, self.form)

    def _progress(self, counts: dict[str, int], name: str) -> Callable[[int], None]:
        """Return a callback that takes this list's number of posts and reports that of all."""

        def report(count: int) -> None:
            counts[name] = count
            self._access.listener(
                Event(
                    FETCH,
                    EventKind.PROGRESS,
                    f"reading {self.author.handle}",
                    done=sum(counts.values()),
                    unit="posts",
                )
            )

        report(sum(1 for _ in self._mirror(name).posts()))
        return report

    def _fetch_avatar(self) -> None:
        """Fetch the picture if its URL has changed, as it does with the picture on every network.

        A failure becomes a note: it is no reason to stop.
        """
        url = self.avatar_url()
        file = self._folder / "avatar"
        known = self._folder / _AVATAR
        with suppress(OSError, ValueError):
            if json.loads(known.read_text(encoding="utf-8")) == url:
                return
        data = b""
        if url:
            try:
                response = self._client.get(url, max_bytes=MAX_AVATAR, cross_host=True)
                data = response.body if response.status == 200 else b""
            except NetworkError as error:
                self.findings.notes.append(
                    f"The picture on {host_of(url)} could not be fetched: {error.message}"
                )
                return
        with storage_errors(str(file)):
            self._folder.mkdir(parents=True, exist_ok=True)
            if data:
                atomic_write(file, data)
            else:
                file.unlink(missing_ok=True)
            atomic_write(known, json.dumps(url))


def _changes(changed: int, *, pruned: bool) -> str:
    if pruned:
        return f"{changed:,} deleted there and removed here"
    return f"{changed:,} of them new" if changed else "nothing new"
