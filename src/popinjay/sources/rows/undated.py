"""Report dates that can't be read, since they decide which posts are held out for evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from popinjay.sources.rows.facts import unread_time
from popinjay.sources.rows.row import Row

_MAX_SHOWN = 60  # characters


class Undated:
    """Counts the rows whose date can't be read."""

    def __init__(self) -> None:
        self._rows = 0
        self._unread = 0
        self._example = ""

    def add(self, named: Mapping[str, Any], row: Row | str) -> None:
        """Count one row, given its folded keys and the result of reading it."""
        if isinstance(row, str):
            return
        self._rows += 1
        if row.post.created_at is None and (unread := unread_time(named)):
            self._unread += 1
            self._example = self._example or unread[:_MAX_SHOWN]

    def notes(self, label: str) -> list[str]:
        """Return a sentence about the unreadable dates, if there are any."""
        if not self._unread:
            return []
        is_all = self._unread == self._rows
        which = "all rows" if is_all else f"{self._unread:,} of {self._rows:,} rows"
        return [f"No date could be read in {which} of {label}, such as {self._example!r}."]
