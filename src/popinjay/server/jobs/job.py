"""A job: what was asked for, and how it stands. One folder each, so that whoever starts the server again finds them all.

HOME/.jobs/ID/
  job.json       what was asked for and how it stands; only the server writes it
  events.jsonl   what it says, as `popinjay make --json` does, and between that each state it came into
  ended.json     how it ended, by the process that did it
  problems.txt   what else that process had to say
  lock, pid      held as long as that process lives, and its number
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from popinjay.store.files import atomic_write, storage_errors
from popinjay.store.job_events import FILE, OVER

Doing = Literal["inspect", "make"]
Standing = Literal["queued", "running", "done", "failed", "stopped"]
UPLOADS = ".uploads"  # in the home folder, one folder an upload
ENDED, PROBLEMS, LOCK, PID = "ended.json", "problems.txt", "lock", "pid"


@dataclass
class Job:
    """What was asked for, and how it stands."""

    id: str
    doing: Doing
    name: str | None
    specs: list[str]  # accounts; for an upload the name of its file
    upload: str | None
    options: dict[str, Any]
    created: str
    state: Standing = "queued"
    error: str | None = None
    hint: str | None = None
    started: str | None = None
    ended: str | None = None
    result: dict[str, Any] | None = None
    stop_asked: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it by itself."""
        return self.state in OVER

    def write(self, folder: Path) -> None:
        """Put it on the disk, whole or not at all."""
        write_json(folder / FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Job | None:
        """The job of a folder; None where it holds none."""
        try:
            job = cls(**json.loads((folder / FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return job if job.id == folder.name else None


@dataclass(frozen=True)
class End:
    """How a job ended, in its own process's words."""

    state: Standing
    error: str | None = None
    hint: str | None = None
    result: dict[str, Any] | None = field(default=None)

    def write(self, folder: Path) -> None:
        """Put it on the disk, whole or not at all."""
        write_json(folder / ENDED, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> End | None:
        """The end of the job in a folder, where its process lived to tell it."""
        try:
            return cls(**json.loads((folder / ENDED).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def now() -> str:
    """The time, as jobs say it."""
    return datetime.now(UTC).isoformat()


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file completely or not at all. Raises StorageError."""
    text = json.dumps(value, ensure_ascii=False, indent=1)
    with storage_errors(str(path)):
        atomic_write(path, text.encode("utf-8", "replace"))
