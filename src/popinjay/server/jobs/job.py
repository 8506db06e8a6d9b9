"""A job: what was requested and its state. Each has a folder, so a restarted server finds them all.

HOME/.jobs/ID/
  job.json       the request and its state; only the server writes it
  events.jsonl   the output of `popinjay make --json`, with each change of state in between
  ended.json     the outcome, written by the job's process
  problems.txt   standard error of that process
  lock, pid      locked as long as that process lives, and its process id
  export/        of an export: the folder that it wrote
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from popinjay.store.files import atomic_write, storage_errors
from popinjay.store.job_events import FILE, OVER

JobKind = Literal["inspect", "make", "retrain", "update", "export"]
JobState = Literal["queued", "running", "done", "failed", "stopped"]

UPLOADS = ".uploads"  # in the home folder, with one folder per upload
OUTCOME_FILE = "ended.json"
PROBLEMS = "problems.txt"
LOCK = "lock"
PID = "pid"


@dataclass
class Job:
    """A job and its state, as it is stored and as the API returns it.

    `result` of an inspection is the output of `popinjay inspect --json`; that of a training has the
    name of the persona as `persona`. A job that trains a persona again (`retrain`) has its name,
    the training options that change, and no specs. One that updates it with newer posts (`update`)
    has no specs either unless these were uploaded; its result is that of `popinjay update --json`.
    One that exports has as options the kind (`to`) and the type of weights (`quant`), and as result
    `persona`, `kind`, `quant`, `folder` (its name, null if nothing had to be written), `bytes` and
    `loaded_by`, as of `popinjay export --json`.
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
    def is_brief(self) -> bool:
        """Whether the job takes seconds: such a job runs beside one that trains."""
        return self.doing in ("inspect", "export")

    @property
    def is_over(self) -> bool:
        """Whether the job is in a final state, which only a request changes."""
        return self.state in OVER

    def write(self, folder: Path) -> None:
        """Write the job to its folder, atomically."""
        write_json(folder / FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Job | None:
        """Return the job of a folder; None if there is none or it is damaged."""
        try:
            job = cls(**json.loads((folder / FILE).read_text(encoding="utf-8")))
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
    text = json.dumps(value, ensure_ascii=False, indent=1)
    with storage_errors(str(path)):
        atomic_write(path, text.encode("utf-8", "replace"))
