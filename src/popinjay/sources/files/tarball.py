"""A `.tar.gz` as a container: gone through once for its names, read from where a file begins, never unpacked to disk.

Python's `tarfile` reads the headers, over a stream that hands out no more at a time than an honest header needs.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from popinjay.errors import SpecError
from popinjay.sources.files.container import MAX_BYTES, MAX_RATIO, RATIO_FREE, Container

MAX_FILES = 2_000_000
MAX_KEPT = 8 * 2**20  # bytes of a small file that is kept from the first going through
_NAMES = (".tar.gz", ".tgz")
_MAGIC_AT = 257  # where a header says that it is one
_MAX_HEADER_BYTES = 2**20  # bytes read at once for a header, its long names included
_DAMAGE = (
    tarfile.TarError,
    EOFError,
    zlib.error,
    gzip.BadGzipFile,
    ValueError,
    OverflowError,
    RecursionError,
    AssertionError,
    IndexError,
    KeyError,
)


def is_tarball(path: Path) -> bool:
    """Whether a file is gzip and called a tar archive, or holds one whatever it is called."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            if stream.read(2) != b"\x1f\x8b":
                return False
        if path.name.lower().endswith(_NAMES):
            return True
        with gzip.open(path) as stream:
            return stream.read(_MAGIC_AT + 5)[_MAGIC_AT:] == b"ustar"
    except (OSError, EOFError, zlib.error):
        return False


class Tarball(Container):
    """The plain files of a `.tar.gz`; links and devices in it are none."""

    def __init__(self, path: Path, keep: Callable[[str], bool]) -> None:
        """Goes through it once. Raises SpecError where it is cut, damaged, a bomb, or its names lead outside of it.

        Small files that `keep` asks for are kept, so that the whole need not be expanded again for each.
        """
        self.path = path.absolute()
        self._zip = None
        self._sizes: dict[str, int] = {}
        self._at: dict[str, int] = {}
        self._kept: dict[str, bytes] = {}
        try:
            with _Stream(path) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
                self._go_through(tar, stream, keep)
                while stream.read(_MAX_HEADER_BYTES):  # to the checksum at the end
                    pass
        except EOFError as error:
            raise SpecError(
                f"{path.name} was cut off: its end is missing.", "Download it again, to the end."
            ) from error
        except _DAMAGE as error:
            raise SpecError(
                f"{path.name} is damaged, or no .tar.gz whatever its name says.",
                "Download it again.",
            ) from error

    def _go_through(
        self, tar: tarfile.TarFile, stream: _Stream, keep: Callable[[str], bool]
    ) -> None:
        packed = self.path.stat().st_size
        seen = 0
        while member := tar.next():
            tar.members.clear()  # type: ignore[attr-defined]  # which would grow with every file
            seen += 1
            end = member.offset_data + member.size
            if member.size < 0 or seen > MAX_FILES:
                raise tarfile.ReadError("sizes or numbers that no export has")
            if end > MAX_BYTES * 4 or (end > RATIO_FREE and end > MAX_RATIO * packed):
                raise SpecError(
                    f"{self.path.name} would expand from {packed / 2**20:.1f} MB to over {end / 2**20:,.0f} MB, which no real archive does.",
                    "This looks like a bomb. If it is yours and real, unpack it and give the folder.",
                )
            parts = PurePosixPath(member.name.replace("\\", "/"))
            if parts.is_absolute() or ".." in parts.parts:
                raise SpecError(
                    f"{self.path.name} holds a file name that leads outside of it ({member.name!r}).",
                    "No real archive does; don't trust this one.",
                )
            if member.isreg() and not member.issparse():
                self._sizes[str(parts)], self._at[str(parts)] = member.size, member.offset_data
                if member.size <= MAX_KEPT and keep(str(parts)):
                    self._kept[str(parts)] = _read_at(stream, member.offset_data, member.size)

    def check(self, name: str) -> None:
        """Nothing more: the whole was within bounds when it was gone through."""

    def open(self, name: str) -> IO[bytes]:
        """One file's bytes, expanded as they are read."""
        if name in self._kept:
            return io.BytesIO(self._kept[name])
        return io.BufferedReader(_Member(self.path, self._at[name], self._sizes[name]))

    def fingerprint(self, names: list[str]) -> str:
        """A hash of the packed file: quicker than to expand it once more."""
        with self.reading(self.path.name), self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


class _Stream(gzip.GzipFile):
    """What a gzip file holds. Raises ValueError for a read that only a made-up header asks for."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")

    def read(self, size: int | None = -1) -> bytes:
        """Some bytes."""
        if size is None or not 0 <= size <= _MAX_HEADER_BYTES:
            raise ValueError(f"a header of {size} bytes")
        return super().read(size)


def _read_at(stream: _Stream, at: int, size: int) -> bytes:
    stream.seek(at)
    pieces = []
    while size and (piece := stream.read(min(size, _MAX_HEADER_BYTES))):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


class _Member(io.RawIOBase):
    """A stretch of what a gzip file holds."""

    def __init__(self, path: Path, at: int, size: int) -> None:
        self._stream, self._left = _Stream(path), size
        self._stream.seek(at)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """The next bytes."""
        piece = self._stream.read(min(len(buffer), self._left, _MAX_HEADER_BYTES))
        buffer[: len(piece)] = piece
        self._left -= len(piece)
        return len(piece)

    def close(self) -> None:
        """Close the file behind it too."""
        self._stream.close()
        super().close()
