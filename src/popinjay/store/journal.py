"""Several files of a persona changed together: all of them or none, even if the process is killed.

New contents are prepared in a folder beside the files. Renaming that folder commits the change: if
the process is killed before, nothing has happened; if it is killed after, the next process that
holds the persona's lock does the rest.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from popinjay.errors import PersonaError
from popinjay.store.files import storage_errors, sync, sync_folder
from popinjay.store.run import RECORD, Run

_PREPARED = ".change.partial"
_COMMITTED = ".change"
_GONE = "gone.json"


class Change:
    """New contents for a persona's folder. Raises StorageError if they can't be written."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._folder = run.path / _PREPARED
        self._gone: list[str] = []
        shutil.rmtree(self._folder, ignore_errors=True)
        with storage_errors(str(self._folder)):
            (self._folder / "new").mkdir(parents=True)

    def path(self, name: str) -> Path:
        """Return where to write the new content of `name`."""
        return self._folder / "new" / name

    def remove(self, name: str) -> None:
        """Remove a file or folder as part of the change."""
        self._gone.append(name)

    def commit(self) -> None:
        """Make the change."""
        with storage_errors(str(self._run.path)):
            (self._folder / _GONE).write_text(json.dumps(self._gone), encoding="utf-8")
            sync(self._folder)
            self._folder.rename(self._run.path / _COMMITTED)
            sync_folder(self._run.path)
        finish(self._run)

    def discard(self) -> None:
        """Drop the change."""
        shutil.rmtree(self._folder, ignore_errors=True)


def finish(run: Run) -> None:
    """Finish a change that was committed but interrupted. Raises StorageError.

    Called with the persona's lock held.
    """
    shutil.rmtree(run.path / _PREPARED, ignore_errors=True)
    committed = run.folder(_COMMITTED)
    if not committed.is_dir():
        return
    with storage_errors(str(run.path)):
        for name in json.loads((committed / _GONE).read_text(encoding="utf-8")):
            path = run.file(name)
            if path == run.path:
                raise PersonaError(
                    f"{committed / _GONE} is damaged: it names {str(name)[:80]!r}.",
                    "Delete that folder; nothing was changed.",
                )
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        # The record comes last.
        for new in sorted((committed / "new").iterdir(), key=lambda new: new.name == RECORD):
            place = run.path / new.name
            if place.is_dir():  # a folder can't be replaced
                shutil.rmtree(place)
            new.replace(place)
        sync_folder(run.path)
        # Renamed first, as half a folder would be an incomplete list of what is to be done.
        committed.rename(run.path / _PREPARED)
        shutil.rmtree(run.path / _PREPARED)
    run.reload()
