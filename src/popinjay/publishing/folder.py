"""Publish into a folder, which is written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from popinjay.errors import PublishError
from popinjay.events import Event, EventKind, Listener
from popinjay.options import PublishOptions
from popinjay.publishing.destination import STAGE, File, Published
from popinjay.store.files import content_hash, storage_errors
from popinjay.store.folders import recover_folder, replacing_folder
from popinjay.store.record import Publication
from popinjay.store.run import Run
from popinjay.whose import KEEP_PRIVATE, MAY_BE_PUBLIC


class FolderDestination:
    """A folder: all that a destination has but its content."""

    prefix: ClassVar[str] = ""
    url: ClassVar[str | None] = None
    kept: ClassVar[tuple[str, ...]] = ()  # what of the user's own may lie in it, and stays

    def __init__(self, folder: str, run: Run) -> None:
        """Write nothing yet. Raises PublishError if it can't be such a folder."""
        self.run = run
        self.folder = checked_folder(folder, run)

    @property
    def to(self) -> str:
        """The destination as it is on record."""
        return f"{self.prefix}{self.folder}"

    def check(self, options: PublishOptions) -> None:
        """Check that the options suit a folder."""
        if options.private:
            raise PublishError(
                "--private is for the hub.",
                "Who may read a folder is set where the folder is.",
            )

    def connect(self, listener: Listener) -> None:
        """Contact nobody."""
        listener(Event(STAGE, EventKind.START, f"publishing to {self.folder}"))

    def send(self, wanted: Published, listener: Listener) -> Published:
        """Write the folder, whole or not at all.

        Raises PublishError if it holds something else, StorageError if it can't be written.
        """
        folder = self.folder
        with storage_errors(str(folder)):
            recover_folder(folder)
            if self._is_same(wanted.files):
                same = f"{folder} is this very version: nothing was written"
                listener(Event(STAGE, EventKind.DONE, same))
                return replace(wanted, changed=False)
            self._check_names()
            with replacing_folder(folder) as partial:
                _write(partial, wanted.files)
                self._keep(partial)
        if self.run.record.asked.whose not in MAY_BE_PUBLIC:
            listener(Event(STAGE, EventKind.WARNING, KEEP_PRIVATE))
        listener(Event(STAGE, EventKind.DONE, str(folder)))
        return wanted

    def _check_names(self) -> None:
        """Raise PublishError if the folder holds what this persona did not put there."""
        before = self.run.record.published.get(self.to, Publication())
        if strange := sorted(self._names() - set(before.files)):
            raise PublishError(
                f"{str(self.folder)!r} holds something that this persona did not put there: "
                f"{strange[0]!r}.",
                "Choose an empty folder, or one that is not there yet.",
            )

    def _names(self) -> set[str]:
        """Return the names of the files in the folder, but for those that stay."""
        names = (
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if not path.is_dir()
        )
        return {name for name in names if name.partition("/")[0] not in self.kept}

    def _is_same(self, files: Sequence[File]) -> bool:
        """Return whether the folder holds these files and nothing else."""
        if not self.folder.is_dir() or self._names() != {file.name for file in files}:
            return False
        return all(file.digest("sha256") == content_hash(self.folder / file.name) for file in files)

    def _keep(self, partial: Path) -> None:
        """Take over what stays into the folder that replaces this one."""
        for name in self.kept:
            old = self.folder / name
            if old.is_dir() and not old.is_symlink():
                shutil.copytree(old, partial / name, symlinks=True, copy_function=_link)
            elif old.exists():
                _link(str(old), str(partial / name))


def checked_folder(to: str, run: Run) -> Path:
    """Return the folder to publish into. Raises PublishError if it cannot be one."""
    if not to:
        raise PublishError("No folder is named.", "Give one, such as ./folder.")
    folder = Path(to).expanduser().resolve()
    if not folder.parent.is_dir():
        raise PublishError(
            f"There is no folder {str(folder.parent)!r} to put it in.",
            f"Make it first. For the hub, write: --to hub:{to}",
            page_hint="Make it first, or choose another one.",
        )
    if folder == run.path or run.path in folder.parents:
        raise PublishError(
            f"{str(folder)!r} is inside the persona's own folder.", "Choose a folder elsewhere."
        )
    if folder.exists() and not folder.is_dir():
        raise PublishError(f"{str(folder)!r} is a file.", "Give a folder.")
    return folder


def _write(folder: Path, files: Sequence[File]) -> None:
    """Write all files into a folder."""
    for file in files:
        (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(file.content, bytes):
            (folder / file.name).write_bytes(file.content)
        else:
            shutil.copyfile(file.content, folder / file.name)


def _link(old: str, new: str) -> None:
    """Give a file a second name, or copy it where the disk has no links.

    The first name goes soon. A copy of a repository's whole history would take time and room.
    """
    try:
        os.link(old, new, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(old, new, follow_symlinks=False)
