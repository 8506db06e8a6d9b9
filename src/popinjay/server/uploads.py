"""Uploads: an archive or a file of posts, streamed to the disk as it comes, bounded, and never opened here.

HOME/.uploads/ID/ada.zip    under `.partial` until all of it is there
"""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import IO

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from popinjay.server.api_error import ApiError
from popinjay.server.jobs.job import UPLOADS
from popinjay.store.files import move_into_place, storage_errors
from popinjay.text.quantities import size

PARTIAL = ".partial"
ID = re.compile(r"[0-9a-f]{16}")
MOST_BYTES = 64 * 2**30
RESERVE = 2**30  # of the disk, left free for what is made of it
BLOCK = 2**20  # written at once
MOST_NAME = 200  # bytes
KEEP_SECONDS = 24 * 3600.0  # that nobody needs: an archive holds more than posts
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f/\\\\\ud800-\udfff]")


class Upload(BaseModel):
    """A file that was sent here."""

    upload: str
    name: str
    bytes: int


class Uploads:
    """The folder of what was sent here."""

    def __init__(self, home: Path, most_bytes: int = MOST_BYTES, reserve: int = RESERVE) -> None:
        self._folder = home / UPLOADS
        self._most = most_bytes
        self._reserve = reserve

    def room(self) -> int:
        """How many bytes an upload may have now."""
        there = next(folder for folder in (self._folder, *self._folder.parents) if folder.is_dir())
        return max(0, min(self._most, shutil.disk_usage(there).free - self._reserve))

    def check(self, length: int) -> None:
        """Raise Refused where that much is too much."""
        if length > self._most:
            raise ApiError(
                413,
                f"That is more than {size(self._most)}.",
                "An archive of posts alone is smaller: leave pictures and videos out of it.",
            )
        if length > self.room():
            raise ApiError(
                507,
                f"There is no room for it: {size(self.room())} can be taken.",
                "Free some space on the disk.",
            )

    def begin(self) -> Path:
        """A folder for a new upload."""
        folder = self._folder / secrets.token_hex(8)
        with storage_errors(str(folder)):
            folder.mkdir(parents=True, mode=0o700)
        return folder

    def finish(self, folder: Path, name: str) -> Upload:
        """Give what has come whole its name."""
        with storage_errors(str(folder)):
            move_into_place(folder / PARTIAL, folder / name, durable=False)
        return Upload(upload=folder.name, name=name, bytes=(folder / name).stat().st_size)

    def file(self, id: str) -> Path:
        """An upload's file. Raises Refused where there is none (any more)."""
        folder = self._folder / id
        found = (
            [path for path in folder.iterdir() if path.name != PARTIAL]
            if ID.fullmatch(id) and folder.is_dir()
            else []
        )
        if not found:
            raise ApiError(404, f"There is no upload {id[:100]!r}.", "Send the file once more.")
        return found[0]

    def remove(self, id: str) -> None:
        """Remove an upload. Raises Refused where there is none."""
        if not ID.fullmatch(id) or not (self._folder / id).is_dir():
            raise ApiError(404, f"There is no upload {id[:100]!r}.")
        shutil.rmtree(self._folder / id, ignore_errors=True)

    def sweep(self, needed: Iterable[str], *, cut_off: bool = False) -> None:
        """Remove those that nobody needs any more, and, where no upload can be under way, what was cut off."""
        kept = set(needed)
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            is_old = time.time() - folder.stat().st_mtime > KEEP_SECONDS
            if folder.name not in kept and (cut_off if (folder / PARTIAL).exists() else is_old):
                shutil.rmtree(folder, ignore_errors=True)


def checked_name(name: str) -> str:
    """A file's name that is no path. Raises Refused for others."""
    if (
        name in (".", "..", PARTIAL)
        or _FORBIDDEN.search(name)
        or not 0 < len(name.encode("utf-8", "replace")) <= MOST_NAME
    ):
        raise ApiError(
            422,
            "A file can't be named so.",
            "Rename it: letters, digits, '-', '_' and '.', with the ending that it had.",
        )
    return name


async def receive(
    uploads: Uploads, name: str, declared: int | None, chunks: AsyncIterator[bytes]
) -> Upload:
    """Write what comes to the disk. Whatever stops it, nothing is left of it."""
    uploads.check(declared or 0)
    folder = await run_in_threadpool(uploads.begin)
    try:
        with (folder / PARTIAL).open("wb", buffering=0) as file:
            await _write_all(uploads, file, chunks)
        return await run_in_threadpool(uploads.finish, folder, name)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


async def _write_all(uploads: Uploads, file: IO[bytes], chunks: AsyncIterator[bytes]) -> None:
    count, waiting = 0, bytearray()
    async for chunk in chunks:
        waiting += chunk
        count += len(chunk)
        if len(waiting) >= BLOCK:
            uploads.check(count)
            await run_in_threadpool(_write, file, bytes(waiting))
            waiting.clear()
    uploads.check(count)
    await run_in_threadpool(_write, file, bytes(waiting))
    if not count:
        raise ApiError(422, "That file is empty.", "Choose another.")


def _write(file: IO[bytes], block: bytes) -> None:
    view = memoryview(block)
    with storage_errors("the upload"):
        while view:
            view = view[file.write(view) or 0 :]
