"""One list of posts on a network, as far as it was read: kept in a folder, and brought up to date from its newest end.

`posts.jsonl` grows page by page; `state.json`, replaced as a whole after each, says how much of it counts and where reading goes on.
A pass runs from the newest post down to the first that an earlier, finished pass knows. Stopped midway, by whatever means, the next
one begins where it was; only a pass that was finished makes its posts known, so that no gap is ever left between two.

Where each post costs (`Metered`), a list may be left before its end: a later pass goes on below, and none asks for what is there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from popinjay.errors import NetworkError
from popinjay.post import Post
from popinjay.store.files import atomic_write, storage_errors, sync_folder

POSTS, STATE = "posts.jsonl", "state.json"
MOST_POSTS = 2_000_000  # of one account: some hundred times more than the busiest write in a year
MOST_EMPTY = 100  # pages without a post, one after another
_NEXT, _OLD = (
    ".next",
    ".old",
)  # endings of a mirror that is being read anew, and of the one that it takes the place of
_AGAIN = "It may be broken. What was read is kept: try again later."

Skip = Callable[[str, str], bool]  # author and id of a post that is not to be kept


@dataclass(frozen=True)
class Page:
    """Some posts, the newest first, and where to go on behind them; `cursor` is None at the end of the list.

    `left_out` counts what else stood there, by reason. With `unchanged` the list is what it was when the mirror's etag was given.
    """

    posts: tuple[Post, ...]
    cursor: str | None
    left_out: Counter[str] = field(default_factory=Counter)
    etag: str = ""
    unchanged: bool = False


class Pages(Protocol):
    """How a network hands out one list of posts."""

    def __call__(self, cursor: str | None, etag: str) -> Iterator[Page]:
        """The pages from a cursor on, from the newest post on with None; `etag` belongs to the first page of all, empty for none."""


@runtime_checkable
class Metered(Protocol):
    """A list whose every post costs: it is told what is there already. Its pages may end before the list does, with a cursor to go on from."""

    def __call__(self, cursor: str | None, etag: str) -> Iterator[Page]:
        """The pages, as any list's."""

    def beside(self, newest: str, count: int) -> Pages:
        """The list for a mirror of `count` posts that knows all there is up to the id `newest`: only what is newer; empty for no such end."""


@dataclass(frozen=True)
class _State:
    """What `state.json` says. A pass is under way while `since` is a number: the place where its posts begin."""

    size: int = 0  # bytes of `posts.jsonl` that count
    since: int | None = None
    cursor: str | None = None  # where the pass under way goes on
    etag: str = ""  # of the newest page, as the last finished pass saw it
    next_etag: str = ""  # as the pass under way saw it
    newest: str = ""  # the highest id that finished passes saw
    next_newest: str = ""  # and the pass under way
    below: str | None = None  # where a list goes on that was left before its end
    down: bool = False  # whether the pass under way goes on there
    left_out: dict[str, int] = field(default_factory=dict)


