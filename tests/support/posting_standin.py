"""A stand-in for a network with one account, whose server is a SQLite file.

It keeps what the contract of `popinjay.bots.networks.network` promises: a key is known again for an
hour of the server's clock, and what is committed stands there whatever the client learns of it. A
test can have it lose requests or answers, refuse, or be away.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from popinjay.bots.networks.network import (
    NotPosted,
    OutcomeUnknown,
    Profile,
    Reactions,
    Request,
    Rule,
    Sent,
)
from popinjay.errors import LoginError, NetworkError
from popinjay.store.post_queue import Draft

REMEMBERED = timedelta(hours=1)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class AccountStandIn:
    """The account, logged in."""

    path: Path
    name: str = "standin:@ada@social.example"
    network: str = "mastodon"
    server: str = "social.example"
    now: Callable[[], datetime] = _now
    shown: Profile = field(default_factory=lambda: Profile("ada", "Ada", "", is_bot=False))
    listed: list[Rule] = field(default_factory=list)
    limit: int = 500
    faults: list[str] = field(default_factory=list)  # of the next requests to send, in order
    is_away: bool = False
    is_locked_out: bool = False
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        with self._db() as db:
            db.execute("CREATE TABLE IF NOT EXISTS post (key TEXT, content TEXT, at TEXT)")

    def profile(self) -> Profile:
        self._ask("profile")
        return self.shown

    def mark_as_bot(self, statement: str) -> None:
        self._ask("mark_as_bot")
        said = f"{self.shown.description}\n{statement}"
        self.shown = replace(self.shown, description=said, is_bot=True)

    def rules(self) -> Sequence[Rule]:
        self._ask("rules")
        return self.listed

    def length_problem(self, text: str, warning: str = "") -> str:
        too_long = len(text) + len(warning) - self.limit
        return f"It is {too_long} characters too long." if too_long > 0 else ""

    def request(self, draft: Draft, text: str) -> Request:
        content = {
            "text": text,
            "warning": draft.warning,
            "language": draft.language,
            "visibility": draft.visibility,
        }
        return Request(f"{draft.id} {self.now().isoformat()}", content)

    def send(self, request: Request) -> Sent:
        self._ask("send")
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "request lost":
            raise OutcomeUnknown("No answer came.")
        if fault in ("refused", "refused for now"):
            raise NotPosted("They don't want it.", is_final=fault == "refused")
        sent = self._known(request.key, self.now() - REMEMBERED) or self._post(request)
        if fault == "answer lost":
            raise OutcomeUnknown("No answer came.")
        return sent

    def find(self, request: Request, since: str) -> Sent | None:
        self._ask("find")
        with self._db() as db:
            row = db.execute(
                "SELECT rowid FROM post WHERE content = ? AND at >= ?",
                (json.dumps(request.content), since),
            ).fetchone()
        return self._sent(row[0]) if row else None

    def always_remembers(self, since: str) -> bool:
        return timedelta() <= self.now() - datetime.fromisoformat(since) < REMEMBERED

    def delete(self, uri: str) -> None:
        self._ask("delete")
        with self._db() as db:
            db.execute("DELETE FROM post WHERE rowid = ?", (uri,))

    def reactions(self, uris: Sequence[str]) -> Mapping[str, Reactions]:
        self._ask("reactions")
        with self._db() as db:
            there = {str(row[0]) for row in db.execute("SELECT rowid FROM post")}
        return {uri: Reactions(int(uri), 0) for uri in uris if uri in there}

    def close(self) -> None:
        self.asked.append("close")

    # what a test looks at

    def texts(self) -> list[str]:
        """Return what stands there."""
        with self._db() as db:
            rows = db.execute("SELECT content FROM post ORDER BY rowid").fetchall()
        return [json.loads(row[0])["text"] for row in rows]

    def contents(self) -> list[dict[str, str]]:
        """Return the same with all that was sent."""
        with self._db() as db:
            rows = db.execute("SELECT content FROM post ORDER BY rowid").fetchall()
        return [json.loads(row[0]) for row in rows]

    # the server

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.is_away:
            raise NetworkError(f"{self.server} can't be reached now.", "Try again later.")
        if self.is_locked_out:
            raise LoginError(f"{self.server} does not accept the login.", "Log in again.")

    def _post(self, request: Request) -> Sent:
        row = (request.key, json.dumps(request.content), self.now().isoformat(timespec="seconds"))
        with self._db() as db:
            id = db.execute("INSERT INTO post VALUES (?, ?, ?)", row).lastrowid
        return self._sent(id)

    def _known(self, key: str, since: datetime) -> Sent | None:
        with self._db() as db:
            row = db.execute(
                "SELECT rowid FROM post WHERE key = ? AND at >= ?", (key, since.isoformat())
            ).fetchone()
        return self._sent(row[0]) if row else None

    def _sent(self, id: int | None) -> Sent:
        return Sent(str(id), f"https://{self.server}/@ada/{id}")

    def _db(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path)
