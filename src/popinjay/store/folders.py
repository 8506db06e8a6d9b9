"""Folders outside of a persona's own that are written completely or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from popinjay.store.files import sync, sync_folder


def recover_folder(folder: Path) -> None:
    """Undo what a process that was killed in `replacing_folder` left beside a folder."""
    partial, old = _partial(folder), _old(folder)
    if old.exists() and not folder.exists():  # stopped between the two renames
        old.rename(folder)
    for left in (partial, old):
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces `folder` if, and only if, the body succeeds.

    If the body writes nothing, `folder` stays as it was. Raises OSError.
    """
    recover_folder(folder)
    partial, old = _partial(folder), _old(folder)
    try:
        partial.mkdir(parents=True)
        yield partial
        if any(partial.iterdir()):
            sync(partial)
            if folder.exists():
                folder.rename(old)
            partial.rename(folder)
            sync_folder(folder.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def _partial(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.popinjay-partial")


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.popinjay-old")
