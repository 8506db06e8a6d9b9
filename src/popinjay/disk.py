"""Files on the disk: what they hold as a hash, that they really are there, and what the disk refuses in words."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from popinjay.errors import StorageError


@contextlib.contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn the disk's refusals into StorageError."""
    try:
        yield
    except Exception as error:
        in_words = re.search(r"\(os error (\d+)\)", str(error))  # how safetensors tells it
        number = error.errno if isinstance(error, OSError) else int(in_words[1]) if in_words else None
        if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageError(f"The disk is full: {doing} could not be written.", "Free some space and run the same again: what is done is kept.") from error
        if number in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(f"No permission to write {doing}.", "Choose another folder with --home, or POPINJAY_HOME.") from error
        if number in (errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EIO):
            raise StorageError(f"{doing} can't be written: {os.strerror(number)}.", "Choose another folder with --home, or POPINJAY_HOME.") from error
        raise


def content_hash(path: Path) -> str:
    """SHA-256 of a file's content, or of a folder's file names and contents."""
    if path.is_dir():
        whole = hashlib.sha256()
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            whole.update(f"{file.relative_to(path).as_posix()}\0{content_hash(file)}\n".encode())
        return whole.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sync(path: Path) -> None:
    """See a file, or all files of a folder, onto the disk."""
    for file in path.rglob("*") if path.is_dir() else (path,):
        if file.is_file():
            with file.open("rb+") as stream:
                os.fsync(stream.fileno())


def sync_folder(path: Path) -> None:
    """See what a folder lists onto the disk."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
