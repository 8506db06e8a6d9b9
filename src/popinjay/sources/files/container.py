"""A zip or a folder as one thing: names, sizes and bounded reading, nothing ever unpacked to disk."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from popinjay.errors import SpecError

MAX_BYTES = 16 * 2**30  # of one member, expanded: some twenty times the largest archive heard of
MAX_RATIO = 250  # expanded to packed; exports of posts come to 10 to 30
RATIO_FREE = 64 * 2**20  # bytes below which the ratio does not matter
MAX_ITEM = 16 * 2**20  # characters of one post's JSON
MAX_AVATAR = 8 << 20  # bytes; Mastodon takes 8 MB at most, X 2
MAX_LEVELS = 6  # folders under the one given: wrapper/wrapper/data/js/tweets, and some to spare
_CHUNK = 2**17  # characters read at a time: larger is no faster
_BETWEEN = re.compile(r"[ \t\r\n,]*")  # items of a list
_BETWEEN_MEMBERS = re.compile(r"[ \t\r\n,:]*")  # names and values of an object
_STALE = "Take a fresh copy of the archive."


class Container:
    """The files of a zip or a folder, by their names with forward slashes."""

    def __init__(self, path: Path) -> None:
        """Raises SpecError for a file that is no whole zip, or one whose names lead outside of it."""
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
                cut = stream.read(4) == b"PK\x03\x04"
            if cut:
                raise SpecError(
                    f"{path.name} is a zip that was cut off: its end is missing.",
                    "Download it again, to the end.",
                ) from error
            raise SpecError(
                f"{path.name} is not a zip file, whatever its name says.",
                "Give the archive as it was downloaded.",
            ) from error
        except (
            NotImplementedError,
            ValueError,
            OverflowError,
            struct.error,
        ) as error:  # all of which damage can bring about
            raise SpecError(
                f"{path.name} is damaged: its table of contents can't be read.",
                "Download it again.",
            ) from error
        for entry in self._zip.infolist():
            name = entry.filename.replace("\\", "/")  # as some tools of Windows write it
            parts = PurePosixPath(name)
            if parts.is_absolute() or ".." in parts.parts:
                raise SpecError(
                    f"{path.name} holds a file name that leads outside of it ({entry.filename!r}).",
                    "No real archive does; don't trust this one.",
                )
            if not name.endswith("/") and parts.parts[:1] != ("__MACOSX",):
                self._entries[str(parts)] = entry
                self._sizes[str(parts)] = entry.file_size

    @property
    def names(self) -> list[str]:
        """All files in it."""
        return list(self._sizes)

    def size(self, name: str) -> int:
        """Return how many bytes a file has, expanded."""
        return self._sizes[name]

    def check(self, name: str) -> None:
        """Raise SpecError where reading this file would be unreasonable."""
        size = self._sizes[name]
        packed = (
            min(self._entries[name].compress_size, self.path.stat().st_size) if self._zip else size
        )  # a header can lie
        if size > MAX_BYTES or (size > RATIO_FREE and size > MAX_RATIO * packed):
            raise SpecError(
                f"{self.path.name} would expand {name} from {packed / 2**20:.1f} MB to {size / 2**20:,.0f} MB, which no real archive does.",
                "This looks like a zip bomb. If it is yours and real, unpack it and give the folder.",
            )

    def open(self, name: str) -> IO[bytes]:
        """One file's bytes, expanded as they are read."""
        self.check(name)
        return self._zip.open(self._entries[name]) if self._zip else (self.path / name).open("rb")

    def text(self, name: str) -> IO[str]:
        """One file's text, decoded as it is read."""
        return io.TextIOWrapper(self.open(name), encoding="utf-8-sig", newline="")

    def fingerprint(self, names: list[str]) -> str:
        """A hash over these files: by their checksums in a zip (nothing is expanded), by their content in a folder."""
        whole = hashlib.sha256()
        for name in sorted(names):
            if self._zip:
                mark = f"{self._entries[name].CRC:08x}"
            else:
                with self.reading(name), (self.path / name).open("rb") as stream:
                    mark = hashlib.file_digest(stream, "sha256").hexdigest()
            whole.update(f"{name}\0{self._sizes[name]}\0{mark}\n".encode())
        return whole.hexdigest()

    def reading(self, name: str) -> ReadErrors:
        """Turns what can go wrong while reading this file into SpecError."""
        return ReadErrors(f"{name} in {self.path.name}")

    def avatar(self, name: str) -> bytes | None:
        """A file that is somebody's picture; None where it is too large for one, or can't be read."""
        with contextlib.suppress(SpecError), self.reading(name), self.open(name) as stream:
            data = stream.read(MAX_AVATAR + 1)
            if len(data) <= MAX_AVATAR:
                return data
        return None


