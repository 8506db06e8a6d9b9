"""Dates that nothing can read are told, since the newest posts are held out by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from popinjay.sources.rows.facts import unread_time
from popinjay.sources.rows.row import Row

_MAX_SHOWN = 60  # characters


class Undated:
    """Counts the rows whose date can't be read."""

    def __init__(self) -> None:
        self._rows = self._unread = 0
        self._example = ""

    def add(self, named: Mapping[str, Any], row: Row | str) -> None:
        """Look at one row of folded keys, and at what was read of it."""
        if isinstance(row, str):
            return
        self._rows += 1
        if row.post.created_at is None and (unread := unread_time(named)):
            self._unread += 1
            self._example = self._example or unread[:_MAX_SHOWN]

    def notes(self, label: str) -> list[str]:
        """Return what is to be said about it."""
        if not self._unread:
            return []
        which = (
            "all rows" if self._unread == self._rows else f"{self._unread:,} of {self._rows:,} rows"
        )
        return [f"No date could be read in {which} of {label}, such as {self._example!r}."]
