"""A persona's folder: what each stage needs and makes, what is fresh, and how nothing is ever half-written.

Outputs are written under a temporary name, synced and renamed, and recorded in `run.toml` last. A stage is fresh when its
options, its version here and the contents of all files it needs and made are those that were recorded.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import tomli_w

from popinjay import lineage
from popinjay.disk import content_hash, storage_errors, sync, sync_folder
from popinjay.errors import PersonaBusy, PersonaError, SpecError, StorageError
from popinjay.events import Event, Listener, What, nobody
from popinjay.post import printable

RECORD = "run.toml"
PICTURE_FILE = "card.png"
FETCHED = "fetched"  # mirrors of what was read over networks, one folder an author
PREVIOUS_REPORT = "previous_report.json"  # of the model before this one, to hold this one against
SHARED_REPORT, REPORT_AGAINST = "report-to-share.html", "report-against.html"
REPORTS = (PREVIOUS_REPORT, SHARED_REPORT, REPORT_AGAINST)  # no stage makes these; they tell of what was measured once


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of making a persona. `version` is raised when the same input would now give another result."""

    name: str
    needs: tuple[str, ...]
    makes: tuple[str, ...]
    doing: str
    version: int = 1


STAGES = (
    Stage("collect", (), ("posts.jsonl", "authors.json", "avatars"), "reading posts", version=2),
    Stage("clean", ("posts.jsonl",), ("clean.jsonl", "dropped.jsonl"), "sorting out posts"),
    Stage("dataset", ("clean.jsonl",), ("train.jsonl", "validation.jsonl", "held_out.jsonl"), "setting posts aside to measure with"),
    Stage("train", ("train.jsonl", "validation.jsonl"), ("model", "metrics.jsonl"), "learning the voice", version=3),
    Stage("evaluate", ("model", "train.jsonl", "held_out.jsonl"), ("report.json", "samples.jsonl"), "measuring", version=3),
    Stage(
        "card",
        ("authors.json", "clean.jsonl", "dropped.jsonl", "held_out.jsonl", "metrics.jsonl", "report.json", "samples.jsonl"),
        ("README.md", "report.html"),
        "writing the card and the report",
        version=5,
    ),
)


# No row of STAGES: a persona is whole without a picture, and a person may choose another one at any time.
PICTURE = Stage("picture", ("authors.json", "avatars", "samples.jsonl"), (PICTURE_FILE,), "drawing the picture")


class State(StrEnum):
    """How a stage of a persona stands."""

    FRESH = "fresh"
    STALE = "stale"
    MISSING = "missing"
    FAILED = "failed"


def home() -> Path:
    """Where personas live: `POPINJAY_HOME`, or `~/.popinjay`."""
    return Path(os.environ.get("POPINJAY_HOME") or Path.home() / ".popinjay")


