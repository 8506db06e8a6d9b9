"""Popinjay's own cache of the base models that it has converted or prepared.

A model is written to a hidden folder beside its final one, which is renamed when it is complete, so
that a process killed at any moment leaves nothing that looks like a model.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from popinjay.errors import BaseModelError, StorageError
from popinjay.events import Listener
from popinjay.models.bases.base import Base
from popinjay.store.caches import cache_root
from popinjay.store.files import storage_errors, sync, sync_folder
from popinjay.text.quantities import size

ORIGIN = "origin.json"  # written last: the model's origin, and the hashes of its files
REMOVALS = 100  # attempts to delete a folder that changes meanwhile, in five seconds
_ANOTHER_FOLDER = "Free some space, or choose another folder with POPINJAY_BASES."


class Cache:
    """The cache as a place."""

    def find(self, base: Base) -> Path | None:
        """Return the model's folder if it is complete."""
        folder = cache_root() / base.name
        return folder if (folder / ORIGIN).is_file() else None

    def fetch(self, base: Base, listener: Listener) -> Path | None:
        """Fetch nothing."""
        return None

    def remove(self, base: Base) -> bool:
        """Delete the model's folder."""
        folder = cache_root() / base.name
        with _locked(base.name):
            if not folder.is_dir():
                return False
            with _storage_errors(str(folder)):
                _discard(folder, _partial(base.name))
        return True


@contextlib.contextmanager
def making(base: Base, need_bytes: int = 0) -> Iterator[tuple[Path, Path]]:
    """Yield a folder to write a model into, and a scratch folder.

    The first becomes the model's folder if the context ends without an error; otherwise both are
    deleted. What a killed process left behind is deleted first. Raises StorageError if the disk is
    full or has less than `need_bytes` free, BaseModelError if another process is fetching it.
    """
    final = cache_root() / base.name
    partial = _partial(base.name)
    with _locked(base.name), _storage_errors(f"the base model {base.name}"):
        _discard(partial)
        free = shutil.disk_usage(cache_root()).free
        if free < need_bytes:
            raise StorageError(
                f"{base.name} takes {size(need_bytes)} while it is unpacked, "
                f"and {cache_root()} has {size(free)} free.",
                _ANOTHER_FOLDER,
            )
        folder = partial / "model"
        scratch = partial / "scratch"
        folder.mkdir(parents=True)
        scratch.mkdir()
        try:
            yield folder, scratch
            sync(folder)
            _discard(final)
            folder.rename(final)
            sync_folder(cache_root())
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _partial(name: str) -> Path:
    return cache_root() / f".{name}.partial"


def _discard(*folders: Path) -> None:
    """Delete folders, each with its origin first, so that no incomplete one looks complete."""
    for folder in folders:
        (folder / ORIGIN).unlink(missing_ok=True)
        _remove(folder)


def _remove(folder: Path) -> None:
    """Delete a folder, in which the pip of a killed download may still write and delete files."""
    for attempt in range(REMOVALS):
        try:
            if folder.is_dir():
                shutil.rmtree(folder)
            return
        except OSError as error:
            is_changing = error.errno in (errno.ENOENT, errno.ENOTEMPTY)
            if not is_changing or attempt == REMOVALS - 1:
                raise
            time.sleep(0.05)


@contextlib.contextmanager
def _locked(name: str) -> Iterator[None]:
    """Hold the lock of a model. Raises BaseModelError if another process holds it."""
    from filelock import FileLock, Timeout

    with _storage_errors(str(cache_root())):
        cache_root().mkdir(parents=True, exist_ok=True)
        lock = FileLock(cache_root() / f".{name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise BaseModelError(
                f"Another popinjay is fetching {name} right now.", "Wait until it has finished."
            ) from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _storage_errors(what: str) -> Iterator[None]:
    """Raise errors of the disk as StorageError, with a hint for the cache."""
    try:
        with storage_errors(what):
            yield
    except StorageError as error:
        raise StorageError(error.message, _ANOTHER_FOLDER) from error
