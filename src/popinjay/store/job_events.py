"""What the server's jobs leave on the disk about a persona: events with posts, and exports.

The jobs themselves are the server's (`server/jobs/job.py`). What they leave is here because a
persona that is told to forget a post has to remove it from there too.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from popinjay.store.files import append_json_line, atomic_write, storage_errors

FOLDER = ".jobs"  # in the home folder, with one folder for each job
FILE, EVENTS = "job.json", "events.jsonl"  # in a job's folder
EXPORT = "export"  # in the folder of a job that exports: what it wrote
OVER = ("done", "failed", "stopped")  # states of a job that is no longer at work


def add_event(folder: Path, event: Mapping[str, Any]) -> None:
    """Add a line to a job's events, which no other process writes now. Raises StorageError."""
    with storage_errors(str(folder / EVENTS)):
        append_json_line(folder / EVENTS, event, durable=False)


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
            with storage_errors(str(events)):
                atomic_write(events, "".join(left))
    return count


def drop_exports(home: Path, persona: str) -> int:
    """Remove a persona's exports, which hold its model and hashes of posts; return how many."""
    jobs = home / FOLDER
    count = 0
    for folder in sorted(jobs.iterdir()) if jobs.is_dir() else ():
        if (folder / EXPORT).is_dir() and _is_finished_job(folder, persona):
            shutil.rmtree(folder / EXPORT, ignore_errors=True)
            count += 1
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
