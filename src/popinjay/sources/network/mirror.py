"""A local copy of one list of posts on a network, updated incrementally from the newest post down.

`posts.jsonl` grows page by page. `state.json`, replaced atomically after each page, holds how many
bytes of it are valid and where to continue. A pass runs from the newest post down to the first one
known from an earlier, finished pass. An interrupted pass is resumed, and its posts become known
only once it has finished, so no gap is left between two passes.

If each post costs money (`Metered`), a pass may stop before the end of the list. A later pass then
continues below, and no post is requested twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from popinjay.errors import NetworkError
from popinjay.post import Post
from popinjay.sources.network.mirror_state import POSTS, State, load_state, save_state
from popinjay.store.files import storage_errors, sync_folder

MAX_POSTS = 2_000_000  # of one account; the busiest write about a hundredth of it in a year
MAX_EMPTY = 100  # consecutive pages without a post
_NEXT = ".next"  # suffix of a mirror that is being reread
_OLD = ".old"  # suffix of the mirror that it replaces
_RETRY = "It may be broken. What was read is kept: try again later."

Skip = Callable[[str, str], bool]  # whether to leave out a post, by its author and id


@dataclass(frozen=True)
class Page:
    """Some posts, newest first, with a cursor for the next page (None at the end of the list).

    `left_out` counts other entries by the reason they were left out. `unchanged` means that the
    list has not changed since the response whose etag was sent.
    """

    posts: tuple[Post, ...]
    cursor: str | None
    left_out: Counter[str] = field(default_factory=Counter)
    etag: str = ""
    unchanged: bool = False


class Pages(Protocol):
    """A list of posts as a network serves it, page by page."""

    def __call__(self, cursor: str | None, etag: str) -> Iterator[Page]:
        """Yield pages from a cursor on, or from the newest post if it is None.

        `etag` is that of the first page as seen last; empty if unknown.
        """


@runtime_checkable
class Metered(Protocol):
    """A list whose posts cost money each.

    Its pages may stop before the end of the list, with a cursor to continue from.
    """

    def __call__(self, cursor: str | None, etag: str) -> Iterator[Page]:
        """Yield pages, as any list does."""

    def resume_after(self, newest: str, count: int) -> Pages:
        """Return the list for a mirror that holds `count` posts already.

        Only posts newer than the id `newest` are requested; all, if it is empty.
        """


class Mirror:
    """One list of posts in one folder."""

    def __init__(self, folder: Path, form: int | None = None) -> None:
        """Open a mirror, or prepare an empty one.

        A mirror written by another `form` of its source is treated as empty; None accepts any.
        """
        self.folder = folder
        self._form = form
        self._recover()
        self._state = self._load_state()

    @property
    def left_out(self) -> Counter[str]:
        """The numbers of posts that were not kept, by reason."""
        return Counter(self._state.left_out)

    def posts(self) -> Iterator[Post]:
        """Yield every post once, in its latest version, in the order of their ids."""
        rows = {row["id"]: row for row in self._rows()}
        for id in sorted(rows, key=_id_order):
            yield Post.from_json(rows[id])

    def fingerprint(self) -> str:
        """Return a hash of the posts."""
        whole = hashlib.sha256()
        for post in self.posts():
            whole.update(json.dumps(post.to_json()).encode())
        return whole.hexdigest()

    def update(self, pages: Pages, skip: Skip, report: Callable[[int], None]) -> int:
        """Fetch new posts, after finishing an interrupted pass, and return their number.

        Args:
            pages: the list to read.
            skip: which posts to leave out.
            report: called with the number of posts after each page.

        Raises NetworkError, after which everything read so far is kept, or StorageError.
        """
        before = len({row["id"] for row in self._rows()})
        below = self._state.below
        if self._in_progress:
            self._run_pass(pages, skip, report)
        if not self._in_progress:
            self._save_state(
                replace(
                    self._state,
                    since=self._state.size,
                    cursor=None,
                    next_etag="",
                    next_newest="",
                    down=False,
                )
            )
            self._run_pass(pages, skip, report)
        if below is not None and self._state.below is not None and not self._in_progress:
            self._save_state(
                replace(
                    self._state,
                    since=self._state.size,
                    cursor=self._state.below,
                    next_etag=self._state.etag,
                    next_newest="",
                    down=True,
                )
            )
            self._run_pass(pages, skip, report)
        return len({row["id"] for row in self._rows()}) - before

    def reread(self, pages: Pages, skip: Skip, report: Callable[[int], None]) -> int:
        """Fetch the whole list again, drop posts that no longer exist, and return their number.

        The old posts stay until everything is read. Takes the arguments of `update`.
        """
        before = {row["id"] for row in self._rows()}
        other = Mirror(self.folder.with_name(self.folder.name + _NEXT), self._form)
        other.update(pages, skip, report)
        self._keep_older_posts(other, skip)
        gone = len(before - {row["id"] for row in other._rows()})
        with storage_errors(str(self.folder)):
            old = self.folder.with_name(self.folder.name + _OLD)
            if self.folder.exists():
                self.folder.rename(old)
            other.folder.rename(self.folder)
            sync_folder(self.folder.parent)
            shutil.rmtree(old, ignore_errors=True)
        self._state = self._load_state()
        return gone

    def without(self, skip: Skip, folder: Path) -> int:
        """Copy this mirror to another folder without some posts, and return their number."""
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
        other._save_state(replace(other._state, since=since))
        return sum(1 for _ in self._rows()) - sum(1 for _ in other._rows())

    def _keep_older_posts(self, other: Mirror, skip: Skip) -> None:
        """Copy the posts older than those of a mirror that was left before the end of its list.

        Nothing is known about them, so they count as still there.
        """
        ids = {row["id"] for row in other._rows()}
        if other._state.below is None or not ids:
            return
        lowest = min(map(_id_order, ids))
        older = [
            row
            for row in self._rows()
            if _id_order(row["id"]) < lowest and not skip(row["author"], row["id"])
        ]
        if older:
            other._append(older, replace(other._state, below=self._state.below))

    # a pass

    @property
    def _in_progress(self) -> bool:
        """Whether an unfinished pass has read at least one page."""
        return self._state.since is not None and self._state.cursor is not None

    def _run_pass(self, pages: Pages, skip: Skip, report: Callable[[int], None]) -> None:
        """Continue the pass in progress to its end."""
        since = self._state.since or 0
        settled = {row["id"]: _digest(row) for row in self._rows(since)}
        seen = {row["id"] for row in self._rows(begin=since)}
        at_top = self._state.cursor is None
        empty = 0
        if isinstance(pages, Metered):
            pages = pages.resume_after(
                "" if self._state.down else self._state.newest, len(settled.keys() | seen)
            )
        for page in pages(self._state.cursor, self._state.etag if at_top and settled else ""):
            if page.unchanged:
                self._save_state(
                    replace(self._state, since=None, cursor=None, next_etag="", next_newest="")
                )
                return
            ids = {post.id for post in page.posts}
            is_repeated = bool(ids) and not ids - seen - settled.keys()
            is_known = not settled.keys().isdisjoint(ids)
            empty = 0 if ids else empty + 1
            continues = page.cursor is not None and not is_known
            if continues and (is_repeated or empty > MAX_EMPTY):
                raise NetworkError(
                    "The server sends the same page of posts again and again.", _RETRY
                )
            if len(seen) + len(settled) > MAX_POSTS:
                raise NetworkError(
                    f"The server sends an endless list: more than {MAX_POSTS:,} posts.", _RETRY
                )
            rows = [
                post.to_json()
                for post in page.posts
                if post.id not in seen and not skip(post.author, post.id)
            ]
            rows = [row for row in rows if settled.get(row["id"]) != _digest(row)]  # new, or edited
            seen |= ids
            self._append_page(page, rows, is_known=is_known, at_top=at_top)
            at_top = False
            report(len(settled.keys() | seen))
            if not continues:
                self._finish_pass(None if self._state.down else self._state.below)
                return
        if self._state.cursor is None or self._state.down or not self._state.newest:
            self._finish_pass(
                self._state.cursor
                if self._state.down or not self._state.newest
                else self._state.below
            )
        # else it stopped between new and known posts: it stays in progress, or a gap would remain

    def _append_page(
        self, page: Page, rows: list[dict[str, Any]], *, is_known: bool, at_top: bool
    ) -> None:
        """Append the rows of a page, and move the pass on to the next page."""
        left_out = Counter(self._state.left_out) + (Counter() if is_known else page.left_out)
        state = replace(
            self._state,
            cursor=page.cursor,
            next_etag=page.etag if at_top else self._state.next_etag,
            next_newest=max(
                [self._state.next_newest, *(post.id for post in page.posts)], key=_id_order
            ),
            left_out=dict(left_out),
        )
        self._append(rows, state)

    def _finish_pass(self, below: str | None) -> None:
        """Mark the posts of the pass as known; the list continues at `below`, if not None."""
        newest = max(self._state.newest, self._state.next_newest, key=_id_order)
        state = replace(
            self._state,
            since=None,
            cursor=None,
            down=False,
            below=below,
            newest=newest,
            next_newest="",
        )
        self._save_state(replace(state, etag=state.next_etag, next_etag=""))

    def _append(self, rows: list[dict[str, Any]], state: State) -> None:
        """Append posts, then make them valid by saving the state."""
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
        self._save_state(replace(state, size=size))

    def _rows(self, end: int | None = None, begin: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield the valid lines, or only those before or from a byte offset."""
        path = self.folder / POSTS
        end = self._state.size if end is None else end
        if end == 0:
            return
        with path.open("rb") as file:
            file.seek(begin or 0)
            while file.tell() < end:
                yield json.loads(file.readline())

    # the state

    def _save_state(self, state: State) -> None:
        save_state(self.folder, state, self._form)
        self._state = state

    def _load_state(self) -> State:
        """Load the state; an empty one if it is missing, damaged or of another form."""
        state, form = load_state(self.folder)
        if self._form is None:
            self._form = form
        return state if form == self._form else State()

    def _recover(self) -> None:
        """Finish replacing the folder by its reread version."""
        old = self.folder.with_name(self.folder.name + _OLD)
        if old.exists() and self.folder.exists():
            shutil.rmtree(old, ignore_errors=True)
        elif old.exists():
            old.rename(self.folder)


def all_mirrors(folder: Path) -> list[Mirror]:
    """Return all mirrors directly under a folder, including those being reread."""
    return [
        Mirror(path)
        for path in sorted(folder.iterdir())
        if path.is_dir() and not path.name.endswith(_OLD)
    ]


def _id_order(id: str) -> tuple[int, str]:
    """Return a sort key that orders ids numerically, whatever their length."""
    return len(id), id


def _digest(row: dict[str, Any]) -> bytes:
    """Return a short hash of a post."""
    return hashlib.blake2b(json.dumps(row).encode(), digest_size=8).digest()
