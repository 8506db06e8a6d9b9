"""Measurements that take long, one file each, so that a run goes on where the last one stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from popinjay.store.files import atomic_write

Cell = dict[str, Any]


class Cells:
    """A folder of measured cells, and how many seconds are left to measure further ones."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder = folder
        self._end = time.monotonic() + seconds
        self._longest = 0.0
        self.missing = 0  # cells that there was no time for

    def read(self, name: str) -> Cell | None:
        """Return a cell that was measured; None if it was not."""
        path = self._path(name)
        return json.loads(path.read_text("utf-8")) if path.exists() else None

    def get(self, name: str, measure: Callable[[], Cell]) -> Cell | None:
        """Return a cell, measured now unless it was before; None if there is no time for it."""
        if (known := self.read(name)) is not None:
            return known
        began = time.monotonic()
        if began + self._longest > self._end:
            self.missing += 1
            return None
        found = measure()
        taken = time.monotonic() - began
        self._longest = max(self._longest, taken)
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, json.dumps({**found, "seconds": round(taken, 1)}, ensure_ascii=False))
        print(f"{name}: {taken:.0f} s", flush=True)
        return found

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"