@dataclass
class Draft:
    """The outputs of a running stage, under temporary names until all are complete."""

    run: Run
    stage: Stage
    facts: dict[str, Any] = field(default_factory=dict)  # goes into run.toml with the stage

    @staticmethod
    def partial(name: str) -> str:
        """What the output `name` is called for now."""
        return f".{name}.partial"

    def path(self, name: str) -> Path:
        """Where to write the output `name` for now."""
        assert name in self.stage.makes, f"{self.stage.name} does not make {name}"
        return self.run.path / self.partial(name)

    def need(self, name: str) -> Path:
        """Where to read `name`, which an earlier stage made."""
        assert name in self.stage.needs, f"{self.stage.name} does not need {name}"
        return self.run.path / name

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[str]]:
        """The output `name`, open for text."""
        with self.path(name).open("w", encoding="utf-8", newline="\n") as file:
            yield file

    def write_rows(self, name: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Write the output `name` as JSON lines; how many there were."""
        count = 0
        with self.open(name) as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                count += 1
        return count

    def write_json(self, name: str, value: Any) -> None:
        """Write the output `name` as one JSON document."""
        with self.open(name) as file:
            json.dump(value, file, ensure_ascii=False, indent=2)
            file.write("\n")

    def settle(self) -> None:
        """Give every output its own name, now that all are on the disk."""
        for name in self.stage.makes:
            sync(self.path(name))
        for name in self.stage.makes:
            final = self.run.path / name
            if final.is_dir():  # a folder cannot be renamed over a folder that holds something
                shutil.rmtree(final)
            self.path(name).rename(final)
        sync_folder(self.run.path)

    def discard(self) -> None:
        """Remove what was written so far."""
        for name in self.stage.makes:
            path = self.path(name)
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


class Run:
    """A persona's folder and the record of how it was made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.record: dict[str, Any] = self._read()

    # what is there

    @classmethod
    def find(cls, name: str, home_folder: Path | None = None) -> Run:
        """The persona of this name, or in this folder. Raises PersonaError where there is none."""
        beside = Path(name)
        path = beside if _is_file(beside / RECORD) else (home_folder or home()) / name
        if "\x00" in name or not _is_file(path / RECORD):
            known = ", ".join(run.name for run in cls.all(home_folder)) or "none yet"
            raise PersonaError(f"There is no persona {name!r}.", f"Personas here: {known}. Make one with: popinjay make SPEC")
        return cls(path.resolve())

    @classmethod
    def all(cls, home_folder: Path | None = None) -> list[Run]:
        """Every persona in the home folder, by name."""
        folder = home_folder or home()
        return [cls(path.parent) for path in sorted(folder.glob(f"*/{RECORD}"))] if folder.is_dir() else []

    def _read(self) -> dict[str, Any]:
        file = self.path / RECORD
        try:
            if not file.exists():
                return {}
            return tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise PersonaError(f"{file} is damaged: {error}.", "Delete that file and make the persona again: every stage will run anew.") from error
        except OSError as error:
            raise PersonaError(f"{file} can't be read: {error.strerror}.", "Check its permissions, or choose another folder with --home.") from error

    def reload(self) -> None:
        """Read the record again. Raises PersonaError where it is damaged."""
        self.record = self._read()

    def file(self, name: str) -> Path:
        """The path of something in the folder."""
        return self.path / name

    def facts(self, stage: str) -> dict[str, Any]:
        """What a finished stage said about itself."""
        facts: dict[str, Any] = self.record.get("stages", {}).get(stage, {}).get("facts", {})
        return facts

    def state(self, stage: Stage, options: Mapping[str, Any] | None = None, source: str | None = None) -> State:
        """How a stage stands: against its record, and against `options` and the `source`'s hash where they are given."""
        record = self.record.get("stages", {}).get(stage.name)
        if record is None:
            return State.MISSING
        if record["state"] == "failed":
            return State.FAILED
        same = (
            record["version"] == stage.version
            and (options is None or record["options"] == _storable(options))
            and (source is None or record.get("source") == source)
            and all(self._holds(name, known) for name, known in {**record["needs"], **record["makes"]}.items())
        )
        return State.FRESH if same else State.STALE

    def _holds(self, name: str, known: str) -> bool:
        path = self.path / name
        return path.exists() and content_hash(path) == known

    # writing

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from making this persona meanwhile. Raises PersonaBusy where one does."""
        from filelock import FileLock, Timeout  # slow to import, and whoever only reads a persona needs no lock

        with storage_errors(str(self.path)):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock")
            try:
                lock.acquire(timeout=0)
            except Timeout as error:
                raise PersonaBusy(f"{self.name!r} is being made by another popinjay right now.", "Wait for it, or choose another --name.") from error
        try:
            self.reload()  # another may have made it in the meantime
            yield
        finally:
            lock.release()

    def update(self, **tables: Any) -> None:
        """Change tables of `run.toml`."""
        self.record.update(tables)
        with storage_errors(f"{self.path / RECORD}"):
            partial = self.path / Draft.partial(RECORD)
            try:
                partial.write_bytes(as_toml(self.record))
                sync(partial)
                partial.rename(self.path / RECORD)
            finally:
                partial.unlink(missing_ok=True)
            sync_folder(self.path)

    def _record_stage(self, stage: Stage, entry: dict[str, Any] | None) -> None:
        stages = dict(self.record.get("stages", {}))
        stages.pop(stage.name, None)
        if entry is not None:
            stages[stage.name] = entry
        self.update(stages=stages, artifacts=lineage.counted(self.name, {**self.record, "stages": stages}, just_done=stage.name))

    @contextlib.contextmanager
    def writing(self, stage: Stage, options: Mapping[str, Any], source: str | None = None) -> Iterator[Draft]:
        """Run a stage: what it writes to the draft becomes the stage's output if, and only if, the body ends well."""
        started = datetime.now(UTC)
        draft = Draft(self, stage)
        draft.discard()
        try:
            with storage_errors(f"what {stage.name!r} makes"):
                yield draft
                self._record_stage(stage, None)  # from here on the old outputs are going
                draft.settle()
        except BaseException as error:
            draft.discard()
            # The record of a failure must not hide the failure (a full disk fails both).
            with contextlib.suppress(StorageError, OSError):
                if isinstance(error, Exception):
                    self._record_stage(stage, {"state": "failed", "error": str(error) or type(error).__name__, "options": _storable(options)})
            raise
        entry: dict[str, Any] = {
            "state": "done",
            "version": stage.version,
            "finished": datetime.now(UTC).replace(microsecond=0),
            "seconds": round((datetime.now(UTC) - started).total_seconds(), 2),
            "options": _storable(options),
            "needs": {name: content_hash(self.path / name) for name in stage.needs},
            "makes": {name: content_hash(self.path / name) for name in stage.makes},
            "facts": draft.facts,
        }
        if source is not None:
            entry["source"] = source
        self._record_stage(stage, entry)

    def discard(self) -> None:
        """Remove the whole folder."""
        shutil.rmtree(self.path, ignore_errors=True)


def run_stage(
    run: Run,
    stage: Stage,
    options: Any,
    work: Callable[[Any, Draft, Listener], None],
    listener: Listener = nobody,
    source: str | None = None,
) -> bool:
    """Run one stage unless it is fresh; whether it ran."""
    asked = asdict(options)
    if run.state(stage, asked, source) is State.FRESH:
        listener(Event(stage.name, What.FRESH))
        return False
    listener(Event(stage.name, What.START, stage.doing))
    with run.writing(stage, asked, source) as draft:
        work(options, draft, listener)
    listener(Event(stage.name, What.DONE, draft.facts.get("summary", "")))
    return True


def stage_named(name: str) -> Stage:
    """The row of STAGES with this name."""
    return next(stage for stage in STAGES if stage.name == name)


def check_name(name: str) -> str:
    """A persona's name that can be a folder's. Raises SpecError for others."""
    if name != name.strip() or not name.isprintable() or any(c in name for c in "/\\:") or name.startswith((".", "-")) or not 0 < len(name.encode()) <= 200:
        raise SpecError(f"A persona can't be named {name!r}.", "Take letters, digits, '-', '_' and '.', not beginning with '-' or '.'.")
    return name


def as_toml(record: Mapping[str, Any]) -> bytes:
    """A record as `run.toml` holds it."""
    return tomli_w.dumps(_storable(record)).encode()


def _storable(value: Any) -> Any:
    """The value as TOML holds it: None left out, tuples as lists, nothing that is no character."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {key: _storable(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    return value


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long, a folder that may not be looked into
        return False
