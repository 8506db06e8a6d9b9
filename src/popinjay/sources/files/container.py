"""A common interface to zips and folders: names, sizes and bounded reading.

Nothing is ever unpacked to disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Self

from popinjay.errors import SpecError

MAX_BYTES = 16 * 2**30  # of one member, unpacked: some twenty times the largest known archive
MAX_RATIO = 250  # unpacked to packed size; exports of posts have 10 to 30
RATIO_FREE = 64 * 2**20  # bytes up to which any ratio is allowed
MAX_AVATAR = 8 << 20  # bytes; Mastodon accepts up to 8 MB, X 2
MAX_LEVELS = 6  # of subfolders; wrapper/wrapper/data/js/tweets has 5


class Container:
    """The files of a zip or a folder, by their names with forward slashes: a context manager."""

    def __init__(self, path: Path) -> None:
        """Open a folder or a zip.

        Raises SpecError if the zip is damaged, or holds names that lead outside of it.
        """
        self.path = path.absolute()  # so that "." has a name too
        self._zip: zipfile.ZipFile | None = None
        self._entries: dict[str, zipfile.ZipInfo] = {}
        self._sizes: dict[str, int] = {}
        if path.is_dir():
            self._sizes = dict(_files(path, path))
            return
        try:
            self._zip = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            with path.open("rb") as stream:
                is_cut_off = stream.read(4) == b"PK\x03\x04"
            if is_cut_off:
                raise SpecError(
                    f"{path.name} is a zip that was cut off: its end is missing.",
                    "Download it again, to the end.",
                ) from error
            raise SpecError(
                f"{path.name} is not a zip file, despite its name.",
                "Give the archive as it was downloaded.",
            ) from error
        except (NotImplementedError, ValueError, OverflowError, struct.error) as error:
            # any of these can result from damage
            raise SpecError(
                f"{path.name} is damaged: its table of contents can't be read.",
                "Download it again.",
            ) from error
        for entry in self._zip.infolist():
            name = entry.filename.replace("\\", "/")  # some Windows tools write backslashes
            parts = PurePosixPath(name)
            if parts.is_absolute() or ".." in parts.parts:
                raise SpecError(
                    f"{path.name} holds a file name that leads outside of it ({entry.filename!r}).",
                    "No real archive does; don't trust this one.",
                )
            if not name.endswith("/") and parts.parts[:1] != ("__MACOSX",):
                self._entries[str(parts)] = entry
                self._sizes[str(parts)] = entry.file_size

    def close(self) -> None:
        """Close the zip."""
        if self._zip is not None:
            self._zip.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def names(self) -> list[str]:
        """The names of all files in it."""
        return list(self._sizes)

    def size(self, name: str) -> int:
        """Return the unpacked size of a file in bytes."""
        return self._sizes[name]

    def check(self, name: str) -> None:
        """Raise SpecError if a file is unreasonably large."""
        size = self._sizes[name]
        packed = size
        if self._zip:  # whose headers can lie
            packed = min(self._entries[name].compress_size, self.path.stat().st_size)
        if size > MAX_BYTES or (size > RATIO_FREE and size > MAX_RATIO * packed):
            raise SpecError(
                f"{self.path.name} would expand {name} from {packed / 2**20:.1f} MB to "
                f"{size / 2**20:,.0f} MB, which no real archive does.",
                "It looks like a zip bomb. If it is yours and real, unpack it and give the folder.",
            )

    def open(self, name: str) -> IO[bytes]:
        """Open a file to read its unpacked bytes."""
        self.check(name)
        return self._zip.open(self._entries[name]) if self._zip else (self.path / name).open("rb")

    def text(self, name: str) -> IO[str]:
        """Open a file to read its text."""
        return io.TextIOWrapper(self.open(name), encoding="utf-8-sig", newline="")

    def fingerprint(self, names: list[str]) -> str:
        """Return a hash of some files: of their checksums in a zip, of their content in a folder.

        Nothing is unpacked for it.
        """
        whole = hashlib.sha256()
        for name in sorted(names):
            if self._zip:
                checksum = f"{self._entries[name].CRC:08x}"
            else:
                with self.reading(name), (self.path / name).open("rb") as stream:
                    checksum = hashlib.file_digest(stream, "sha256").hexdigest()
            whole.update(f"{name}\0{self._sizes[name]}\0{checksum}\n".encode())
        return whole.hexdigest()

    def reading(self, name: str) -> ReadErrors:
        """Return a context that turns errors while reading a file into SpecError."""
        return ReadErrors(f"{name} in {self.path.name}")

    def avatar(self, name: str) -> bytes | None:
        """Read a picture of the author; None if it is too large or can't be read."""
        with contextlib.suppress(SpecError), self.reading(name), self.open(name) as stream:
            data = stream.read(MAX_AVATAR + 1)
            if len(data) <= MAX_AVATAR:
                return data
        return None


def _files(folder: Path, top: Path) -> Iterator[tuple[str, int]]:
    """Yield names and sizes of the files in a folder, some levels deep.

    Exports are no deeper, and this never walks a whole disk by mistake.
    """
    depth = len(folder.relative_to(top).parts)
    try:
        entries = sorted(folder.iterdir())
    except PermissionError:
        if folder == top:
            raise
        return
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink() and depth < MAX_LEVELS:
            yield from _files(entry, top)
        elif entry.is_file():
            yield entry.relative_to(top).as_posix(), entry.stat().st_size


def is_zip(path: Path) -> bool:
    """Return whether a file is a zip: by its extension .zip, or else by its first bytes."""
    extension = path.suffix.lower()
    if extension in (".zip", ".car") or not path.is_file():
        return extension == ".zip" and path.is_file()
    try:
        with path.open("rb") as stream:
            return stream.read(4) == b"PK\x03\x04"
    except OSError:
        return False


class ReadErrors:
    """A context that turns errors of damaged files into SpecError with a clear sentence."""

    def __init__(self, label: str) -> None:
        """`label` names the file in messages."""
        self.label = label

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UnicodeDecodeError):
            byte = error.object[error.start]  # its offset in the file is not known here
            raise SpecError(
                f"{self.label} is not UTF-8 text (byte 0x{byte:02x}).",
                "It was damaged or changed; take a fresh copy.",
            ) from error
        if isinstance(error, zipfile.BadZipFile | zlib.error | EOFError):
            raise SpecError(
                f"{self.label} is damaged: {error}.", "Download the archive again."
            ) from error
        if isinstance(error, PermissionError):
            raise SpecError(
                f"No permission to read {self.label}.",
                "Change its permissions, or copy it to where you may read it.",
            ) from error
        if isinstance(error, OSError):
            raise SpecError(
                f"{self.label} can't be read: {error.strerror or error}.",
                "Check the file, or take a fresh copy.",
            ) from error
        is_unsupported = isinstance(error, NotImplementedError | RuntimeError)
        if is_unsupported and not isinstance(error, RecursionError):
            raise SpecError(
                f"{self.label} can't be unpacked: {error}.",
                "Unpack it with your system's tool and give the folder.",
            ) from error
