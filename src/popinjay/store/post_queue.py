"""The queue of a persona's posts: what it wrote, what its user decided, what was posted.

`queue.sqlite` in the persona's folder, in WAL mode. No stage makes it, so `make` never removes it.

    draft ──> approved ──> sending ──> posted
      │          │            └──────> failed ──> approved
      ├──────────┴──> rejected
      └──> superseded (an edited text takes its place)

A change of state is one transaction and names the state that it begins from, so that two processes
never decide about the same draft. `sending` is on disk, with the key and the exact content, before
anything is sent.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self

from popinjay.errors import PersonaError, QueueBusy, QueueError, StorageError
from popinjay.store.run import RECORD, Run

FILE = "queue.sqlite"
BUSY_SECONDS = 5.0  # that another process is waited for
_VERSION = 1


class DraftState(StrEnum):
    """Where a draft is on its way."""

    DRAFT = "draft"
    APPROVED = "approved"
    SENDING = "sending"
    POSTED = "posted"
    FAILED = "failed"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"


_ALLOWED: Mapping[DraftState, tuple[DraftState, ...]] = {
    DraftState.DRAFT: (DraftState.APPROVED, DraftState.REJECTED, DraftState.SUPERSEDED),
    DraftState.APPROVED: (
        DraftState.DRAFT,
        DraftState.REJECTED,
        DraftState.SUPERSEDED,
        DraftState.SENDING,
    ),
    # Back to approved only if it is certain that nothing was posted
    DraftState.SENDING: (DraftState.POSTED, DraftState.FAILED, DraftState.APPROVED),
    DraftState.FAILED: (DraftState.APPROVED, DraftState.REJECTED, DraftState.SUPERSEDED),
    DraftState.REJECTED: (DraftState.DRAFT,),
    DraftState.POSTED: (),
    DraftState.SUPERSEDED: (),
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A row of the queue. Times are in UTC, as ISO 8601; empty if there is none yet."""

    id: int
    text: str
    state: DraftState
    made_with: Mapping[str, Any]  # what samples it again: prompt, seed and the other options
    written_at: str
    decided_at: str = ""
    decided_by: str = ""  # human or auto
    supersedes: int | None = None  # the draft whose edited text this is
    account: str = ""  # where it goes or went, such as bsky:ada.example; empty: any
    due_at: str = ""  # not before; empty: whenever a slot is free
    language: str = ""
    warning: str = ""  # content warning
    visibility: str = ""  # of Mastodon; empty: the account's setting
    picture: str = ""  # a file in the persona's folder
    alt: str = ""  # the picture's text for people who don't see it
    key: str = ""  # by which the server knows the request again
    content: Mapping[str, Any] | None = None  # exactly what is sent
    sending_at: str = ""  # when the first request was about to leave
    tries: int = 0
    error: str = ""
    uri: str = ""  # where the network has it
    url: str = ""  # where people see it
    posted_at: str = ""
    deleted_at: str = ""  # there, by its user
    likes: int | None = None
    reposts: int | None = None
    counted_at: str = ""
    later: int = 0  # how often its user put it off: those come last


_JSON = ("made_with", "content")
_COLUMNS = tuple(field.name for field in fields(Draft))
_TYPES = {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "text": "TEXT NOT NULL"}
_INTEGERS = ("supersedes", "tries", "likes", "reposts", "later")


