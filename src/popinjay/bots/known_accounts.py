"""The list of accounts that are logged in, beside `config.toml`: names and servers, no secrets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from popinjay import settings
from popinjay.errors import LoginError
from popinjay.store.files import atomic_write, storage_errors

FILE = "accounts.json"


@dataclass(frozen=True)
class KnownAccount:
    """An account that is logged in."""

    network: str  # bsky or mastodon
    handle: str  # as people write it: ada.example, or @ada@example.social
    server: str  # the address of the server that it lives on; empty if it is not known yet
    id: str = ""  # by which the server knows it; empty if it is not known yet

    @property
    def name(self) -> str:
        """Its name in commands, such as bsky:ada.example."""
        return f"{self.network}:{self.handle}"

    def is_called(self, name: str) -> bool:
        """Return whether a user who types this name means it."""
        wanted = name.strip().casefold()
        handle = wanted.removeprefix(f"{self.network}:").lstrip("@")
        return handle == self.handle.lstrip("@").casefold() or wanted == self.network


def file() -> Path:
    """Return where the list is."""
    return settings.config_file().with_name(FILE)


def kept() -> list[KnownAccount]:
    """Return the accounts on the list. Raises LoginError if it can't be read."""
    path = file()
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [_account(row) for row in rows]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, OSError) as error:
        raise LoginError(
            f"The list of accounts in {path} can't be read.",
            "Remove it and log in again: popinjay login",
            page_hint="Remove it and log in again.",
        ) from error


def keep(account: KnownAccount) -> None:
    """Put an account on the list, in place of one of the same name. Raises StorageError."""
    _write([*(row for row in kept() if row.name != account.name), account])


def drop(account: KnownAccount) -> None:
    """Take an account off the list. Raises StorageError."""
    _write([row for row in kept() if row.name != account.name])


def _account(row: Any) -> KnownAccount:
    """Return the account of a row. Raises TypeError for any other value."""
    account = KnownAccount(**row)
    if not all(isinstance(value, str) for value in asdict(account).values()):
        raise TypeError("not the row of an account")
    return account


def _write(accounts: list[KnownAccount]) -> None:
    path = file()
    rows = json.dumps([asdict(account) for account in accounts], ensure_ascii=False, indent=1)
    with storage_errors(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, rows + "\n")
