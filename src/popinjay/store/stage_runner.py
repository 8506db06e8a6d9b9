"""Running a stage: its outputs and its entry in the record, all of it or nothing."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from popinjay.errors import OutputLost, PersonaTaken, StorageError
from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.memory import memory_errors
from popinjay.store.files import content_hash, storage_errors
from popinjay.store.outputs import Outputs, partial_name
from popinjay.store.record import EntryState, StageEntry
from popinjay.store.run import Run, State
from popinjay.store.stage_table import Stage
from popinjay.store.toml_table import storable

# Errors that end a stage without being a failure of it.
UNRECORDED = (BrokenPipeError, OutputLost, PersonaTaken)


@dataclass
class StageContext:
    """What a running stage reads and writes; its outputs have temporary names until it is done."""

    run: Run
    stage: Stage
    facts: dict[str, Any] = field(default_factory=dict)  # recorded with the stage

    @property
    def outputs(self) -> Outputs:
        """The outputs as files."""
        return Outputs(self.run.path, self.stage)

    def path(self, name: str) -> Path:
        """Return where to write the output `name`."""
        assert name in self.stage.makes, f"{self.stage.name} does not make {name}"
        return self.run.file(partial_name(name))

    def need(self, name: str) -> Path:
        """Return where to read `name`, which an earlier stage made."""
        assert name in self.stage.needs, f"{self.stage.name} does not need {name}"
        return self.run.folder(name)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[str]]:
        """Open the output `name` to write text."""
        with self.path(name).open("w", encoding="utf-8", newline="\n") as file:
            yield file

    def write_rows(self, name: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Write the output `name` as JSON lines; return how many."""
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


def run_stage(
    run: Run,
    stage: Stage,
    options: Any,
    work: Callable[[Any, StageContext, Listener], None],
    listener: Listener = ignore,
    source: str | None = None,
) -> bool:
    """Run one stage unless it is fresh; return whether it ran.

    Args:
        run: The persona, with its lock held.
        stage: The row of the stage.
        options: The stage's options, a dataclass.
        work: Writes the outputs: called with options, context and listener.
        listener: Receives the stage's events.
        source: The hash of what the stage reads from outside the folder.
    """
    asked = asdict(options)
    if run.state(stage, asked, source) is State.FRESH:
        forgive(run, stage)
        listener(Event(stage.name, EventKind.FRESH))
        return False
    listener(Event(stage.name, EventKind.START, stage.doing))
    with writing(run, stage, asked, source) as context:
        work(options, context, listener)
    listener(Event(stage.name, EventKind.DONE, context.facts.get("summary", "")))
    return True


@contextlib.contextmanager
def writing(
    run: Run, stage: Stage, options: Mapping[str, Any], source: str | None = None
) -> Iterator[StageContext]:
    """Yield a context whose outputs take effect if, and only if, the body succeeds."""
    started = time.monotonic()  # the wall clock may be set back meanwhile
    context = StageContext(run, stage)
    outputs = context.outputs
    outputs.discard()
    try:
        with memory_errors(), storage_errors(f"what {stage.name!r} makes"):
            yield context
            outputs.sync()
            entry = _entry(context, options, source, started)
            run.record_stage(stage, replace(entry, state=EntryState.WRITING), succeeded=True)
    except BaseException as error:
        outputs.discard()
        # Recording the failure must not hide the failure itself: a full disk causes both.
        with contextlib.suppress(StorageError, OSError):
            if isinstance(error, Exception) and not isinstance(error, UNRECORDED):
                _record_failure(run, stage, error, options)
        raise
    # If the process is stopped from here on, the next one to hold the lock finishes.
    with storage_errors(f"what {stage.name!r} makes"):
        outputs.settle()
    run.record_stage(stage, entry, succeeded=True)


def forgive(run: Run, stage: Stage) -> None:
    """Remove a failed attempt from the record: what was made before it is what is wanted."""
    entry = run.record.stages[stage.name]
    if entry.state is EntryState.FAILED:
        run.record_stage(stage, entry.forgiven())


def _record_failure(run: Run, stage: Stage, error: Exception, options: Mapping[str, Any]) -> None:
    """Add a failure to a stage's entry; its outputs, if any, are still those of before."""
    said = str(error) or type(error).__name__
    tried = storable(options)
    before = run.record.made(stage.name)
    if before is None:
        entry = StageEntry(EntryState.FAILED, options=tried, error=said)
    else:
        entry = replace(before, state=EntryState.FAILED, tried=tried, error=said)
    run.record_stage(stage, entry)


def _entry(
    context: StageContext, options: Mapping[str, Any], source: str | None, started: float
) -> StageEntry:
    """Return the entry of a stage whose outputs are complete, under their temporary names."""
    stage = context.stage
    return StageEntry(
        EntryState.DONE,
        version=stage.version,
        finished=datetime.now(UTC).replace(microsecond=0),
        seconds=round(time.monotonic() - started, 2),
        options=storable(options),
        needs={name: content_hash(context.run.path / name) for name in stage.needs},
        makes=context.outputs.hashes(),
        facts=context.facts,
        source=source,
    )
