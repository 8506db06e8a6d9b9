"""Sources of a file's bytes: the disk, standard input or an archive; compressed or not.

A source can be opened repeatedly, and is never held in memory as a whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import tempfile
import weakref
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self, cast

from popinjay.errors import SpecError
from popinjay.post import printable
from popinjay.sources.files.container import MAX_RATIO, RATIO_FREE, Container, ReadErrors

MAX_BYTES = 2 * 2**30  # of standard input, or of a decompressed file
PACKED = (".gz", ".bz2", ".xz")
_PACKERS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
_MAGIC_BYTES = max(map(len, _PACKERS))
_IN_MEMORY = 8 * 2**20  # bytes of standard input; more goes to a temporary file
_CHUNK = 2**18  # bytes


class Source(ABC):
    """Something that can be read: a context manager, which closes what it is a part of."""

    label: str  # its name in messages
    stem: str  # the author's name if the content has none
    encoding: str | None = None  # of its text, once it is known

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a hash of what would be read."""

    def close(self) -> None:  # noqa: B027
        """Close what it is a part of, or remove what it keeps on the disk."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class ByteSource(Source):
    """The decompressed bytes of one file."""

    name: str  # a file name with its extension

    def open(self) -> IO[bytes]:
        """Open it from the beginning. Raises SpecError, also later while it is read."""
        with ReadErrors(self.label):
            raw = self._open()
            start = raw.read(_MAGIC_BYTES)
            raw.seek(0)
            for magic, packer in _PACKERS.items():
                if start.startswith(magic):
                    limit = min(MAX_BYTES, max(RATIO_FREE, MAX_RATIO * self._size()))
                    unpacked = _Decompressed(raw, packer, self.label, limit)
                    return io.BufferedReader(unpacked, _CHUNK)
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
        """Open the stored bytes, as a seekable stream."""

    @abstractmethod
    def _size(self) -> int:
        """Return the number of stored bytes."""


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
    """A file inside a zip or a folder, which has its own bound for it."""

    def __init__(self, container: Container, name: str) -> None:
        self.label = f"{name} in {container.path.name}"
        self.stem = stem_of(name.rpartition("/")[2])
        self.name = name
        self._container = container

    def close(self) -> None:
        """Close the zip or folder."""
        self._container.close()

    def _open(self) -> IO[bytes]:
        return self._container.open(self.name)

    def _size(self) -> int:
        return self._container.size(self.name)


class Piped(ByteSource):
    """Piped input, which is read to its end at once, as it can be read only once."""

    def __init__(
        self, stream: IO[bytes], label: str = "standard input", stem: str = "stdin"
    ) -> None:
        """Read it. Raises SpecError if there is more than any file of posts holds."""
        self.label = label
        self.stem = stem
        self.name = ""
        self._data = b""
        self._path = None
        self._remove: Callable[[], object] | None = None
        start = _read_up_to(stream, _IN_MEMORY)
        self._length = len(start)
        if len(start) < _IN_MEMORY:
            self._data = start
            return
        self._path = self._spooled(start, stream)

    def _spooled(self, start: bytes, stream: IO[bytes]) -> Path:
        """Write everything to a temporary file that only the user may read."""
        with tempfile.NamedTemporaryFile(prefix="popinjay-", delete=False) as file:
            path = Path(file.name)
            # Also for a caller that drops it without closing it.
            self._remove = weakref.finalize(self, path.unlink, missing_ok=True)
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

    def close(self) -> None:
        """Remove the temporary file."""
        if self._remove is not None:
            self._remove()

    def _open(self) -> IO[bytes]:
        return self._path.open("rb") if self._path else io.BytesIO(self._data)

    def _size(self) -> int:
        return self._length


def _decompressed(packed: IO[bytes], packer: str) -> IO[bytes]:
    """Return a decompressing stream. Imports are local: some Pythons lack a module."""
    if packer == "gzip":
        import gzip

        return cast(IO[bytes], gzip.GzipFile(fileobj=packed))
    if packer == "bzip2":
        import bz2

        return cast(IO[bytes], bz2.BZ2File(packed))
    import lzma

    return cast(IO[bytes], lzma.LZMAFile(packed))


def _lzma_error() -> type[Exception]:
    """Return the error that a damaged xz file raises, if Python supports xz."""
    with contextlib.suppress(ImportError):
        import lzma

        return lzma.LZMAError
    return ValueError


class _Decompressed(io.RawIOBase):
    """The content of a compressed file, up to a bound."""

    def __init__(self, packed: IO[bytes], packer: str, label: str, limit: int) -> None:
        self._packed = packed
        self._packer = packer
        self._label = label
        self._limit = limit
        self._left = limit
        self._inner = _decompressed(packed, packer)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True; seeking back means decompressing again."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Seek to an offset from the beginning."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("a compressed file has no known end")
        self._left = self._limit - offset
        return self._inner.seek(offset)

    def tell(self) -> int:
        """Return the offset."""
        return self._inner.tell()

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes. Raises SpecError if it is damaged, or expands beyond the bound."""
        try:
            chunk = self._inner.read(min(len(buffer), _CHUNK))
        except (OSError, EOFError, ValueError, zlib.error, _lzma_error()) as error:
            raise SpecError(
                f"{self._label} is a damaged {self._packer} file: {error}.", "Take a fresh copy."
            ) from error
        self._left -= len(chunk)
        if self._left < 0:
            raise SpecError(
                f"{self._label} would expand to over {self._limit / 2**20:,.0f} MB.",
                "If it is yours and real, unpack it and give the part that holds the posts.",
            )
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        """Close the compressed file too."""
        if not self.closed:
            self._inner.close()
            self._packed.close()
        super().close()


def stem_of(name: str) -> str:
    """Return a file name without its extension, and without that of a compressed file."""
    if Path(name).suffix.lower() in PACKED:
        name = Path(name).stem
    return printable(name[: -len(Path(name).suffix)] if Path(name).suffix else name)


def _read_up_to(stream: IO[bytes], limit: int) -> bytes:
    chunks: list[bytes] = []
    length = 0
    while length < limit and (chunk := stream.read(min(_CHUNK, limit - length))):
        chunks.append(chunk)
        length += len(chunk)
    return b"".join(chunks)