def _files(folder: Path, top: Path) -> Iterator[tuple[str, int]]:
    """Names and sizes of the files some levels down: an export lies no deeper, and somebody's whole disk is not to be walked."""
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
    """Whether a file is a zip, by its name, or by its first bytes if its name says nothing else."""
    named = path.suffix.lower()
    if named in (".zip", ".car") or not path.is_file():
        return named == ".zip" and path.is_file()
    try:
        with path.open("rb") as stream:
            return stream.read(4) == b"PK\x03\x04"
    except OSError:
        return False


class ReadErrors:
    """A context in which a damaged file becomes one clear sentence."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UnicodeDecodeError):
            byte = error.object[error.start]  # where it is in the file is not known here
            raise SpecError(
                f"{self.what} is not UTF-8 text (byte 0x{byte:02x}).",
                "It was damaged or changed; take a fresh copy.",
            ) from error
        if isinstance(error, zipfile.BadZipFile | zlib.error | EOFError):
            raise SpecError(
                f"{self.what} is damaged: {error}.", "Download the archive again."
            ) from error
        if isinstance(error, PermissionError):
            raise SpecError(
                f"No permission to read {self.what}.",
                "Change its permissions, or copy it to where you may read it.",
            ) from error
        if isinstance(error, OSError):
            raise SpecError(
                f"{self.what} can't be read: {error.strerror or error}.",
                "Check the file, or take a fresh copy.",
            ) from error
        if isinstance(error, NotImplementedError | RuntimeError) and not isinstance(
            error, RecursionError
        ):
            raise SpecError(
                f"{self.what} can't be unpacked: {error}.",
                "Unpack it with your system's tool and give the folder.",
            ) from error


def as_object(value: Any) -> dict[str, Any]:
    """The value where it is an object, or else an empty one."""
    return value if isinstance(value, dict) else {}


def array_items(text: IO[str], what: str, begun: str = "") -> Generator[Any, None, str]:
    """The items of a JSON array whose opening bracket has been read, one at a time, in little memory.

    `begun` is what was read behind the bracket already; what was read behind the array is returned. Raises SpecError that
    names `what` and the item where the JSON is broken.
    """
    decoder = json.JSONDecoder()
    buffer, position, count = begun or text.read(_CHUNK), 0, 0
    while True:
        position = _BETWEEN.match(buffer, position).end()  # type: ignore[union-attr]
        if position < len(buffer) and buffer[position] == "]":
            return buffer[position + 1 :]
        try:
            item, position = decoder.raw_decode(buffer, position)
        except (ValueError, RecursionError) as error:
            rest = buffer[position:]
            more = (
                ""
                if len(rest) > MAX_ITEM or isinstance(error, RecursionError)
                else text.read(max(len(rest), _CHUNK))
            )
            if not more:
                raise SpecError(
                    f"{what} is broken after {count:,} posts: its JSON can't be read.", _STALE
                ) from error
            buffer, position = rest + more, 0
            continue
        count += 1
        yield item


class _Members:
    """The inside of a JSON object, read piece by piece."""

    def __init__(self, text: IO[str], what: str) -> None:
        self.text, self.what = text, what
        self.buffer, self.position = "", 0

    def next(self) -> str:
        """The next character that is not between two things; none at the end."""
        while True:
            self.position = _BETWEEN_MEMBERS.match(self.buffer, self.position).end()  # type: ignore[union-attr]
            if self.position < len(self.buffer):
                return self.buffer[self.position]
            self.buffer, self.position = self.text.read(_CHUNK), 0
            if not self.buffer:
                return ""

    def value(self) -> Any:
        """The value that begins here."""
        while True:
            error: Exception | None = None
            try:
                value, end = json.JSONDecoder().raw_decode(self.buffer, self.position)
            except (ValueError, RecursionError) as caught:
                error, end = caught, len(self.buffer)
            if end < len(self.buffer):  # at the very end a number may go on
                self.position = end
                return value
            rest = self.buffer[self.position :]
            more = (
                ""
                if len(rest) > MAX_ITEM or isinstance(error, RecursionError)
                else self.text.read(max(len(rest), _CHUNK))
            )
            if not more:
                raise SpecError(
                    f"{self.what} is broken: its JSON can't be read.", _STALE
                ) from error
            self.buffer, self.position = rest + more, 0


def listed_items(text: IO[str], key: str, what: str) -> Iterator[Any]:
    """The items of the lists under a key of a JSON object, one at a time, in little memory; its other values are passed over.

    A key may come twice: Mastodon writes an empty list before the full one. Raises SpecError where the JSON is broken, or is no such object.
    """
    inside = _Members(text, what)
    if inside.next() != "{":
        raise SpecError(f"{what} is no JSON object.", _STALE)
    inside.position += 1
    found = False
    while (character := inside.next()) == '"':
        if inside.value() == key and inside.next() == "[":
            found = True
            begun, inside.position = inside.buffer[inside.position + 1 :], 0
            inside.buffer = yield from array_items(text, what, begun)
        else:
            inside.next()
            inside.value()
    if character != "}":
        raise SpecError(f"{what} is broken: its JSON can't be read to its end.", _STALE)
    if not found:
        raise SpecError(
            f"{what} holds no list of posts ({key}).", "Give the export as the server made it."
        )
