"""Files on the disk: what they hold as a hash, that they really are there, and what the disk refuses in words."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from popinjay.errors import PopinjayError, StorageError

_CUT = re.compile(
    r"\d+ requested and \d+ written|[Nn]o space left|disk is full"
)  # numpy, zip and SQLite: without a number


@contextlib.contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn the disk's refusals into StorageError."""
    try:
        yield
    except PopinjayError:
        raise
    except Exception as error:
        in_words = re.search(r"\(os error (\d+)\)", str(error))  # how safetensors tells it
        number = error.errno if isinstance(error, OSError) else None
        if number is None:
            number = (
                int(in_words[1]) if in_words else errno.ENOSPC if _CUT.search(str(error)) else None
            )
        if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageError(
                f"The disk is full: {doing} could not be written.",
                "Free some space and run the same again: what is done is kept.",
            ) from error
        if number in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(
                f"No permission to write {doing}.",
                "Choose another folder with --home, or POPINJAY_HOME.",
            ) from error
        if number in (errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EIO):
            raise StorageError(
                f"{doing} can't be written: {os.strerror(number)}.",
                "Choose another folder with --home, or POPINJAY_HOME.",
            ) from error
        raise


ABANDONED_SECONDS = (
    86_400.0  # after which a half-written file is nobody's, whoever has its writer's number by now
)
_OF_PROCESS = re.compile(r"\..+\.(\d+)\.partial")


def partial_of(path: Path) -> Path:
    """Return where to write a file that several processes may be making at once, until it is whole."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def sweep_partials(folder: Path) -> None:
    """Remove what killed processes left half-written in a folder, by the name that `partial_of` gives."""
    with contextlib.suppress(OSError):
        for path in folder.glob(".*.partial"):
            found = _OF_PROCESS.fullmatch(path.name)
            with contextlib.suppress(OSError):
                if found and (
                    not _is_alive(int(found[1]))
                    or time.time() - path.stat().st_mtime > ABANDONED_SECONDS
                ):
                    path.unlink()


def _is_alive(process: int) -> bool:
    """Return whether a process of this number is there; where that can't be asked without harm, that it is."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


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
