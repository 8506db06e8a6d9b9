"""Several files of a persona changed together: all of them or none, whenever it is stopped.

New contents are prepared in a folder beside the files. Renaming that folder is the one moment that decides: stopped before
it nothing has happened, stopped after it the rest is done by whoever next holds the persona's lock.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from popinjay.errors import PersonaError
from popinjay.store.files import storage_errors, sync, sync_folder
from popinjay.store.run import RECORD, Run

_PREPARED, _DECIDED, _GONE = ".change.partial", ".change", "gone.json"


class Change:
    """What a persona's folder is to hold instead. Raises StorageError where that can't be written."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._folder = run.path / _PREPARED
        self._gone: list[str] = []
        shutil.rmtree(self._folder, ignore_errors=True)
        with storage_errors(str(self._folder)):
            (self._folder / "new").mkdir(parents=True)

    def path(self, name: str) -> Path:
        """Where to write the new content of `name`."""
        return self._folder / "new" / name

    def remove(self, name: str) -> None:
        """Have a file or folder gone."""
        self._gone.append(name)

    def commit(self) -> None:
        """Let it be so."""
        with storage_errors(str(self._run.path)):
            (self._folder / _GONE).write_text(json.dumps(self._gone), encoding="utf-8")
            sync(self._folder)
            self._folder.rename(self._run.path / _DECIDED)
            sync_folder(self._run.path)
        finish(self._run)

    def discard(self) -> None:
        """Let it not be."""
        shutil.rmtree(self._folder, ignore_errors=True)


def finish(run: Run) -> None:
    """Bring a change that was decided, but stopped on its way, to its end. Called with the persona's lock held; raises StorageError."""
    shutil.rmtree(run.path / _PREPARED, ignore_errors=True)
    decided = run.folder(_DECIDED)
    if not decided.is_dir():
        return
    with storage_errors(str(run.path)):
        for name in json.loads((decided / _GONE).read_text(encoding="utf-8")):
            path = run.file(name)
            if path == run.path:
                raise PersonaError(
                    f"{decided / _GONE} is damaged: it names {str(name)[:80]!r}.",
                    "Delete that folder; nothing was changed.",
                )
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        for new in sorted(
            (decided / "new").iterdir(), key=lambda new: new.name == RECORD
        ):  # the record last
            if (place := run.path / new.name).is_dir():  # nothing can be put over a folder
                shutil.rmtree(place)
            new.replace(place)
        sync_folder(run.path)
        decided.rename(
            run.path / _PREPARED
        )  # whole or not at all: half a folder would be no list of what is to be done
        shutil.rmtree(run.path / _PREPARED)
    run.reload()
