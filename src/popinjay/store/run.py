"""A persona's folder: its files, its lock, its record, and which of its stages are fresh.

A stage is fresh if its options, its version in the table of stages and the contents of all files
that it needs and made are those on record. How a stage is run is in `stage_runner`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from popinjay import settings
from popinjay.errors import PersonaBusy, PersonaError, SpecError
from popinjay.store import lineage
from popinjay.store.files import (
    atomic_write,
    content_hash,
    is_being_written,
    storage_errors,
    sweep_partials,
)
from popinjay.store.outputs import Outputs, partial_name
from popinjay.store.record import Asked, EntryState, Record, StageEntry
from popinjay.store.stage_table import PICTURE, PICTURE_FILE, STAGES, Stage
from popinjay.store.toml_table import storable

RECORD = "run.toml"
ENGINE_FOLDER = "engine"  # the model as the fast decoder needs it; made again if it is missing
FETCHED = "fetched"  # mirrors of what was read over networks, one folder for each author
PREVIOUS_REPORT = "previous_report.json"  # of the model before this one, for comparison
SHARED_REPORT = "report-to-share.html"
REPORT_AGAINST = "report-against.html"
LOCK = ".lock"
LOCK_SECONDS = 0.2  # that a lock is waited for: `is_locked` holds it for an instant
WEB_PAGE = ".web-page.partial"  # while it is published
QUICK_BYTES = 2**20  # size up to which a file is hashed to list personas
REPORTS = (PREVIOUS_REPORT, SHARED_REPORT, REPORT_AGAINST)  # that no stage makes


class State(StrEnum):
    """The state of a stage of a persona."""

    FRESH = "fresh"
    STALE = "stale"
    MISSING = "missing"
    FAILED = "failed"


def home() -> Path:
    """Return the folder of all personas: `POPINJAY_HOME`, the user's setting, or `~/.popinjay`."""
    if given := os.environ.get("POPINJAY_HOME"):
        return Path(given)
    return settings.home_folder() or Path.home() / ".popinjay"


