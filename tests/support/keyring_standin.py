"""A keyring of the system for tests: a file outside the folders that popinjay writes.

It takes the place of a real one by PYTHON_KEYRING_BACKEND, in processes that tests start too, so
that tests can look for secrets everywhere else.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, PasswordDeleteError

FILE = "POPINJAY_TEST_KEYRING"


class KeyringStandIn(KeyringBackend):
    priority = 9.0

    def get_password(self, service: str, username: str) -> str | None:
        return self._entries().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._write({**self._entries(), f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        entries = self._entries()
        if entries.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError("not found")
        self._write(entries)

    @property
    def _file(self) -> Path:
        return Path(os.environ[FILE])

    def _entries(self) -> dict[str, str]:
        if not self._file.exists():
            return {}
        found: dict[str, str] = json.loads(self._file.read_text())
        return found

    def _write(self, entries: dict[str, str]) -> None:
        self._file.write_text(json.dumps(entries))


class LockedKeyring(KeyringStandIn):
    """One that is there, and does not open; what it says holds the secret, as some do."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringError(f"locked: {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringError(f"can't store {password}")


def use(monkeypatch: pytest.MonkeyPatch, file: Path, backend: type = KeyringStandIn) -> None:
    """Let this process, and those it starts, use the stand-in with this file."""
    import keyring

    monkeypatch.setenv(FILE, str(file))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", f"keyring_standin.{backend.__name__}")
    monkeypatch.setattr("keyring.core._keyring_backend", backend())
    assert type(keyring.get_keyring()) is backend
