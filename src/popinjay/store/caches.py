"""The cache of what can be fetched or computed again, shared by all personas of a user.

Whatever lies here only saves time: an entry that is damaged, or was written for something else,
counts as absent, and a disk that refuses to take one is no error.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from popinjay.store.files import atomic_write, content_hash

FORMAT = 1  # of an entry's file
MEASURED = ".measured"  # hidden, so that no base model's name can collide with it
HASHES = ".hashes"  # of files that are too large to be read each time
SECRET, SECRET_BYTES = ".secret", 32
SEAL = 32  # bytes


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
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return None


def keep_entry(path: Path, about: Any, value: Any) -> None:
    """Write a value about something (both JSON) in place of any other, if the disk allows it."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, json.dumps({"format": FORMAT, "about": about, "value": value}))


def file_hash(file: Path) -> str:
    """Return the SHA-256 of a file's content; it is read once, and again after it was changed or replaced."""
    path = file.resolve()
    state = path.stat()
    about = [str(path), state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
    entry = cache_root() / HASHES / f"{hashlib.sha256(str(path).encode()).hexdigest()[:40]}.json"
    known = read_entry(entry, about)
    if isinstance(known, str):
        return known
    found = content_hash(path)
    keep_entry(entry, about, found)
    return found


def machine_secret() -> bytes | None:
    """Return a secret of this user on this machine, made when it is first asked for; None if none can be kept.

    What is derived from a persona and kept in its folder is sealed with it. A folder may come from
    anywhere, and what somebody else put in the place of such a file has no seal of ours.
    """
    path = cache_root() / SECRET
    with contextlib.suppress(OSError):
        if len(found := path.read_bytes()) == SECRET_BYTES:
            return found
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, os.urandom(SECRET_BYTES), mode=0o600)
        return path.read_bytes()  # if two processes do so at once, the later secret counts
    return None


def seal(*parts: bytes) -> bytes | None:
    """Return SEAL bytes that only this user on this machine can make of these parts; None without a secret."""
    secret = machine_secret()
    if secret is None:
        return None
    whole = hashlib.blake2b(key=secret, digest_size=SEAL)
    for part in parts:
        whole.update(len(part).to_bytes(8, "little") + part)
    return whole.digest()
