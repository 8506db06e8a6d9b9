"""The index of a file of posts, kept on the disk: large files take a second to index."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from popinjay.post import read_rows
from popinjay.store.caches import SEAL, seal
from popinjay.store.files import atomic_write
from popinjay.text.verbatim_index import VERSION, VerbatimIndex

INDEX = "posts.index"  # of the posts that a model learnt, in the engine's folder


def index_of_file(
    posts: Path, kept: Path, min_holders: int, marked: VerbatimIndex | None = None
) -> VerbatimIndex:
    """Return the index of a file of posts, read from `kept` if it was made of the same posts.

    Args:
        posts: The file of posts, JSON lines with a `text`. Without it the index holds no post.
        kept: Where the index is kept, sealed, until the posts change.
        min_holders: As in `VerbatimIndex`.
        marked: Posts of another index that count as copied too; they are not kept in the file.
    """
    if not posts.exists():
        return VerbatimIndex(marked=marked)
    about = hashlib.blake2b(
        posts.read_bytes() + min_holders.to_bytes(8), digest_size=32, salt=VERSION
    ).digest()
    if (found := _read(kept, about, marked)) is not None:
        return found
    found = VerbatimIndex((row["text"] for row in read_rows(posts)), min_holders, marked=marked)
    _write(kept, about, found.to_bytes())
    return found


def _read(kept: Path, about: bytes, marked: VerbatimIndex | None) -> VerbatimIndex | None:
    """Return the index of exactly these posts; None unless this user on this machine wrote it."""
    with suppress(OSError, ValueError):
        stored = b"" if kept.is_symlink() or kept.parent.is_symlink() else kept.read_bytes()
        if stored and stored[:SEAL] == seal(b"index", about, stored[SEAL:]):
            return VerbatimIndex.from_bytes(stored[SEAL:], marked)
    return None


def _write(kept: Path, about: bytes, stored: bytes) -> None:
    mark = seal(b"index", about, stored)
    if mark is None or kept.parent.is_symlink():
        return
    with suppress(OSError):  # it only saves time
        kept.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(kept, mark + stored)
