"""CAR files, version 1: blocks, each behind its length and its CID, which is a hash of it. Read in place, in little memory."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from pathlib import Path
from typing import IO, Any

from popinjay.errors import SpecError

AGAIN = "Export it again, to the end."
MAX_BLOCK = 2 << 20  # bytes; servers take records of one MiB
MAX_BLOCKS = 5_000_000  # some 250 MB of index
CID_BYTES = 36
_CIDS = (
    b"\x01\x71\x12\x20",
    b"\x01\x55\x12\x20",
)  # version 1, DAG-CBOR or raw bytes, SHA-256 of 32 bytes
_OFFSET_BITS = 44
_SECOND = b"\x0a\xa1\x67version\x02"  # how version 2 begins

_FIRST = re.compile(rb"(?:[\x01-\x7f]|[\x80-\xff][\x01-\x7f])\xa2(?:eroots|gversion\x01)")


class Car:
    """The blocks of a CAR file by their CIDs.

    Opening it reads it once and checks every block against its CID. What is kept is one number a block: the beginning of its hash, then
    where it lies.
    """

    def __init__(self, path: Path) -> None:
        """Raises SpecError where it is none, or damaged."""
        self.path = path
        self._size = path.stat().st_size
        self._index: list[int] = []
        with path.open("rb") as stream:
            self.root = self._root(stream)
            self._read_index(stream)
        self._stream = path.open("rb")

    def __del__(self) -> None:
        if stream := getattr(self, "_stream", None):
            stream.close()

    def block(self, cid: bytes) -> bytes:
        """The bytes of this CID's block. Raises SpecError where it is missing."""
        start = int.from_bytes(cid[4:12]) << _OFFSET_BITS
        place = bisect_left(self._index, start)
        while (
            place < len(self._index) and self._index[place] >> _OFFSET_BITS == start >> _OFFSET_BITS
        ):
            self._stream.seek(self._index[place] & ((1 << _OFFSET_BITS) - 1))
            data = self._stream.read(self._length(self._stream))
            if (
                data[:CID_BYTES] == cid and hashlib.sha256(data[CID_BYTES:]).digest() == cid[4:]
            ):  # it may have been written to since it was opened
                return data[CID_BYTES:]
            place += 1
        raise SpecError(
            f"{self.path.name} is not whole: a block that it refers to is missing.", AGAIN
        )

    def _root(self, stream: IO[bytes]) -> bytes:
        """The CID that the header names as the beginning of all."""
        start = stream.read(len(_SECOND))
        if start == _SECOND:
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
            f"{self.path.name} is no CAR file, whatever its name says.",
            "Give the file as Bluesky's settings export it.",
        )

    def _read_index(self, stream: IO[bytes]) -> None:
        while (offset := stream.tell()) < self._size:
            data = stream.read(self._length(stream))
            if data[:4] not in _CIDS:
                raise self._damaged(offset, "a block has no CID as Bluesky writes it")
            if hashlib.sha256(data[CID_BYTES:]).digest() != data[4:CID_BYTES]:
                raise self._damaged(offset, "a block is not what its CID says")
            if len(self._index) == MAX_BLOCKS:
                raise SpecError(
                    f"{self.path.name} holds more than {MAX_BLOCKS:,} records, which no account has.",
                    "Don't trust this file.",
                )
            self._index.append(int.from_bytes(data[4:12]) << _OFFSET_BITS | offset)
        self._index.sort()

    def _length(self, stream: IO[bytes]) -> int:
        """The length of what comes next (a varint), which is known to be there."""
        offset, length = stream.tell(), 0
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
            raise self._damaged(offset, "a block has a length that none can have")
        if stream.tell() + length > self._size:
            raise self._cut_off()
        return length

    def _damaged(self, offset: int, why: str) -> SpecError:
        return SpecError(
            f"{self.path.name} is damaged at byte {offset:,}: {why}.", "Export it again."
        )

    def _cut_off(self) -> SpecError:
        return SpecError(f"{self.path.name} was cut off: its end is missing.", AGAIN)


def is_car(path: Path) -> bool:
    """Whether a file is a CAR file of version 1, by how its header begins."""
    try:
        with path.open("rb") as stream:
            start = stream.read(64)
    except OSError:
        return False
    return _FIRST.match(start) is not None


def is_cid(value: Any) -> bool:
    """Whether this can be the CID of a block of DAG-CBOR."""
    return isinstance(value, bytes) and len(value) == CID_BYTES and value[:4] == _CIDS[0]


def decoded(data: bytes) -> Any:
    """A value from DAG-CBOR. Raises ValueError where it is none."""
    import libipld

    try:
        return libipld.decode_dag_cbor(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
