"""The cache of what can be fetched or computed again, shared by all personas of a user.

It only saves time: an entry that is damaged or was written for something else counts as absent, and
an entry that can't be written is not an error.
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
HASHES = ".hashes"  # of files that are too large to be read every time
MACHINE_KEY = ".secret"
SECRET_BYTES = 32
SEAL = 32  # bytes of a seal


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
    """Return the value that a file holds about exactly this, or None."""
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
    """Return the SHA-256 of a file's content, which is only read if the file has changed."""
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
    """Return the secret of this user on this machine, created on first use; None without a disk.

    Files that are derived from a persona and kept in its folder are sealed with it: the folder may
    come from an untrusted place, which cannot make a valid seal.
    """
    path = cache_root() / MACHINE_KEY
    with contextlib.suppress(OSError):
        if len(found := path.read_bytes()) == SECRET_BYTES:
            return found
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, os.urandom(SECRET_BYTES), mode=0o600)
        return path.read_bytes()  # if two processes do so at once, the later secret counts
    return None


def seal(*parts: bytes) -> bytes | None:
    """Return a keyed hash of these parts, of SEAL bytes; None if there is no secret."""
    secret = machine_secret()
    if secret is None:
        return None
    whole = hashlib.blake2b(key=secret, digest_size=SEAL)
    for part in parts:
        whole.update(len(part).to_bytes(8, "little") + part)
    return whole.digest()
