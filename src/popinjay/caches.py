"""The cache of what can be fetched or computed again, shared by all personas of a user.

Whatever lies here only saves time: an entry that is damaged, or was written for something else,
counts as absent, and a disk that refuses to take one is no error.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from popinjay.disk import partial_of, sweep_partials

FORMAT = 1  # of an entry's file
MEASURED = ".measured"  # hidden, so that no base model's name can collide with it


def cache_root() -> Path:
    """Return the folder of all cached base models: `POPINJAY_BASES`, or one in the user's cache."""
    if given := os.environ.get("POPINJAY_BASES"):
        return Path(given)
    variable = "LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME"
    usual = os.environ.get(variable)
    return (Path(usual) if usual else Path.home() / ".cache") / "popinjay" / "bases"


def measured_folder(fingerprint: str) -> Path:
    """Return the folder of what was measured with one version of a base model."""
    return cache_root() / MEASURED / fingerprint[:40]


def read_entry(path: Path, about: Any) -> Any:
    """Return the value that was kept in a file about exactly this, or None."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] == FORMAT and found["about"] == about:
            return found["value"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def keep_entry(path: Path, about: Any, value: Any) -> None:
    """Write a value about something (both JSON), whole or not at all, in place of any other."""
    partial = partial_of(path)
    sweep_partials(path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8") as file:
            json.dump({"format": FORMAT, "about": about, "value": value}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
