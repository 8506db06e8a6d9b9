"""Files on the disk: hashes, writing completely or not at all, and the disk's errors in words."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from popinjay.errors import PopinjayError, StorageError

# What numpy, zip and SQLite say of a full disk, without an error number.
_CUT = re.compile(r"\d+ requested and \d+ written|[Nn]o space left|disk is full")


@contextlib.contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Raise StorageError for what the disk refuses; `doing` names what was to be written."""
    try:
        yield
    except PopinjayError:
        raise
    except Exception as error:
        in_words = re.search(r"\(os error (\d+)\)", str(error))  # as safetensors says it
        number = error.errno if isinstance(error, OSError) else None
        if number is None:
            number = (
                int(in_words[1]) if in_words else errno.ENOSPC if _CUT.search(str(error)) else None
            )
        if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageError(
                f"The disk is full: {doing} could not be written.",
                "Free some space and run the same again: what is done is kept.",
                page_hint="Free some space and try again: what is done is kept.",
            ) from error
        if number in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(
                f"No permission to write {doing}.",
                "Choose another folder with --home, or POPINJAY_HOME.",
                page_hint="Change the permissions of popinjay's folder, or the folder.",
            ) from error
        if number in (errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EIO):
            raise StorageError(
                f"{doing} can't be written: {os.strerror(number)}.",
                "Choose another folder with --home, or POPINJAY_HOME.",
                page_hint="Change the permissions of popinjay's folder, or the folder.",
            ) from error
        raise


# After this time a partial file is abandoned, even if its writer's process id is in use again.
ABANDONED_SECONDS = 86_400.0
_OF_PROCESS = re.compile(r"\..+\.(\d+)\.partial")


def atomic_write(path: Path, content: bytes | str, *, mode: int = 0o666) -> None:
    """Write a file completely or not at all; text is encoded as UTF-8.

    The file is on the disk when this returns. Raises OSError, and then the file is as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    with replacing(path) as partial:
        # O_EXCL: a link that was put in this place is not followed.
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield where to write a file that replaces `path` if, and only if, the body succeeds.

    Several processes may replace the same file at once: the last one counts. What killed processes
    left behind in the folder is removed. With `durable` the file is on the disk afterwards.
    """
    sweep_partials(path.parent)
    partial = partial_of(path)
    partial.unlink(missing_ok=True)
    try:
        yield partial
        move_into_place(partial, path, durable=durable)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def move_into_place(partial: Path, path: Path, *, durable: bool = True) -> None:
    """Give a complete file its name; with `durable` it is on the disk afterwards."""
    if durable:
        sync(partial)
    partial.replace(path)
    if durable:
        sync_folder(path.parent)


def append_json_line(path: Path, row: Mapping[str, Any], *, durable: bool = True) -> None:
    """Append an object as a JSON line, completely or not at all.

    If the last line has no end, because of a killed process or a text editor, it is ended first.
    With `durable` the line is on the disk afterwards. Raises OSError.
    """
    with path.open("a+b", buffering=0) as file:
        before = file.seek(0, os.SEEK_END)
        line = (json.dumps(row, ensure_ascii=False) + "\n").encode()
        if before:
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                line = b"\n" + line
        try:
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if durable:
                os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(before)
            raise


def partial_of(path: Path) -> Path:
    """Return the temporary name of a file that several processes may be writing at once."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def is_being_written(path: Path) -> bool:
    """Return whether a path is a temporary name of `partial_of`, of a process that is alive."""
    found = _OF_PROCESS.fullmatch(path.name)
    if found is None or not _is_alive(int(found[1])):
        return False
    return time.time() - path.lstat().st_mtime <= ABANDONED_SECONDS


def sweep_partials(folder: Path) -> None:
    """Remove the temporary files of `partial_of` that killed processes left in a folder."""
    with contextlib.suppress(OSError):
        for path in folder.glob(".*.partial"):
            with contextlib.suppress(OSError):
                if _OF_PROCESS.fullmatch(path.name) and not is_being_written(path):
                    path.unlink()


def _is_alive(process: int) -> bool:
    """Return whether a process with this id exists; True if that can't be asked without harm."""
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
    """Return the SHA-256 of a file's content, or of a folder's file names and contents."""
    if path.is_dir():
        whole = hashlib.sha256()
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            whole.update(f"{file.relative_to(path).as_posix()}\0{content_hash(file)}\n".encode())
        return whole.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Flush a file, or all files of a folder, to the disk."""
    for file in path.rglob("*") if path.is_dir() else (path,):
        if file.is_file():
            with file.open("rb+") as stream:
                os.fsync(stream.fileno())


def sync_folder(path: Path) -> None:
    """Flush a folder's list of files to the disk."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
