"""An account on a network: looked up when it is opened, its posts then mirrored in a folder and read from there."""

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
from popinjay.post import Author, Post
from popinjay.sources import FETCH, Access, Findings, Reading
from popinjay.sources.files.container import MOST_AVATAR
from popinjay.sources.network.http_client import Web, host_of
from popinjay.sources.network.mirror import Mirror, Pages, Skip
from popinjay.store.files import atomic_write, storage_errors

_AVATAR = "avatar.json"


class Remote(Reading):
    """What accounts of all networks have in common. `form` is raised when the same answers would now give other posts."""

    form: int = 1

    def __init__(self, author: Author, web: Web, access: Access) -> None:
        self.author = author
        self.findings = Findings()
        self._web = web
        self._access = access
        self._folder = Path()

    @abstractmethod
    def lists(self) -> Mapping[str, Pages]:
        """The lists of posts that make up the account, by names that can be folders'."""

    def avatar_address(self) -> str:
        """Where the author's picture is, empty where there is none."""
        return self.author.avatar

    def fetch(self, folder: Path, skip: Skip) -> None:
        """Mirror the account, with its picture, in a folder of its own under `folder`."""
        self._folder = folder / self.author.handle
        prune, handle, listener = (
            self._access.options.prune,
            self.author.handle,
            self._access.listener,
        )
        listener(Event(FETCH, EventKind.START, f"reading {handle} from the network"))
        there: dict[str, int] = {}
        changed = 0
        try:
            for name, pages in self.lists().items():
                mirror, tell = self._mirror(name), self._teller(there, name)
                changed += (
                    mirror.read_anew(pages, skip, tell)
                    if prune
                    else mirror.update(pages, skip, tell)
                )
            self._fetch_avatar()
        finally:
            self._web.close()
        for name in there:
            self.findings.left_out.update(self._mirror(name).left_out)
        count = sum(there.values())
        said = (
            f"{changed:,} gone there and let go of here"
            if prune
            else f"{changed:,} of them new"
            if changed
            else "nothing new"
        )
        listener(
            Event(
                FETCH,
                EventKind.DONE,
                f"{count:,} posts of {handle}" + ("" if changed == count else f", {said}"),
            )
        )

    def fingerprint(self) -> str:
        """A hash of the mirror and of what is known of the author."""
        whole = hashlib.sha256(json.dumps(astuple(self.author)).encode())
        for name in self.lists():
            whole.update(f"{name}\0{self._mirror(name).fingerprint()}\n".encode())
        whole.update(self.avatar() or b"")
        return whole.hexdigest()

    def posts(self) -> Iterator[Post]:
        """The posts of all lists, as the mirror has them."""
        for name in self.lists():
            yield from self._mirror(name).posts()

    def avatar(self) -> bytes | None:
        """The author's picture, None where there is none or it could not be had."""
        with suppress(OSError):
            return (self._folder / "avatar").read_bytes()
        return None

    def _mirror(self, name: str) -> Mirror:
        return Mirror(self._folder / name, self.form)

    def _teller(self, there: dict[str, int], name: str) -> Callable[[int], None]:
        """Tells how many posts there are now in all lists, given how many there are in this one."""

        def tell(count: int) -> None:
            there[name] = count
            self._access.listener(
                Event(
                    FETCH,
                    EventKind.PROGRESS,
                    f"reading {self.author.handle}",
                    done=sum(there.values()),
                    unit="posts",
                )
            )

        tell(sum(1 for _ in self._mirror(name).posts()))
        return tell

    def _fetch_avatar(self) -> None:
        """Fetch the picture where it is another one than before: its address says so on every network. None is no reason to stop."""
        address, file, known = (
            self.avatar_address(),
            self._folder / "avatar",
            self._folder / _AVATAR,
        )
        with suppress(OSError, ValueError):
            if json.loads(known.read_text(encoding="utf-8")) == address:
                return
        data = b""
        if address:
            try:
                answer = self._web.get(address, most=MOST_AVATAR, may_move=True)
                data = answer.body if answer.status == 200 else b""
            except NetworkError as error:
                self.findings.notes.append(
                    f"The picture on {host_of(address)} could not be had: {error.message}"
                )
                return
        with storage_errors(str(file)):
            self._folder.mkdir(parents=True, exist_ok=True)
            if data:
                atomic_write(file, data)
            else:
                file.unlink(missing_ok=True)
            atomic_write(known, json.dumps(address))