class Queue:
    """A persona's queue: a context manager, which closes the file.

    Every method raises QueueBusy if another process holds the file for too long, QueueError if it
    is damaged, and StorageError if it can't be written; nothing is half-written then.
    """

    def __init__(self, run: Run) -> None:
        """Open the queue, which is made if there is none. Raises PersonaError without persona."""
        self.run = run
        self.path = run.file(FILE)
        self._check_there()
        with self._errors():
            self._db = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")  # a key must survive a power cut
        self._db.execute("PRAGMA trusted_schema=OFF")  # it may come from an untrusted place
        self._db.execute("PRAGMA secure_delete=ON")  # what is forgotten is gone
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise QueueError(
                f"The queue of {self.run.name} was written by a newer popinjay.",
                "Install that version, or a newer one.",
            )
        if version == _VERSION:
            return
        with self._transaction():
            columns = ", ".join(f"{name} {_type(name)}" for name in _COLUMNS)
            self._db.execute(f"CREATE TABLE IF NOT EXISTS draft ({columns})")
            self._db.execute("CREATE INDEX IF NOT EXISTS draft_state ON draft (state)")
            self._db.execute(
                "CREATE UNIQUE INDEX IF NOT EXISTS draft_key ON draft (key) WHERE key != ''"
            )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
            )
            self._db.execute(f"PRAGMA user_version={_VERSION}")

    def _check_there(self) -> None:
        """Raise PersonaError if the folder is gone: an open file could still be written."""
        if not self.run.file(RECORD).is_file():
            raise PersonaError(
                f"{self.run.name!r} is not there any more.", "It was removed or renamed meanwhile."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # reading

    def drafts(self, *states: DraftState) -> list[Draft]:
        """Return the drafts in these states, or all of them, in the order they were written.

        Those that were put off come last.
        """
        where = f"WHERE state IN ({', '.join('?' * len(states))})" if states else ""
        with self._errors():
            rows = self._db.execute(
                f"SELECT * FROM draft {where} ORDER BY later, id",  # noqa: S608 (only marks)
                states,
            )
            return [self._draft(row) for row in rows]

    def draft(self, id: int) -> Draft:
        """Return a draft. Raises QueueError if there is none of this id."""
        with self._errors():
            row = self._db.execute("SELECT * FROM draft WHERE id = ?", (id,)).fetchone()
        if row is None:
            raise QueueError(
                f"The queue of {self.run.name} has no draft {id}.",
                f"The ids are shown by: popinjay queue {self.run.name} --list",
                page_hint="It may have been removed meanwhile.",
            )
        return self._draft(row)

    def newer(self, id: int) -> list[Draft]:
        """Return the drafts that were written after the one with this id, 0 for all."""
        with self._errors():
            rows = self._db.execute("SELECT * FROM draft WHERE id > ? ORDER BY id", (id,))
            return [self._draft(row) for row in rows]

    def counts(self) -> dict[DraftState, int]:
        """Return how many drafts are in each state."""
        with self._errors():
            rows = self._db.execute("SELECT state, count(*) FROM draft GROUP BY state").fetchall()
        known = {DraftState(state): number for state, number in rows}
        return {state: known.get(state, 0) for state in DraftState}

    def settings(self) -> dict[str, Any]:
        """Return the settings of this persona's bot, by name."""
        with self._errors():
            rows = self._db.execute("SELECT name, value FROM setting").fetchall()
        return {name: json.loads(value) for name, value in rows}

    # changing

    def add(self, texts: Iterable[tuple[str, Mapping[str, Any]]], **values: Any) -> list[Draft]:
        """Add drafts: texts with what samples them again. All of them or none.

        Args:
            texts: Each text, with what it was made with.
            values: Further columns, the same for all.
        """
        added: list[int] = []
        with self._errors(), self._transaction():
            for text, made_with in texts:
                row = {"state": DraftState.DRAFT, "written_at": now(), **values}
                added.append(self._insert({**row, "text": text, "made_with": made_with}))
        return [self.draft(id) for id in added]

    def move(self, id: int, since: DraftState, to: DraftState, **values: Any) -> Draft:
        """Change the state of a draft, and further columns with it.

        Raises QueueError if it is not in the state `since` any more, or that change is not allowed.
        """
        if to not in _ALLOWED[since]:
            raise QueueError(f"A draft that is {since} can't become {to}.", "Look at it again.")
        with self._errors(), self._transaction():
            self._move(id, since, to, values)
        return self.draft(id)

    def replace_text(self, id: int, since: DraftState, text: str, **values: Any) -> Draft:
        """Put an edited text in a draft's place, which is superseded by it.

        Raises QueueError if it is not in the state `since` any more.
        """
        old = self.draft(id)
        with self._errors(), self._transaction():
            self._move(id, since, DraftState.SUPERSEDED, {})
            kept = {name: getattr(old, name) for name in _KEPT_WHEN_EDITED}
            row = {"state": DraftState.DRAFT, "written_at": now(), **kept, **values}
            new = self._insert({**row, "text": text, "supersedes": id})
        return self.draft(new)

    def set(self, id: int, **values: Any) -> Draft:
        """Change columns of a draft, but not its state."""
        assert "state" not in values
        with self._errors(), self._transaction():
            self._update(id, values, "")
        return self.draft(id)

    def set_setting(self, name: str, value: Any) -> None:
        """Keep a setting of this persona's bot."""
        with self._errors(), self._transaction():
            self._db.execute(
                "INSERT INTO setting VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, json.dumps(value)),
            )

    def take_back_edit(self, id: int, since: DraftState) -> Draft:
        """Put back, undecided, the draft that an edited one supersedes: the edited one gives way.

        Raises QueueError if it is not in the state `since` any more, or was never edited.
        """
        edited = self.draft(id)
        if edited.supersedes is None:
            raise QueueError(f"Draft {id} was never edited.", "There is no earlier text of it.")
        with self._errors(), self._transaction():
            self._move(id, since, DraftState.SUPERSEDED, {})
            undecided = {"decided_at": "", "decided_by": ""}
            self._move(edited.supersedes, DraftState.SUPERSEDED, DraftState.DRAFT, undecided)
        return self.draft(edited.supersedes)

    def remove(
        self, ids: Sequence[int], blank: Mapping[int, Mapping[str, Any]] = MappingProxyType({})
    ) -> None:
        """Remove drafts for good, as if they had never been written: all of it or nothing.

        Afterwards neither the file nor its log holds the texts any more. Raises QueueBusy too if
        another process keeps reading the log; the same call then finishes it.

        Args:
            ids: The drafts to remove.
            blank: Drafts that stay, with what takes the place of texts in their columns.
        """
        with self._errors(), self._transaction():
            for id in ids:
                self._db.execute("UPDATE draft SET supersedes = NULL WHERE supersedes = ?", (id,))
                self._db.execute("DELETE FROM draft WHERE id = ?", (id,))
            for id, values in blank.items():
                self._update(id, values, "")
        with self._errors():
            is_read, *_ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if is_read:
            raise self._busy()

    # statements

    def _insert(self, values: Mapping[str, Any]) -> int:
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        stored = [_stored(name, value) for name, value in values.items()]
        done = self._db.execute(f"INSERT INTO draft ({names}) VALUES ({marks})", stored)  # noqa: S608
        assert done.lastrowid is not None
        return done.lastrowid

    def _update(self, id: int, values: Mapping[str, Any], where: str, *more: Any) -> int:
        given = ", ".join(f"{name} = ?" for name in values)
        stored = [_stored(name, value) for name, value in values.items()]
        return self._db.execute(
            f"UPDATE draft SET {given} WHERE id = ? {where}",  # noqa: S608 (names are ours)
            (*stored, id, *more),
        ).rowcount

    def _move(self, id: int, since: DraftState, to: DraftState, values: Mapping[str, Any]) -> None:
        changed = self._update(id, {**values, "state": to}, "AND state = ?", since)
        if not changed:
            found = self.draft(id).state
            raise QueueError(
                f"Draft {id} is {found} by now, not {since}.",
                "Another window or process has decided about it. Look at the queue again.",
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._check_there()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")  # may fail too, as on a full disk
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _draft(self, row: sqlite3.Row) -> Draft:
        try:
            return _draft(row)
        except (ValueError, TypeError) as error:  # edited with another program
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> QueueError:
        return QueueError(
            f"The queue of {self.run.name} is damaged: {error}.",
            f"Move {self.path} away: a new one is begun, which knows nothing of what was posted.",
        )

    def _busy(self) -> QueueBusy:
        return QueueBusy(
            f"The queue of {self.run.name} is in use by another popinjay.",
            "Try again in a moment.",
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise self._busy() from error
            if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):
                raise self._damaged(error) from error
            if code in (
                sqlite3.SQLITE_FULL,
                sqlite3.SQLITE_IOERR,
                sqlite3.SQLITE_READONLY,
                sqlite3.SQLITE_CANTOPEN,
                sqlite3.SQLITE_PERM,
            ):
                raise StorageError(
                    f"{self.path} can't be written: {error}.",
                    "Free some space, or check who may write there. Nothing was changed.",
                ) from error
            raise


# What an edited draft has of the one that it supersedes
_KEPT_WHEN_EDITED = "made_with account due_at language warning visibility picture alt later".split()


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def has_queue(run: Run) -> bool:
    """Return whether a persona has a queue."""
    return run.file(FILE).is_file()


def _type(name: str) -> str:
    if name in _TYPES:
        return _TYPES[name]
    if name in _INTEGERS:
        return "INTEGER" + (" NOT NULL DEFAULT 0" if name in ("tries", "later") else "")
    return "TEXT" if name == "content" else "TEXT NOT NULL DEFAULT ''"


def _stored(name: str, value: Any) -> Any:
    if name in _JSON and value is not None:
        return json.dumps(value, ensure_ascii=False)
    return value


def _draft(row: sqlite3.Row) -> Draft:
    values = {name: row[name] for name in _COLUMNS}
    values["state"] = DraftState(values["state"])
    values["made_with"] = json.loads(values["made_with"] or "{}")
    values["content"] = None if values["content"] is None else json.loads(values["content"])
    return Draft(**values)