class Mirror:
    """One list of posts in one folder. `form` is a number of its source's: a mirror of another form is read anew; None takes what is there."""

    def __init__(self, folder: Path, form: int | None = None) -> None:
        self.folder = folder
        self._form = form
        self._recover()
        self._state = self._load()

    @property
    def left_out(self) -> Counter[str]:
        """What was not kept, by reason."""
        return Counter(self._state.left_out)

    def posts(self) -> Iterator[Post]:
        """Every post once, as it was last seen, the oldest first by its id."""
        rows = {row["id"]: row for row in self._rows()}
        for id in sorted(rows, key=_order):
            yield Post.from_json(rows[id])

    def fingerprint(self) -> str:
        """A hash of the posts."""
        whole = hashlib.sha256()
        for post in self.posts():
            whole.update(json.dumps(post.to_json()).encode())
        return whole.hexdigest()

    def update(self, pages: Pages, skip: Skip, tell: Callable[[int], None]) -> int:
        """Read what is new; how many posts that were. `tell` hears how many there are after each page.

        What was interrupted is finished first. Raises NetworkError, after which what was read is kept, and StorageError.
        """
        before, below = len({row["id"] for row in self._rows()}), self._state.below
        if self._under_way:
            self._pass(pages, skip, tell)
        if not self._under_way:
            self._keep(
                replace(
                    self._state,
                    since=self._state.size,
                    cursor=None,
                    next_etag="",
                    next_newest="",
                    down=False,
                )
            )
            self._pass(pages, skip, tell)
        if below is not None and self._state.below is not None and not self._under_way:
            self._keep(
                replace(
                    self._state,
                    since=self._state.size,
                    cursor=self._state.below,
                    next_etag=self._state.etag,
                    next_newest="",
                    down=True,
                )
            )
            self._pass(pages, skip, tell)
        return len({row["id"] for row in self._rows()}) - before

    def read_anew(self, pages: Pages, skip: Skip, tell: Callable[[int], None]) -> int:
        """Read all of it again and let go of what is not there any more; how many posts that were. Until all is read the old ones stay."""
        before = {row["id"] for row in self._rows()}
        other = Mirror(self.folder.with_name(self.folder.name + _NEXT), self._form)
        other.update(pages, skip, tell)
        self._keep_older(other, skip)
        gone = len(before - {row["id"] for row in other._rows()})
        with storage_errors(str(self.folder)):
            old = self.folder.with_name(self.folder.name + _OLD)
            if self.folder.exists():
                self.folder.rename(old)
            other.folder.rename(self.folder)
            sync_folder(self.folder.parent)
            shutil.rmtree(old, ignore_errors=True)
        self._state = self._load()
        return gone

    def without(self, skip: Skip, folder: Path) -> int:
        """Write this mirror into another folder without some posts; how many were left out."""
        other = Mirror(folder, self._form)
        since = self._state.since
        settled = [row for row in self._rows(since) if not skip(row["author"], row["id"])]
        other._append(settled, self._state)
        if since is not None:
            since = other._state.size
            other._append(
                [
                    row
                    for row in self._rows(begin=self._state.since)
                    if not skip(row["author"], row["id"])
                ],
                self._state,
            )
        other._keep(replace(other._state, since=since))
        return sum(1 for _ in self._rows()) - sum(1 for _ in other._rows())

    def _keep_older(self, other: Mirror, skip: Skip) -> None:
        """Where another mirror of the list was left before its end, write into it what this one knows from below there: nobody said that it is gone."""
        ids = {row["id"] for row in other._rows()}
        if other._state.below is None or not ids:
            return
        lowest = min(map(_order, ids))
        older = [
            row
            for row in self._rows()
            if _order(row["id"]) < lowest and not skip(row["author"], row["id"])
        ]
        if older:
            other._append(older, replace(other._state, below=self._state.below))

    # a pass

    @property
    def _under_way(self) -> bool:
        """Whether a pass was begun, got somewhere, and was not finished."""
        return self._state.since is not None and self._state.cursor is not None

    def _pass(self, pages: Pages, skip: Skip, tell: Callable[[int], None]) -> None:
        """Read on from where the pass under way is, to its end."""
        since = self._state.since or 0
        settled = {row["id"]: _mark(row) for row in self._rows(since)}
        seen = {row["id"] for row in self._rows(begin=since)}
        at_top, empty = self._state.cursor is None, 0
        if isinstance(pages, Metered):
            pages = pages.beside(
                "" if self._state.down else self._state.newest, len(settled.keys() | seen)
            )
        for page in pages(self._state.cursor, self._state.etag if at_top and settled else ""):
            if page.unchanged:
                self._keep(
                    replace(self._state, since=None, cursor=None, next_etag="", next_newest="")
                )
                return
            ids = {post.id for post in page.posts}
            fresh = ids - seen - settled.keys()
            known = not settled.keys().isdisjoint(ids)
            empty = 0 if ids else empty + 1
            if (
                page.cursor is not None
                and not known
                and ((ids and not fresh) or empty > MOST_EMPTY)
            ):
                raise NetworkError(
                    "The server sends the same page of posts again and again.", _AGAIN
                )
            if len(seen) + len(settled) > MOST_POSTS:
                raise NetworkError(
                    f"The server sends posts without end: more than {MOST_POSTS:,}.", _AGAIN
                )
            ended = known or page.cursor is None
            rows = [
                post.to_json()
                for post in page.posts
                if post.id not in seen and not skip(post.author, post.id)
            ]
            rows = [row for row in rows if settled.get(row["id"]) != _mark(row)]  # new, or edited
            seen |= ids
            left_out = Counter(self._state.left_out) + (page.left_out if not known else Counter())
            etag = page.etag if at_top else self._state.next_etag
            newest = max([self._state.next_newest, *ids], key=_order)
            self._append(
                rows,
                replace(
                    self._state,
                    cursor=page.cursor,
                    next_etag=etag,
                    next_newest=newest,
                    left_out=dict(left_out),
                ),
            )
            at_top = False
            tell(len(settled.keys() | seen))
            if ended:
                self._settle(None if self._state.down else self._state.below)
                return
        if self._state.cursor is None or self._state.down or not self._state.newest:
            self._settle(
                self._state.cursor
                if self._state.down or not self._state.newest
                else self._state.below
            )
        # else it was left between what is new and what is known: it stays under way, or there would be a gap

    def _settle(self, below: str | None) -> None:
        """Make what the pass under way read known; the list goes on at `below`, None where it does not."""
        newest = max(self._state.newest, self._state.next_newest, key=_order)
        state = replace(
            self._state,
            since=None,
            cursor=None,
            down=False,
            below=below,
            newest=newest,
            next_newest="",
        )
        self._keep(replace(state, etag=state.next_etag, next_etag=""))

    def _append(self, rows: list[dict[str, Any]], state: _State) -> None:
        """Write posts behind those that count, and then that they do."""
        with storage_errors(str(self.folder)):
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / POSTS
            with path.open("r+b" if path.exists() else "w+b") as file:
                file.truncate(self._state.size)
                file.seek(self._state.size)
                file.write(
                    "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
                )
                size = file.tell()
                file.flush()
                os.fsync(file.fileno())
        self._keep(replace(state, size=size))

    def _rows(self, end: int | None = None, begin: int | None = None) -> Iterator[dict[str, Any]]:
        """The lines that count; of them those before, or from, a place in the file."""
        path, end = self.folder / POSTS, self._state.size if end is None else end
        if end == 0:
            return
        with path.open("rb") as file:
            file.seek(begin or 0)
            while file.tell() < end:
                yield json.loads(file.readline())

    # the state

    def _keep(self, state: _State) -> None:
        with storage_errors(str(self.folder)):
            self.folder.mkdir(parents=True, exist_ok=True)
            content = json.dumps({"form": self._form, **asdict(state)})
            atomic_write(self.folder / STATE, content)
        self._state = state

    def _load(self) -> _State:
        """The state; an empty one where there is none, or one of another form, or a damaged one: then all is read again."""
        try:
            known = json.loads((self.folder / STATE).read_text(encoding="utf-8"))
            form, state = known.pop("form"), _State(**known)
            self._form = form if self._form is None else self._form
            whole = (self.folder / POSTS).stat().st_size >= state.size if state.size else True
            return state if form == self._form and whole else _State()
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return _State()

    def _recover(self) -> None:
        """Finish an exchange of the folder for one that was read anew."""
        old = self.folder.with_name(self.folder.name + _OLD)
        if old.exists() and self.folder.exists():
            shutil.rmtree(old, ignore_errors=True)
        elif old.exists():
            old.rename(self.folder)


def mirrors(folder: Path) -> list[Mirror]:
    """All mirrors right under a folder, those that are being read anew included."""
    return [
        Mirror(place)
        for place in sorted(folder.iterdir())
        if place.is_dir() and not place.name.endswith(_OLD)
    ]


def _order(id: str) -> tuple[int, str]:
    """What ids are sorted by: numbers of any length by what they are worth."""
    return len(id), id


def _mark(row: dict[str, Any]) -> bytes:
    """What a post says, in little room."""
    return hashlib.blake2b(json.dumps(row).encode(), digest_size=8).digest()
