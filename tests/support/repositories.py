"""Build Bluesky repositories for tests: commit, tree and records as a server writes them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import libipld

DID = "did:plc:ada00000000000000000000a"
POST = "app.bsky.feed.post"
_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"
_FIRST = 1_730_000_000_000_000  # October 2024, in microseconds

Blocks = dict[bytes, bytes]


def tid(number: int) -> str:
    """Return a record's key, a minute after the one before it."""
    value = (_FIRST + number * 60_000_000) << 10
    return "".join(_DIGITS[value >> shift & 31] for shift in range(60, -1, -5))


def bsky_post(text: str, number: int = 0, **more: Any) -> tuple[str, dict[str, Any]]:
    """Return a post with its path. `more` adds or overrides fields."""
    minute = f"2024-10-27T{3 + number // 60 % 20:02d}:{number % 60:02d}:00.000Z"
    return f"{POST}/{tid(number)}", {
        "$type": POST,
        "text": text,
        "createdAt": minute,
        "langs": ["en"],
        **more,
    }


def many(count: int) -> dict[str, Any]:
    """Return so many posts, by path."""
    return dict(bsky_post(f"the tide came in for the {n}th time", n) for n in range(count))


def link(text: str, shown: str, uri: str) -> dict[str, Any]:
    """Return the facet of this part of the text."""
    begin = len(text[: text.index(shown)].encode())
    return facet(begin, begin + len(shown.encode()), uri)


def facet(begin: Any, end: Any, uri: Any) -> dict[str, Any]:
    return {
        "index": {"byteStart": begin, "byteEnd": end},
        "features": [{"$type": "app.bsky.richtext.facet#link", "uri": uri}],
    }


def put(blocks: Blocks, value: Any) -> bytes:
    """Add the block of a value; return its CID."""
    data = value if isinstance(value, bytes) else libipld.encode_dag_cbor(value)
    cid = b"\x01\x71\x12\x20" + hashlib.sha256(data).digest()
    blocks[cid] = data
    return cid


def _layer(path: bytes) -> int:
    bits = int.from_bytes(hashlib.sha256(path).digest())
    return (256 - bits.bit_length()) // 2


def tree(blocks: Blocks, records: Sequence[tuple[bytes, bytes]], layer: int | None = None) -> bytes:
    """Return the CID of the tree over paths and CIDs of records."""
    if layer is None:
        layer = max((_layer(path) for path, _ in records), default=0)
    own = [place for place, (path, _) in enumerate(records) if _layer(path) == layer]
    ends = [*own, len(records)]
    below = [
        records[begin:end]
        for begin, end in zip([0, *(place + 1 for place in own)], ends, strict=True)
    ]
    children = [tree(blocks, part, layer - 1) if part else None for part in below]
    entries = []
    before = b""
    for place, child in zip(own, children[1:], strict=True):
        path, cid = records[place]
        shared = next(
            (i for i, (a, b) in enumerate(zip(before, path, strict=False)) if a != b),
            min(len(before), len(path)),
        )
        entries.append({"p": shared, "k": path[shared:], "v": cid, "t": child})
        before = path
    return put(blocks, {"l": children[0], "e": entries})


def repository(
    records: Mapping[str, Any] | Iterable[tuple[str, Any]], did: str = DID
) -> tuple[bytes, Blocks]:
    """Return the commit's CID and all blocks of a repository."""
    blocks: Blocks = {}
    placed = sorted((path.encode(), put(blocks, record)) for path, record in dict(records).items())
    return commit(blocks, tree(blocks, placed), did), blocks


def commit(blocks: Blocks, root: bytes, did: str = DID) -> bytes:
    return put(
        blocks,
        {"did": did, "version": 3, "data": root, "rev": tid(9), "prev": None, "sig": bytes(64)},
    )


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def car(root: bytes, blocks: Mapping[bytes, bytes]) -> bytes:
    """Return the file of these blocks."""
    header = libipld.encode_dag_cbor({"version": 1, "roots": [root]})
    frames = [header, *(cid + data for cid, data in blocks.items())]
    return b"".join(varint(len(frame)) + frame for frame in frames)


def write_car(
    path: Path, records: Mapping[str, Any] | Iterable[tuple[str, Any]], did: str = DID
) -> Path:
    path.write_bytes(car(*repository(records, did)))
    return path
