"""A `.tar.gz` as a container: scanned once for names and offsets, and never unpacked to disk.

Python's `tarfile` reads the headers, from a stream that refuses reads larger than a real header.
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
MAX_KEPT = 8 * 2**20  # bytes of a small file that is kept from the first scan
_NAMES = (".tar.gz", ".tgz")
_MAGIC_OFFSET = 257  # of "ustar" in a header
_MAX_HEADER_BYTES = 2**20  # of one read, including long names
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
    """Return whether a file is gzip, and a tar archive by its name or content."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            if stream.read(2) != b"\x1f\x8b":
                return False
        if path.name.lower().endswith(_NAMES):
            return True
        with gzip.open(path) as stream:
            return stream.read(_MAGIC_OFFSET + 5)[_MAGIC_OFFSET:] == b"ustar"
    except (OSError, EOFError, zlib.error):
        return False


class Tarball(Container):
    """The regular files of a `.tar.gz`, without links and devices."""

    def __init__(self, path: Path, keep: Callable[[str], bool]) -> None:
        """Scan the archive, and keep the small files selected by `keep` in memory.

        Otherwise the archive would have to be decompressed again for each. Raises SpecError if it
        is cut off, damaged or a bomb, or if its names lead outside of it.
        """
        self.path = path.absolute()
        self._zip = None
        self._sizes: dict[str, int] = {}
        self._offsets: dict[str, int] = {}
        self._kept: dict[str, bytes] = {}
        try:
            with _Stream(path) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
                self._scan(tar, stream, keep)
                while stream.read(_MAX_HEADER_BYTES):  # up to the checksum at the end
                    pass
        except EOFError as error:
            raise SpecError(
                f"{path.name} was cut off: its end is missing.", "Download it again, to the end."
            ) from error
        except _DAMAGE as error:
            raise SpecError(
                f"{path.name} is damaged, or not a .tar.gz despite its name.",
                "Download it again.",
            ) from error

    def _scan(self, tar: tarfile.TarFile, stream: _Stream, keep: Callable[[str], bool]) -> None:
        packed = self.path.stat().st_size
        seen = 0
        while member := tar.next():
            tar.members.clear()  # type: ignore[attr-defined]  # it would grow with every file
            seen += 1
            end = member.offset_data + member.size
            if member.size < 0 or seen > MAX_FILES:
                raise tarfile.ReadError("a size or number of files that no export has")
            if end > MAX_BYTES * 4 or (end > RATIO_FREE and end > MAX_RATIO * packed):
                raise SpecError(
                    f"{self.path.name} would expand from {packed / 2**20:.1f} MB to over "
                    f"{end / 2**20:,.0f} MB, which no real archive does.",
                    "It looks like a bomb. If it is yours and real, unpack it and give the folder.",
                )
            parts = PurePosixPath(member.name.replace("\\", "/"))
            if parts.is_absolute() or ".." in parts.parts:
                raise SpecError(
                    f"{self.path.name} holds a name that leads outside of it ({member.name!r}).",
                    "No real archive does; don't trust this one.",
                )
            if member.isreg() and not member.issparse():
                name = str(parts)
                self._sizes[name] = member.size
                self._offsets[name] = member.offset_data
                if member.size <= MAX_KEPT and keep(name):
                    self._kept[name] = _read_at(stream, member.offset_data, member.size)

    def check(self, name: str) -> None:
        """Do nothing: the bounds were checked during the scan."""

    def open(self, name: str) -> IO[bytes]:
        """Open a file to read its unpacked bytes."""
        if name in self._kept:
            return io.BytesIO(self._kept[name])
        return io.BufferedReader(_Member(self.path, self._offsets[name], self._sizes[name]))

    def fingerprint(self, names: list[str]) -> str:
        """Return a hash of the compressed file, which is quicker than decompressing it again."""
        with self.reading(self.path.name), self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


class _Stream(gzip.GzipFile):
    """A gzip file. Raises ValueError for a read that only a forged header can cause."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")

    def read(self, size: int | None = -1) -> bytes:
        """Read some bytes."""
        if size is None or not 0 <= size <= _MAX_HEADER_BYTES:
            raise ValueError(f"a header of {size} bytes")
        return super().read(size)


def _read_at(stream: _Stream, offset: int, size: int) -> bytes:
    stream.seek(offset)
    chunks = []
    while size and (chunk := stream.read(min(size, _MAX_HEADER_BYTES))):
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


class _Member(io.RawIOBase):
    """A range of bytes of a gzip file's content."""

    def __init__(self, path: Path, offset: int, size: int) -> None:
        self._stream = _Stream(path)
        self._stream.seek(offset)
        self._left = size

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read the next bytes."""
        chunk = self._stream.read(min(len(buffer), self._left, _MAX_HEADER_BYTES))
        buffer[: len(chunk)] = chunk
        self._left -= len(chunk)
        return len(chunk)

    def close(self) -> None:
        """Close the gzip file too."""
        self._stream.close()
        super().close()
