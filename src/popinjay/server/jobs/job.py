"""A job: what was requested and its state. Each has a folder, so a restarted server finds them all.

HOME/.jobs/ID/
  job.json       the request and its state; only the server writes it
  events.jsonl   the output of `popinjay make --json`, with each change of state in between
  ended.json     the outcome, written by the job's process
  problems.txt   standard error of that process
  lock, pid      locked as long as that process lives, and its process id
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from popinjay.store.files import storage_errors, sync

JobKind = Literal["inspect", "make"]
JobState = Literal["queued", "running", "done", "failed", "stopped"]
FINAL_STATES = ("done", "failed", "stopped")

UPLOADS = ".uploads"  # in the home folder, with one folder per upload
FOLDER = ".jobs"  # in the home folder, with one folder per job
JOB_FILE = "job.json"
EVENTS = "events.jsonl"
OUTCOME_FILE = "ended.json"
PROBLEMS = "problems.txt"
LOCK = "lock"
PID = "pid"


@dataclass
class Job:
    """A job and its state, as it is stored and as the API returns it.

    `result` of an inspection is the output of `popinjay inspect --json`; that of a training has the
    name of the persona as `persona`.
    """

    id: str
    doing: JobKind
    name: str | None
    specs: list[str]  # accounts; for an upload, the name of its file
    upload: str | None
    options: dict[str, Any]
    created: str
    state: JobState = "queued"
    error: str | None = None
    hint: str | None = None
    started: str | None = None
    ended: str | None = None
    result: dict[str, Any] | None = None
    stop_asked: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether the job is in a final state, which only a request changes."""
        return self.state in FINAL_STATES

    def write(self, folder: Path) -> None:
        """Write the job to its folder, atomically."""
        write_json(folder / JOB_FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Job | None:
        """Return the job of a folder; None if there is none or it is damaged."""
        try:
            job = cls(**json.loads((folder / JOB_FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return job if job.id == folder.name else None


@dataclass(frozen=True)
class Outcome:
    """How a job ended, as its own process reports it."""

    state: JobState
    error: str | None = None
    hint: str | None = None
    result: dict[str, Any] | None = None

    def write(self, folder: Path) -> None:
        """Write the outcome to the job's folder, atomically."""
        write_json(folder / OUTCOME_FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Outcome | None:
        """Return the outcome of a folder's job; None if its process was killed before."""
        try:
            return cls(**json.loads((folder / OUTCOME_FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def now() -> str:
    """Return the current time in UTC, in ISO 8601."""
    return datetime.now(UTC).isoformat()


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically. Raises StorageError."""
    partial = path.with_name(f".{path.name}.partial")
    with storage_errors(str(path)):
        partial.write_text(
            json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8", errors="replace"
        )
        sync(partial)
        partial.rename(path)


def drop_samples(home: Path, persona: str) -> int:
    """Remove the sample posts of a persona's training from the events of its finished jobs.

    They may repeat a post that is being forgotten. Returns how many were removed. Raises
    StorageError.
    """
    count = 0
    for folder in sorted((home / FOLDER).iterdir()) if (home / FOLDER).is_dir() else ():
        job, events = Job.read(folder), folder / EVENTS
        if job is None or job.name != persona or not job.is_over or not events.is_file():
            continue
        lines = events.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        left = [line for line in lines if not _is_sample(line)]
        if len(left) < len(lines):
            count += len(lines) - len(left)
            partial = events.with_name(f".{EVENTS}.partial")
            with storage_errors(str(events)):
                partial.write_text("".join(left), encoding="utf-8")
                sync(partial)
                partial.rename(events)
    return count


def _is_sample(line: str) -> bool:
    """Return whether a line is a sample post, or a line that a killed process left incomplete."""
    try:
        return bool(json.loads(line)["what"] == "sample")
    except (ValueError, KeyError, TypeError):
        return True


def append_event(folder: Path, event: Mapping[str, Any]) -> None:
    """Append a line to a job's events while no process of the job writes to them.

    A line that a killed process left incomplete is terminated first.
    """
    with storage_errors(str(folder / EVENTS)), (folder / EVENTS).open("a+b", buffering=0) as file:
        line = (json.dumps(event, ensure_ascii=False) + "\n").encode()
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            line = line if file.read() == b"\n" else b"\n" + line
        file.write(line)
