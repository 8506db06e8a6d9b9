"""Which of a persona's files may be passed on, and all of them as one zip."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from popinjay.server.api_error import ApiError
from popinjay.store.run import ENGINE_FOLDER, PREVIOUS_REPORT, RECORD, SHARED_REPORT
from popinjay.store.stage_table import IMAGES, PICTURE_FILE

BLOCK_BYTES = 2**20
ZIP64_BYTES = 2**31 - 1
MODEL_FOLDER = "model/"
COMPRESSIBLE = (".html", ".json", ".jsonl", ".md", ".svg", ".toml", ".txt")


class Group(StrEnum):
    """Who may have a file."""

    SHARE = "share"  # everyone: it holds no post of the author
    MODEL = "model"  # whoever may have the model
    RECORD = "record"  # how it was made: settings, curves, numbers
    PRIVATE = "private"  # it holds posts, or nobody knows what


SHARED = (Group.SHARE, Group.MODEL)
_SHARE = ("README.md", PICTURE_FILE, SHARED_REPORT)
_RECORD = (RECORD, "metrics.jsonl", "report.json", PREVIOUS_REPORT)


class FoundFile(NamedTuple):
    """A file of a persona."""

    name: str  # its path in the persona's folder
    path: Path
    group: Group


def group_of(name: str) -> Group:
    """Return the group of a file, by its path in the persona's folder."""
    if name in _SHARE or name.startswith(f"{IMAGES}/"):
        return Group.SHARE
    if name.startswith(MODEL_FOLDER):
        return Group.MODEL
    if name in _RECORD or name.startswith(f"{ENGINE_FOLDER}/"):
        return Group.RECORD
    return Group.PRIVATE


def files_in(folder: Path) -> list[FoundFile]:
    """Return a persona's files, sorted by name; neither hidden ones nor links."""
    found = []
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for file in (Path(top, name) for name in names if not name.startswith(".")):
            if file.is_file() and not file.is_symlink():
                name = file.relative_to(folder).as_posix()
                found.append(FoundFile(name, file, group_of(name)))
    return sorted(found)


def file_inside(folder: Path, path: str) -> Path:
    """Return a file by its path in a folder.

    Raises ApiError if it does not exist, is hidden, or lies outside of the folder.
    """
    missing = ApiError(404, "There is no such file.", "See /files for a list of them.")
    parts = path.split("/")
    if any(not part or part.startswith(".") or "\\" in part or "\x00" in part for part in parts):
        raise missing
    try:
        found = folder.joinpath(*parts).resolve(strict=True)
        root = folder.resolve()
    except (OSError, ValueError):
        raise missing from None
    if not found.is_relative_to(root) or not found.is_file():
        raise missing
    return found


class _Sink:
    """The end of a zip that nothing can be sought in: what was written waits to be sent."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []

    def write(self, block: bytes) -> int:
        self._blocks.append(bytes(block))
        return len(block)

    def flush(self) -> None:
        """Do nothing: `zipfile` expects it."""

    def take(self) -> bytes:
        taken, self._blocks = b"".join(self._blocks), []
        return taken


def zipped(files: Iterable[FoundFile], top: str) -> Iterator[bytes]:
    """Yield a zip of files below a folder `top`, piece by piece and never held as a whole.

    Files that were removed meanwhile are left out.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:  # type: ignore[call-overload]
        for file in files:
            try:
                info = zipfile.ZipInfo.from_file(
                    file.path, f"{top}/{file.name}", strict_timestamps=False
                )
                source = file.path.open("rb")
            except OSError:
                continue
            if file.path.suffix in COMPRESSIBLE:
                info.compress_type = zipfile.ZIP_DEFLATED
            is_large = info.file_size > ZIP64_BYTES
            with source, archive.open(info, "w", force_zip64=is_large) as target:
                while block := source.read(BLOCK_BYTES):
                    target.write(block)
                    yield sink.take()
    yield sink.take()
