"""Uploads: archives and files of posts, streamed to the disk, bounded in size, never opened here.

HOME/.uploads/ID/ada.zip    named `.partial` until it is complete
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
MAX_BYTES = 64 * 2**30
RESERVE_BYTES = 2**30  # of the disk, left free for what is made from the upload
BLOCK_BYTES = 2**20  # written at once
MAX_NAME_BYTES = 200
KEEP_SECONDS = 24 * 3600.0  # if no job needs it: an archive contains more than posts
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f/\\\\\ud800-\udfff]")


class Upload(BaseModel):
    """An uploaded file."""

    upload: str
    name: str
    bytes: int


class Uploads:
    """The folder of the uploads."""

    def __init__(
        self, home: Path, max_bytes: int = MAX_BYTES, reserve: int = RESERVE_BYTES
    ) -> None:
        self._folder = home / UPLOADS
        self._max_bytes = max_bytes
        self._reserve = reserve

    def available_bytes(self) -> int:
        """Return how many bytes an upload may have now."""
        parents = (self._folder, *self._folder.parents)
        existing = next(folder for folder in parents if folder.is_dir())
        return max(0, min(self._max_bytes, shutil.disk_usage(existing).free - self._reserve))

    def check(self, length: int) -> None:
        """Raise ApiError if an upload of this many bytes is too large."""
        if length > self._max_bytes:
            raise ApiError(
                413,
                f"The file is larger than {size(self._max_bytes)}.",
                "An archive of posts alone is smaller: leave pictures and videos out of it.",
            )
        if length > self.available_bytes():
            raise ApiError(
                507,
                f"There is not enough space: at most {size(self.available_bytes())} "
                "can be uploaded.",
                "Free some space on the disk.",
            )

    def begin(self) -> Path:
        """Create the folder of a new upload."""
        folder = self._folder / secrets.token_hex(8)
        with storage_errors(str(folder)):
            folder.mkdir(parents=True, mode=0o700)
        return folder

    def finish(self, folder: Path, name: str) -> Upload:
        """Give a complete upload its name."""
        with storage_errors(str(folder)):
            move_into_place(folder / PARTIAL, folder / name, durable=False)
        return Upload(upload=folder.name, name=name, bytes=(folder / name).stat().st_size)

    def add_copy(self, name: str, content: IO[bytes]) -> Upload:
        """Add a copy of an open file, as if it had been uploaded."""
        folder = self.begin()
        try:
            with storage_errors("the upload"), (folder / PARTIAL).open("wb") as file:
                shutil.copyfileobj(content, file)
            return self.finish(folder, name)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def file(self, id: str) -> Path:
        """Return the file of an upload. Raises ApiError if it does not exist (any more)."""
        folder = self._folder / id
        found = (
            [path for path in folder.iterdir() if path.name != PARTIAL]
            if ID.fullmatch(id) and folder.is_dir()
            else []
        )
        if not found:
            raise ApiError(404, f"There is no upload {id[:100]!r}.", "Upload the file again.")
        return found[0]

    def remove(self, id: str) -> None:
        """Remove an upload. Raises ApiError if it does not exist."""
        if not ID.fullmatch(id) or not (self._folder / id).is_dir():
            raise ApiError(404, f"There is no upload {id[:100]!r}.")
        shutil.rmtree(self._folder / id, ignore_errors=True)

    def sweep(self, needed: Iterable[str], *, remove_partial: bool = False) -> None:
        """Remove old uploads that no job needs.

        With `remove_partial`, incomplete uploads are removed too, whatever their age; only if no
        upload can be under way.
        """
        kept = set(needed)
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            is_partial = (folder / PARTIAL).exists()
            is_old = time.time() - folder.stat().st_mtime > KEEP_SECONDS
            if folder.name not in kept and (remove_partial if is_partial else is_old):
                shutil.rmtree(folder, ignore_errors=True)


def check_file_name(name: str) -> str:
    """Return the name of an uploaded file. Raises ApiError unless it is a plain file name."""
    if (
        name in (".", "..", PARTIAL)
        or _FORBIDDEN.search(name)
        or not 0 < len(name.encode("utf-8", "replace")) <= MAX_NAME_BYTES
    ):
        raise ApiError(
            422,
            "This file name is not allowed.",
            "Rename the file with letters, digits, '-', '_' and '.', and keep its extension.",
        )
    return name


async def receive(
    uploads: Uploads, name: str, declared: int | None, chunks: AsyncIterator[bytes]
) -> Upload:
    """Write an upload to the disk. If anything stops it, nothing of it remains.

    Args:
        uploads: Where it goes.
        name: The file's name.
        declared: The length that the client announced, in bytes; None if it announced none.
        chunks: The content, as it is received.
    """
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
    count = 0
    buffered = bytearray()
    async for chunk in chunks:
        buffered += chunk
        count += len(chunk)
        if len(buffered) >= BLOCK_BYTES:
            uploads.check(count)
            await run_in_threadpool(_write, file, bytes(buffered))
            buffered.clear()
    uploads.check(count)
    await run_in_threadpool(_write, file, bytes(buffered))
    if not count:
        raise ApiError(422, "The file is empty.", "Choose another.")


def _write(file: IO[bytes], block: bytes) -> None:
    view = memoryview(block)
    with storage_errors("the upload"):
        while view:
            view = view[file.write(view) or 0 :]
