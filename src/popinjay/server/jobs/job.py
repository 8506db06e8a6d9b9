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
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from popinjay.store.files import storage_errors, sync

Doing = Literal["inspect", "make"]
Standing = Literal["queued", "running", "done", "failed", "stopped"]
UPLOADS = ".uploads"  # in the home folder, one folder an upload
OVER = ("done", "failed", "stopped")

FOLDER = ".jobs"  # in the home folder, one folder a job
FILE, EVENTS, ENDED, PROBLEMS, LOCK, PID = (
    "job.json",
    "events.jsonl",
    "ended.json",
    "problems.txt",
    "lock",
    "pid",
)


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
    """Write a file whole or not at all. Raises StorageError."""
    partial = path.with_name(f".{path.name}.partial")
    with storage_errors(str(path)):
        partial.write_text(
            json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8", errors="replace"
        )
        sync(partial)
        partial.rename(path)


def drop_samples(home: Path, persona: str) -> int:
    """Take the posts written while a persona learnt out of what its finished jobs said; return how many that were.

    They may repeat a post that it was told to forget. Raises StorageError.
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
    """Return whether a line is such a post, or half of one that a killed process left."""
    try:
        return bool(json.loads(line)["what"] == "sample")
    except (ValueError, KeyError, TypeError):
        return True


def tell(folder: Path, event: Mapping[str, Any]) -> None:
    """Add a line to a job's events, which nobody else writes to now. A line that a killed process left open is closed first."""
    with storage_errors(str(folder / EVENTS)), (folder / EVENTS).open("a+b", buffering=0) as file:
        line = (json.dumps(event, ensure_ascii=False) + "\n").encode()
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            line = line if file.read() == b"\n" else b"\n" + line
        file.write(line)
