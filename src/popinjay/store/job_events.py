"""What the server's jobs leave on the disk about a persona: their events, with posts among them.

The jobs themselves are the server's (`server/jobs/job.py`). Their events are here because a persona
that is told to forget a post has to remove it from them too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from popinjay.store.files import storage_errors, sync

FOLDER = ".jobs"  # in the home folder, with one folder for each job
FILE, EVENTS = "job.json", "events.jsonl"  # in a job's folder
OVER = ("done", "failed", "stopped")  # states of a job that is no longer at work


def add_event(folder: Path, event: Mapping[str, Any]) -> None:
    """Add a line to a job's events, which no other process writes now.

    A line that a killed process left unfinished is ended first. Raises StorageError.
    """
    with storage_errors(str(folder / EVENTS)), (folder / EVENTS).open("a+b", buffering=0) as file:
        line = (json.dumps(event, ensure_ascii=False) + "\n").encode()
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            line = line if file.read() == b"\n" else b"\n" + line
        file.write(line)


def drop_samples(home: Path, persona: str) -> int:
    """Remove the posts written during training from a persona's finished jobs; return how many.

    They may repeat a post that the persona was told to forget. Raises StorageError.
    """
    jobs = home / FOLDER
    count = 0
    for folder in sorted(jobs.iterdir()) if jobs.is_dir() else ():
        events = folder / EVENTS
        if not (_is_finished_job(folder, persona) and events.is_file()):
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


def _is_finished_job(folder: Path, persona: str) -> bool:
    """Return whether a folder is that of a job of this persona that is over."""
    try:
        job = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return bool(job["id"] == folder.name and job["name"] == persona and job["state"] in OVER)
    except (OSError, ValueError, TypeError, KeyError):
        return False


def _is_sample(line: str) -> bool:
    """Return whether a line is such a post, or part of one that a killed process left."""
    try:
        return bool(json.loads(line)["what"] == "sample")
    except (ValueError, KeyError, TypeError):
        return True
