"""A persona's folder: its files, its lock, its record, and which of its stages are fresh.

A stage is fresh if its options, its version in the table of stages and the contents of all files
that it needs and made are those on record. How a stage is run is in `stage_runner`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

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
from popinjay.store.record import Asked, EntryState, Record, StageEntry, storable
from popinjay.store.stage_table import PICTURE, PICTURE_FILE, STAGES, Stage

RECORD = "run.toml"
ENGINE_FOLDER = (
    "engine"  # its model once more, as the fast decoder takes it; made anew where it is missing
)
FETCHED = "fetched"  # mirrors of what was read over networks, one folder an author
PREVIOUS_REPORT = "previous_report.json"  # of the model before this one, to hold this one against
SHARED_REPORT, REPORT_AGAINST = "report-to-share.html", "report-against.html"
QUICK_BYTES = 2**20  # of a file that is hashed to list personas
REPORTS = (
    PREVIOUS_REPORT,
    SHARED_REPORT,
    REPORT_AGAINST,
)  # no stage makes these; they tell of what was measured once


class State(StrEnum):
    """How a stage of a persona stands."""

    FRESH = "fresh"
    STALE = "stale"
    MISSING = "missing"
    FAILED = "failed"


def home() -> Path:
    """Where personas live: `POPINJAY_HOME`, or `~/.popinjay`."""
    return Path(os.environ.get("POPINJAY_HOME") or Path.home() / ".popinjay")


class Run:
    """A persona's folder and the record of how it was made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.record = Record.load(self.file(RECORD))
        self._asking: Asked | None = None

    # what is there

    @classmethod
    def find(cls, name: str, home_folder: Path | None = None) -> Run:
        """The persona of this name, or in this folder. Raises PersonaError where there is none."""
        beside = Path(name)
        path = beside if _is_file(beside / RECORD) else (home_folder or home()) / name
        if "\x00" in name or not _is_file(path / RECORD):
            known = ", ".join(run.name for run in cls.all(home_folder)) or "none yet"
            raise PersonaError(
                f"There is no persona {name!r}.",
                f"Personas here: {known}. Make one with: popinjay make SPEC",
            )
        return cls(path.resolve())

    @classmethod
    def all(cls, home_folder: Path | None = None) -> list[Run]:
        """Every persona in the home folder, by name."""
        folder = home_folder or home()
        return (
            [cls(path.parent) for path in sorted(folder.glob(f"*/{RECORD}"))]
            if folder.is_dir()
            else []
        )

    def reload(self) -> None:
        """Read the record again. Raises PersonaError if it is damaged."""
        self.record = Record.load(self.file(RECORD))

    def file(self, name: str) -> Path:
        """The path of something in the folder.

        Raises PersonaError where it leads out of the folder, or is neither a file nor a folder: this
        folder may have come from anywhere.
        """
        return inside(self.path, name)

    def folder(self, name: str) -> Path:
        """The path of a folder in the folder. Raises PersonaError as `file` does, of all that it holds."""
        top = self.file(name)
        for path, folders, files in os.walk(top):
            for entry in (*folders, *files):
                inside(self.path, (Path(path) / entry).relative_to(self.path).as_posix())
        return top

    def state(
        self, stage: Stage, options: Mapping[str, Any] | None = None, source: str | None = None
    ) -> State:
        """How a stage stands: against its record, and against `options` and the `source`'s hash where they are given."""
        return self._state(stage, options, source, content_hash)

    def states(self, *, quick: bool = False) -> dict[str, State]:
        """Return how each stage stands, by name: what `status`, `publish` and the page all go by.

        `quick` trusts the record about the contents of large files and folders.
        """
        hashed = _quick_hash if quick else content_hash
        found = {stage.name: self._state(stage, None, None, hashed) for stage in STAGES}
        if found["card"] is State.FRESH and not self._card_is_as_asked():
            found["card"] = State.STALE
        return found

    def _card_is_as_asked(self) -> bool:
        """Return whether the card says what was asked last, and shows the picture that is there."""
        card, asked = self.record.stages["card"], self.record.asked
        is_said = (card.options.get("whose"), card.options.get("contact")) == (
            asked.whose,
            asked.contact,
        )
        return is_said and card.source in (None, self.picture_shown())

    def picture_shown(self) -> str:
        """Return what the card shows, as the source of its stage: with or without a picture it is another card."""
        return PICTURE_FILE if self.file(PICTURE_FILE).exists() else "no picture"

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
        """What was asked: of the making in progress, otherwise what is on record."""
        return self.record.asked if self._asking is None else self._asking

    def ask(self, asked: Asked) -> None:
        """Hold what is asked now.

        It is recorded with the first stage that succeeds under it, or by `settle_asked`.
        """
        asked = replace(asked, other=self.record.asked.other)
        self._asking = Asked.from_table(storable(asked.to_table()))

    def settle_asked(self) -> None:
        """Record what was asked, now that all of it is made."""
        asked, self._asking = self._asking, None
        if asked is not None and asked != self.record.asked:
            self.save(self.record.updated(asked=asked))

    # writing

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from making this persona meanwhile. Raises PersonaBusy where one does."""
        from filelock import (
            FileLock,
            Timeout,
        )  # slow to import, and whoever only reads a persona needs no lock

        with storage_errors(str(self.path)):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.file(".lock"))
            try:
                lock.acquire(timeout=0)
            except Timeout as error:
                raise PersonaBusy(
                    f"{self.name!r} is being made by another popinjay right now.",
                    "Wait for it, or choose another --name.",
                ) from error
        try:
            self.reload()  # another may have made it in the meantime
            self._finish_writing()
            self._sweep()
            yield
        finally:
            lock.release()

    def save(self, record: Record) -> None:
        """Write another record. Raises StorageError, and then nothing is changed."""
        with storage_errors(f"{self.path / RECORD}"):
            atomic_write(self.path / RECORD, record.to_bytes())
        self.record = record

    def record_stage(self, stage: Stage, entry: StageEntry, *, succeeded: bool = False) -> None:
        """Record an entry; what is asked now is recorded with one that has `succeeded`."""
        others = {name: known for name, known in self.record.stages.items() if name != stage.name}
        record = self.record.updated(stages={**others, stage.name: entry})
        just_done = stage.name if succeeded else ""
        record = record.updated(artifacts=lineage.counted(self.name, record, just_done))
        if succeeded and self._asking is not None:
            self.save(record.updated(asked=self._asking))
            self._asking = None
        else:
            self.save(record)

    def _finish_writing(self) -> None:
        """Finish stages that were stopped between their last output and its name. Called with the lock held."""
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
        """Remove what killed processes left half-written. Called with the lock held."""
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
    """A persona's name that can be a folder's. Raises SpecError for others."""
    if (
        name != name.strip()
        or not name.isprintable()
        or any(c in name for c in "/\\:")
        or name.startswith((".", "-"))
        or not 0 < len(name.encode()) <= 200
    ):
        raise SpecError(
            f"A persona can't be named {name!r}.",
            "Take letters, digits, '-', '_' and '.', not beginning with '-' or '.'.",
        )
    return name


def is_name(name: str) -> bool:
    """Return whether a persona could be named so."""
    try:
        return bool(check_name(name))
    except (SpecError, UnicodeEncodeError):
        return False


_quick_hashes: dict[
    str, tuple[tuple[int, ...], str]
] = {}  # of small files, by path: what stat said, the hash


def _quick_hash(path: Path) -> str | None:
    """Return the hash of a small file, computed once for each of its versions; None for what is larger."""
    found = path.stat()
    if path.is_dir() or found.st_size > QUICK_BYTES:
        return None
    signature = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    known = _quick_hashes.get(str(path))
    if known is None or known[0] != signature:
        known = _quick_hashes[str(path)] = (signature, content_hash(path))
    return known[1]


def inside(folder: Path, name: str) -> Path:
    """The path of something in a folder. Raises PersonaError where it leads out, or is neither a file nor a folder."""
    path = folder / name
    real, root = os.path.realpath(path), os.path.realpath(folder)
    if real != root and not real.startswith(root.rstrip(os.sep) + os.sep):
        raise PersonaError(
            f"{path} leads out of the persona's folder.",
            "Nothing behind it was read or written. If the persona is yours, put the file itself in the link's place.",
        )
    try:
        mode = path.stat().st_mode
    except OSError:  # it is not there, or whoever opens it says why it can't be
        return path
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise PersonaError(
            f"{path} is neither a file nor a folder.",
            "Remove it: popinjay puts no such thing there.",
        )
    return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long, a folder that may not be looked into
        return False
