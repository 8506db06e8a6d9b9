"""CAR files, version 1: a sequence of blocks, each preceded by its length and its CID (a hash).

Blocks are read in place, so that memory stays small.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from pathlib import Path
from typing import IO, Any, Self

from popinjay.errors import SpecError

AGAIN = "Export it again, to the end."
MAX_BLOCK = 2 << 20  # bytes; servers accept records of one MiB
MAX_BLOCKS = 5_000_000  # some 250 MB of index
CID_BYTES = 36
# CID prefixes: version 1, DAG-CBOR or raw bytes, SHA-256 of 32 bytes
_CIDS = (b"\x01\x71\x12\x20", b"\x01\x55\x12\x20")
_OFFSET_BITS = 44
_VERSION_2 = b"\x0a\xa1\x67version\x02"  # the first bytes of version 2

_VERSION_1 = re.compile(rb"(?:[\x01-\x7f]|[\x80-\xff][\x01-\x7f])\xa2(?:eroots|gversion\x01)")


class Car:
    """The blocks of a CAR file by their CIDs, read inside `with car:`.

    Opening a file reads it once and checks every block against its CID. The index is one integer
    per block: the first 8 bytes of its hash, followed by its offset.
    """

    def __init__(self, path: Path) -> None:
        """Open and index a file. Raises SpecError if it is damaged or not a CAR file."""
        self.path = path
        self._size = path.stat().st_size
        self._index: list[int] = []
        with path.open("rb") as stream:
            self.root = self._root(stream)
            self._read_index(stream)
        self._stream: IO[bytes] | None = None
        self._contexts = 0  # how many `with` blocks are entered, as posts are read lazily

    def __enter__(self) -> Self:
        if self._stream is None:
            self._stream = self.path.open("rb")
        self._contexts += 1
        return self

    def __exit__(self, *error: object) -> None:
        self._contexts -= 1
        if not self._contexts and self._stream is not None:
            self._stream.close()
            self._stream = None

    def block(self, cid: bytes) -> bytes:
        """Return the content of a block. Raises SpecError if it is missing."""
        assert self._stream is not None, "read blocks inside of `with car:`"
        prefix = int.from_bytes(cid[4:12])
        position = bisect_left(self._index, prefix << _OFFSET_BITS)
        while position < len(self._index) and self._index[position] >> _OFFSET_BITS == prefix:
            self._stream.seek(self._index[position] & ((1 << _OFFSET_BITS) - 1))
            data = self._stream.read(self._length(self._stream))
            content = data[CID_BYTES:]
            # the hash is checked again, as the file may have changed since it was opened
            if data[:CID_BYTES] == cid and hashlib.sha256(content).digest() == cid[4:]:
                return content
            position += 1
        raise SpecError(
            f"{self.path.name} is incomplete: a block that it refers to is missing.", AGAIN
        )

    def _root(self, stream: IO[bytes]) -> bytes:
        """Return the root CID that the header names."""
        start = stream.read(len(_VERSION_2))
        if start == _VERSION_2:
            raise SpecError(
                f"{self.path.name} is a CAR file of version 2.",
                "Bluesky exports version 1: give the file as it was downloaded.",
            )
        stream.seek(0)
        try:
            header = decoded(stream.read(self._length(stream)))
            roots = header["roots"]
            if header["version"] == 1 and isinstance(roots[0], bytes) and is_cid(roots[0]):
                return roots[0]
        except (SpecError, ValueError, TypeError, LookupError):
            pass
        raise SpecError(
            f"{self.path.name} is not a CAR file, despite its name.",
            "Give the file as Bluesky's settings export it.",
        )

    def _read_index(self, stream: IO[bytes]) -> None:
        while (offset := stream.tell()) < self._size:
            data = stream.read(self._length(stream))
            if data[:4] not in _CIDS:
                raise self._damaged(offset, "a block has no CID of a kind that Bluesky writes")
            if hashlib.sha256(data[CID_BYTES:]).digest() != data[4:CID_BYTES]:
                raise self._damaged(offset, "a block does not match its CID")
            if len(self._index) == MAX_BLOCKS:
                raise SpecError(
                    f"{self.path.name} holds over {MAX_BLOCKS:,} records, more than any account.",
                    "Don't trust this file.",
                )
            self._index.append(int.from_bytes(data[4:12]) << _OFFSET_BITS | offset)
        self._index.sort()

    def _length(self, stream: IO[bytes]) -> int:
        """Read the length of the next block (a varint), and check that the file holds as much."""
        offset = stream.tell()
        length = 0
        for shift in range(0, 28, 7):
            byte = stream.read(1)
            if not byte:
                raise self._cut_off()
            length |= (byte[0] & 0x7F) << shift
            if byte[0] < 0x80:
                break
        else:
            length = MAX_BLOCK + 1
        if not 0 < length <= MAX_BLOCK:
            raise self._damaged(offset, "a block has an impossible length")
        if stream.tell() + length > self._size:
            raise self._cut_off()
        return length

    def _damaged(self, offset: int, reason: str) -> SpecError:
        return SpecError(
            f"{self.path.name} is damaged at byte {offset:,}: {reason}.", "Export it again."
        )

    def _cut_off(self) -> SpecError:
        return SpecError(f"{self.path.name} was cut off: its end is missing.", AGAIN)


def is_car(path: Path) -> bool:
    """Return whether a file starts with the header of a CAR file of version 1."""
    try:
        with path.open("rb") as stream:
            start = stream.read(64)
    except OSError:
        return False
    return _VERSION_1.match(start) is not None


def is_cid(value: Any) -> bool:
    """Return whether a value can be the CID of a DAG-CBOR block."""
    return isinstance(value, bytes) and len(value) == CID_BYTES and value[:4] == _CIDS[0]


def decoded(data: bytes) -> Any:
    """Decode DAG-CBOR. Raises ValueError if it is malformed."""
    import libipld

    try:
        return libipld.decode_dag_cbor(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
