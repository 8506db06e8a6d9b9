"""A persona's folder: what each stage needs and makes, what is fresh, and how nothing is ever half-written.

Outputs are written under a temporary name, synced and renamed, and recorded in `run.toml`. A stage is fresh when its
options, its version here and the contents of all files it needs and made are those that were recorded.

An entry of the record never loses what was asked. It is in one of three states: `done`; `writing`, while complete outputs
are given their names (whoever next holds the lock finishes that); `failed`, which leaves everything in the entry that is
about the outputs still there, and adds the error and the options that were tried.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import tomli_w

from popinjay.errors import PersonaBusy, PersonaError, SpecError
from popinjay.post import printable
from popinjay.store import lineage
from popinjay.store.files import content_hash, storage_errors, sweep_partials, sync, sync_folder
from popinjay.store.outputs import Outputs, partial_name
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


DONE, WRITING, FAILED = "done", "writing", "failed"  # the state of an entry of the record
TRIED = "tried"  # in an entry: the options of an attempt that failed


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
        self.record: dict[str, Any] = self._read()
        self._asking: dict[str, Any] | None = None

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

    def _read(self) -> dict[str, Any]:
        file = self.file(RECORD)
        try:
            if not file.exists():
                return {}
            return tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise PersonaError(
                f"{file} is damaged: {error}.",
                "Delete that file and make the persona again: every stage will run anew.",
            ) from error
        except OSError as error:
            raise PersonaError(
                f"{file} can't be read: {error.strerror}.",
                "Check its permissions, or choose another folder with --home.",
            ) from error

    def reload(self) -> None:
        """Read the record again. Raises PersonaError where it is damaged."""
        self.record = self._read()

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

    def facts(self, stage: str) -> dict[str, Any]:
        """What a finished stage said about itself."""
        facts: dict[str, Any] = self.record.get("stages", {}).get(stage, {}).get("facts", {})
        return facts

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
        card = self.record["stages"]["card"]
        asked = self.record.get("asked", {})
        is_said = all(card["options"].get(name) == asked.get(name) for name in ("whose", "contact"))
        return is_said and card.get("source") in (None, self.picture_shown())

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
        entry = self.record.get("stages", {}).get(stage.name)
        if entry is None or entry["state"] == WRITING:
            return State.MISSING
        has_failed = entry["state"] == FAILED
        if has_failed and (options is None or "makes" not in entry):
            return State.FAILED
        same = (
            entry["version"] == stage.version
            and (options is None or entry["options"] == storable(options))
            and (source is None or entry.get("source") == source)
            and all(
                self._holds(name, known, hashed)
                for name, known in {**entry["needs"], **entry["makes"]}.items()
            )
        )
        if same:
            return (
                State.FRESH
            )  # what was made before an attempt failed is still what these options make
        return State.FAILED if has_failed else State.STALE

    def _holds(self, name: str, known: str, hashed: Callable[[Path], str | None]) -> bool:
        path = self.folder(name)
        if not path.exists():
            return False
        found = hashed(path)
        if found is None:  # too large to look at now: it is what the stage that made it says
            stages = self.record.get("stages", {}).values()
            found = next(
                (entry["makes"][name] for entry in stages if name in entry.get("makes", {})), None
            )
        return found == known

    def made(self, stage: str) -> dict[str, Any] | None:
        """Return the entry of a stage whose outputs are there, fresh or not; None if there are none."""
        entry: dict[str, Any] = self.record.get("stages", {}).get(stage, {})
        return entry if "makes" in entry and entry["state"] != WRITING else None

    # what was asked

    @property
    def asked(self) -> dict[str, Any]:
        """What was asked: of the making that is at work, else what is on record."""
        recorded: dict[str, Any] = self.record.get("asked", {})
        return recorded if self._asking is None else self._asking

    def ask(self, asked: dict[str, Any]) -> None:
        """Hold what is asked now. It is recorded with the first stage that succeeds under it, or by `settle_asked`."""
        self._asking = asked

    def settle_asked(self) -> None:
        """Record what was asked, now that all of it is made."""
        asked, self._asking = self._asking, None
        if asked is not None and storable(asked) != self.record.get("asked"):
            self.update(asked=storable(asked))

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

    def update(self, **tables: Any) -> None:
        """Change tables of `run.toml`. Raises StorageError, and then nothing is changed."""
        record = {**self.record, **tables}
        with storage_errors(f"{self.path / RECORD}"):
            partial = self.path / partial_name(RECORD)
            try:
                partial.write_bytes(as_toml(record))
                sync(partial)
                partial.rename(self.path / RECORD)
            finally:
                partial.unlink(missing_ok=True)
            self.record = record
            sync_folder(self.path)

    def record_stage(self, stage: Stage, entry: dict[str, Any], *, succeeded: bool = False) -> None:
        """Put an entry on record; with one that has `succeeded` goes what is asked now."""
        stages = {
            name: known
            for name, known in self.record.get("stages", {}).items()
            if name != stage.name
        }
        stages[stage.name] = entry
        just_done = stage.name if succeeded else ""
        artifacts = lineage.counted(self.name, {**self.record, "stages": stages}, just_done)
        if succeeded and self._asking is not None:
            self.update(stages=stages, artifacts=artifacts, asked=storable(self._asking))
            self._asking = None
        else:
            self.update(stages=stages, artifacts=artifacts)

    def _finish_writing(self) -> None:
        """Finish stages that were stopped between their last output and its name. Called with the lock held."""
        for stage in (*STAGES, PICTURE):
            entry = self.record.get("stages", {}).get(stage.name, {})
            if entry.get("state") == WRITING:
                outputs = Outputs(self.path, stage)
                with storage_errors(f"what {stage.name!r} makes"):
                    if outputs.are_complete(entry["makes"]):
                        outputs.settle()
                        self.record_stage(stage, {**entry, "state": DONE}, succeeded=True)

    def _sweep(self) -> None:
        """Remove what killed processes left half-written. Called with the lock held, so none is at work here.

        But for the folder of the engine, which whoever speaks writes without the lock.
        """
        sweep_partials(self.path / ENGINE_FOLDER)
        for path in self.path.glob(partial_name("*")):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
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


def as_toml(record: Mapping[str, Any]) -> bytes:
    """A record as `run.toml` holds it."""
    return tomli_w.dumps(storable(record)).encode()


def storable(value: Any) -> Any:
    """Return a value as TOML holds it: None left out, tuples as lists, only valid characters."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {key: storable(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


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