class Run:
    """A persona's folder and the record of how it was made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.record = Record.load(self.file(RECORD))
        self._requested: Asked | None = None

    # files and states

    @classmethod
    def find(cls, name: str, home_folder: Path | None = None) -> Run:
        """Return the persona of this name or in this folder. Raises PersonaError if not found."""
        beside = Path(name)
        path = beside if _is_file(beside / RECORD) else (home_folder or home()) / name
        if "\x00" in name or not _is_file(path / RECORD):
            known = ", ".join(run.name for run in cls.all(home_folder)) or "none yet"
            raise PersonaError(
                f"There is no persona {name!r}.",
                f"Personas here: {known}. Make one with: popinjay make SPEC",
                page_hint=f"Personas here: {known}.",
            )
        return cls(path.resolve())

    @classmethod
    def all(cls, home_folder: Path | None = None) -> list[Run]:
        """Return every persona in the home folder, sorted by name."""
        folder = home_folder or home()
        if not folder.is_dir():
            return []
        return [cls(path.parent) for path in sorted(folder.glob(f"*/{RECORD}"))]

    def reload(self) -> None:
        """Read the record again. Raises PersonaError if it is damaged."""
        self.record = Record.load(self.file(RECORD))

    def file(self, name: str) -> Path:
        """Return the path of something in the folder.

        Raises PersonaError if it leads out of the folder or is neither a file nor a folder: the
        folder may come from an untrusted place.
        """
        return inside(self.path, name)

    def folder(self, name: str) -> Path:
        """Return the path of a subfolder, with everything in it checked as `file` does."""
        top = self.file(name)
        for path, folders, files in os.walk(top):
            for entry in (*folders, *files):
                inside(self.path, (Path(path) / entry).relative_to(self.path).as_posix())
        return top

    def state(
        self, stage: Stage, options: Mapping[str, Any] | None = None, source: str | None = None
    ) -> State:
        """Return the state of a stage by its record, and by options and source hash if given."""
        return self._state(stage, options, source, content_hash)

    def states(self, *, quick: bool = False) -> dict[str, State]:
        """Return the state of each stage, by name, for `status`, `publish` and the page alike.

        With `quick` the record is trusted about the contents of large files and folders.
        """
        hashed = _quick_hash if quick else content_hash
        found = {stage.name: self._state(stage, None, None, hashed) for stage in STAGES}
        if found["card"] is State.FRESH and not self._card_is_as_asked():
            found["card"] = State.STALE
        return found

    def _card_is_as_asked(self) -> bool:
        """Return whether the card says what was asked last and shows the present picture."""
        card = self.record.stages["card"]
        asked = self.record.asked
        said = (card.options.get("whose"), card.options.get("contact"))
        is_said = said == (asked.whose, asked.contact)
        return is_said and card.source in (None, self.picture_shown())

    def picture_shown(self) -> str:
        """Return which picture the card shows, as the source of its stage."""
        if not self.file(PICTURE_FILE).exists():
            return "no picture"
        shown = self.record.facts(PICTURE.name).get("texts", ())
        return f"{PICTURE_FILE}: {hashlib.sha256(json.dumps(shown).encode()).hexdigest()}"

    def _state(
        self,
        stage: Stage,
        options: Mapping[str, Any] | None,
        source: str | None,
        hashed: Callable[[Path], str | None],
    ) -> State:
        entry = self.record.stages.get(stage.name)
        if entry is None or entry.state is EntryState.WRITING:
            return State.MISSING
        has_failed = entry.state is EntryState.FAILED
        if has_failed and (options is None or entry.makes is None):
            return State.FAILED
        same = (
            entry.version == stage.version
            and (options is None or entry.options == storable(options))
            and (source is None or entry.source == source)
            and all(
                self._holds(name, known, hashed)
                for name, known in {**entry.needs, **(entry.makes or {})}.items()
            )
        )
        if same:  # even after an attempt that failed, these options make what is there
            return State.FRESH
        return State.FAILED if has_failed else State.STALE

    def _holds(self, name: str, known: str, hashed: Callable[[Path], str | None]) -> bool:
        path = self.folder(name)
        if not path.exists():
            return False
        found = hashed(path)
        if found is None:  # too large to be read now: it is what its stage recorded
            found = next(
                (
                    entry.makes[name]
                    for entry in self.record.stages.values()
                    if entry.makes is not None and name in entry.makes
                ),
                None,
            )
        return found == known

    # what was asked

    @property
    def asked(self) -> Asked:
        """What the `make` in progress was asked for; without one, what is on record."""
        return self.record.asked if self._requested is None else self._requested

    def ask(self, asked: Asked) -> None:
        """Set what is asked for now.

        It is recorded with the next stages that succeed, or by `settle_asked`.
        """
        asked = replace(asked, other=self.record.asked.other)
        self._requested = Asked.from_table(storable(asked.to_table()))

    def settle_asked(self) -> None:
        """Record what was asked for, after all of it was made."""
        asked, self._requested = self._requested, None
        if asked is not None and asked != self.record.asked:
            self.save(self.record.updated(asked=asked))

    # writing

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the persona's lock. Raises PersonaBusy if another process holds it."""
        from filelock import FileLock, Timeout  # slow to import, and reading needs no lock

        with storage_errors(str(self.path)):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.file(LOCK))
            try:
                lock.acquire(timeout=LOCK_SECONDS)
            except Timeout as error:
                raise PersonaBusy(
                    f"{self.name!r} is being made by another popinjay right now.",
                    "Wait for it, or choose another --name.",
                    page_hint="Wait for it, or choose another name.",
                ) from error
        try:
            self.reload()  # another process may have changed it in the meantime
            self._finish_writing()
            self._sweep()
            yield
        finally:
            lock.release()

    def is_locked(self) -> bool:
        """Return whether a process holds the persona's lock now, as while it is made."""
        from filelock import FileLock, Timeout

        try:
            if self.file(LOCK).is_file():
                with FileLock(self.file(LOCK), timeout=0):
                    pass
        except Timeout:
            return True
        except (OSError, PersonaError):  # such as a folder that may only be read
            pass
        return False

    def save(self, record: Record) -> None:
        """Replace the record. Raises StorageError, and then nothing is changed."""
        with storage_errors(f"{self.path / RECORD}"):
            atomic_write(self.path / RECORD, record.to_bytes())
        self.record = record

    def record_stage(self, stage: Stage, entry: StageEntry, *, succeeded: bool = False) -> None:
        """Record an entry, and with one that has `succeeded` what is asked for now."""
        others = {name: known for name, known in self.record.stages.items() if name != stage.name}
        record = self.record.updated(stages={**others, stage.name: entry})
        just_done = stage.name if succeeded else ""
        record = record.updated(artifacts=lineage.counted(self.name, record, just_done))
        if succeeded and self._requested is not None:
            record = record.updated(asked=self._asked_by(stage))
        self.save(record)
        if record.asked == self._requested:
            self._requested = None

    def _asked_by(self, stage: Stage) -> Asked:
        """Return what is on record of what is asked for now, once a stage has succeeded.

        Whose words these are and whom to contact is what the card says. If that was on record, it
        changes with the card only: a `make` that fails does not change it.
        """
        assert self._requested is not None
        before = self.record.asked
        if stage.name == "card":
            return self._requested
        return replace(
            self._requested,
            whose=before.whose or self._requested.whose,
            contact=before.contact or self._requested.contact,
        )

    def _finish_writing(self) -> None:
        """Finish stages that were stopped while their outputs got their final names.

        Called with the lock held.
        """
        for stage in (*STAGES, PICTURE):
            entry = self.record.stages.get(stage.name)
            if entry is not None and entry.state is EntryState.WRITING:
                outputs = Outputs(self.path, stage)
                with storage_errors(f"what {stage.name!r} makes"):
                    if outputs.are_complete(entry.makes or {}):
                        outputs.settle()
                        self.record_stage(
                            stage, replace(entry, state=EntryState.DONE), succeeded=True
                        )

    def _sweep(self) -> None:
        """Remove incomplete files of killed processes. Called with the lock held."""
        sweep_partials(self.path / ENGINE_FOLDER)  # it is written without the lock
        for path in self.path.glob(partial_name("*")):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
                continue
            with contextlib.suppress(OSError):
                if not is_being_written(path):  # such as a report, which needs no lock
                    path.unlink()

    def discard(self) -> None:
        """Remove the whole folder."""
        shutil.rmtree(self.path, ignore_errors=True)


