"""Where the bytes of a file of rows come from: the disk, standard input or an archive; packed or not.

A source can be opened again and again, and is never held in memory as a whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import tempfile
import weakref
import zlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import IO, Any, cast

from popinjay.errors import SpecError
from popinjay.post import printable
from popinjay.sources.files.container import MAX_RATIO, RATIO_FREE, Container, ReadErrors

MAX_BYTES = 2 * 2**30  # of standard input, or of a packed file expanded
PACKED = (".gz", ".bz2", ".xz")
_PACKERS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
_MAGIC_BYTES = max(map(len, _PACKERS))
_IN_MEMORY = 8 * 2**20  # bytes of standard input; more goes to a temporary file
_CHUNK = 2**18  # bytes


class Source(ABC):
    """Something that can be read, under the name that messages give it."""

    label: str
    stem: str  # what its author is called if nothing in it says
    encoding: str | None = None  # of its text, once it was found out

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a hash of what would be read."""


class ByteSource(Source):
    """The bytes of one file; what packed them is undone."""

    name: str  # as files are called, with its ending

    def open(self) -> IO[bytes]:
        """Return the bytes from their beginning. Raises SpecError, also while they are read."""
        with ReadErrors(self.label):
            raw = self._open()
            start = raw.read(_MAGIC_BYTES)
            raw.seek(0)
            for magic, packer in _PACKERS.items():
                if start.startswith(magic):
                    most = min(MAX_BYTES, max(RATIO_FREE, MAX_RATIO * self._size()))
                    return io.BufferedReader(_Expanded(raw, packer, self.label, most), _CHUNK)
            return raw

    def fingerprint(self) -> str:
        """Return a hash of the bytes."""
        with ReadErrors(self.label), self.open() as stream:
            digest = hashlib.sha256()
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
            return digest.hexdigest()

    @abstractmethod
    def _open(self) -> IO[bytes]:
        """Return the bytes as they lie there; they can be sought."""

    @abstractmethod
    def _size(self) -> int:
        """Return how many bytes lie there."""


class DiskFile(ByteSource):
    """A file on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.label = self.name = path.name
        self.stem = stem_of(path.name)

    def _open(self) -> IO[bytes]:
        return self.path.open("rb")

    def _size(self) -> int:
        return self.path.stat().st_size


class Member(ByteSource):
    """A file inside of a zip or a folder, which has a bound for it of its own."""

    def __init__(self, container: Container, name: str) -> None:
        self.label = f"{name} in {container.path.name}"
        self.stem = stem_of(name.rpartition("/")[2])
        self.name = name
        self._container = container

    def _open(self) -> IO[bytes]:
        return self._container.open(self.name)

    def _size(self) -> int:
        return self._container.size(self.name)


class Piped(ByteSource):
    """What was piped in: read to its end at once, since it comes but once."""

    def __init__(
        self, stream: IO[bytes], label: str = "standard input", stem: str = "stdin"
    ) -> None:
        """Read it. Raises SpecError if there is more than any file of posts holds."""
        self.label, self.stem, self.name = label, stem, ""
        self._data, self._path = b"", None
        start = _up_to(stream, _IN_MEMORY)
        self._length = len(start)
        if len(start) < _IN_MEMORY:
            self._data = start
            return
        self._path = self._spooled(start, stream)

    def _spooled(self, start: bytes, stream: IO[bytes]) -> Path:
        """Write everything to a temporary file, which only its owner may read."""
        with tempfile.NamedTemporaryFile(prefix="popinjay-", delete=False) as file:
            path = Path(file.name)
            weakref.finalize(self, path.unlink, missing_ok=True)
            file.write(start)
            while chunk := stream.read(_CHUNK):
                self._length += len(chunk)
                if self._length > MAX_BYTES:
                    raise SpecError(
                        f"{self.label.capitalize()} holds over {MAX_BYTES / 2**30:,.0f} GB.",
                        "Save it, and give the part that holds the posts.",
                    )
                file.write(chunk)
        return path

    def _open(self) -> IO[bytes]:
        return self._path.open("rb") if self._path else io.BytesIO(self._data)

    def _size(self) -> int:
        return self._length


def _unpacking(packed: IO[bytes], packer: str) -> IO[bytes]:
    """Return what a packed file holds; some Pythons are built without one or the other."""
    if packer == "gzip":
        import gzip

        return cast(IO[bytes], gzip.GzipFile(fileobj=packed))
    if packer == "bzip2":
        import bz2

        return cast(IO[bytes], bz2.BZ2File(packed))
    import lzma

    return cast(IO[bytes], lzma.LZMAFile(packed))


def _lzma_error() -> type[Exception]:
    """Return what a damaged xz file raises, if there can be any."""
    with contextlib.suppress(ImportError):
        import lzma

        return lzma.LZMAError
    return ValueError


class _Expanded(io.RawIOBase):
    """A packed file's content, as far as it is within bounds."""

    def __init__(self, packed: IO[bytes], packer: str, label: str, most: int) -> None:
        self._packed, self._packer, self._label = packed, packer, label
        self._left = self._most = most
        self._inner = _unpacking(packed, packer)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is, if only by reading it once more."""
        return True

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, counted from the beginning."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("a packed file has no known end")
        self._left = self._most - place
        return self._inner.seek(place)

    def tell(self) -> int:
        """Return the place."""
        return self._inner.tell()

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes. Raises SpecError if it is damaged, or expands too far."""
        try:
            chunk = self._inner.read(min(len(buffer), _CHUNK))
        except (OSError, EOFError, ValueError, zlib.error, _lzma_error()) as error:
            raise SpecError(
                f"{self._label} is a damaged {self._packer} file: {error}.", "Take a fresh copy."
            ) from error
        self._left -= len(chunk)
        if self._left < 0:
            raise SpecError(
                f"{self._label} would expand to over {self._most / 2**20:,.0f} MB.",
                "If it is yours and real, unpack it and give the part that holds the posts.",
            )
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        """Close the packed file too."""
        if not self.closed:
            self._inner.close()
            self._packed.close()
        super().close()


def stem_of(name: str) -> str:
    """Return a file's name without its ending, and without that of gzip."""
    if Path(name).suffix.lower() in PACKED:
        name = Path(name).stem
    return printable(name[: -len(Path(name).suffix)] if Path(name).suffix else name)


def _up_to(stream: IO[bytes], most: int) -> bytes:
    chunks: list[bytes] = []
    length = 0
    while length < most and (chunk := stream.read(min(_CHUNK, most - length))):
        chunks.append(chunk)
        length += len(chunk)
    return b"".join(chunks)