def check_name(name: str) -> str:
    """Return a persona's name that can be a folder's. Raises SpecError for others."""
    if (
        name != name.strip()
        or not name.isprintable()
        or any(c in name for c in "/\\:")
        or name.startswith((".", "-"))
        or not 0 < len(name.encode()) <= 200
    ):
        raise SpecError(
            f"A persona can't be named {name!r}.",
            "Use letters, digits, '-', '_' and '.', and don't begin with '-' or '.'.",
        )
    return name


def is_name(name: str) -> bool:
    """Return whether a persona can have this name."""
    try:
        return bool(check_name(name))
    except (SpecError, UnicodeEncodeError):
        return False


# Of small files, by path: what identifies the version of the file, and its hash.
_quick_hashes: dict[str, tuple[tuple[int, ...], str]] = {}


def _quick_hash(path: Path) -> str | None:
    """Return the hash of a small file, computed once for each version; None for a larger one."""
    found = path.stat()
    if path.is_dir() or found.st_size > QUICK_BYTES:
        return None
    signature = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    known = _quick_hashes.get(str(path))
    if known is None or known[0] != signature:
        known = _quick_hashes[str(path)] = (signature, content_hash(path))
    return known[1]


def inside(folder: Path, name: str) -> Path:
    """Return the path of something in a folder.

    Raises PersonaError if it leads out of the folder or is neither a file nor a folder.
    """
    path = folder / name
    real = os.path.realpath(path)
    root = os.path.realpath(folder)
    if real != root and not real.startswith(root.rstrip(os.sep) + os.sep):
        raise PersonaError(
            f"{path} leads out of the persona's folder.",
            "Nothing behind it was read or written. "
            "If the persona is yours, replace the link with the file itself.",
        )
    try:
        mode = path.stat().st_mode
    except OSError:  # it does not exist, or opening it will raise a better error
        return path
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise PersonaError(
            f"{path} is neither a file nor a folder.",
            "Remove it: popinjay never creates such a thing there.",
        )
    return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long, or the folder is not readable
        return False
