"""The queue: one training at a time, and one look into an archive beside it; each in a process of its own.

Everything is on the disk before it is begun, so a server that is killed forgets nothing, and harms no training: the next one finds the
process at work, or its end, and goes on with the queue.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import shutil
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from popinjay.errors import PersonaBusy, StorageError
from popinjay.server.api_error import ApiError
from popinjay.server.jobs.job import Doing, End, Job, now
from popinjay.server.jobs.process import Process
from popinjay.store.files import storage_errors
from popinjay.store.job_events import FOLDER, add_event

LOCK = "lock"
MOST_QUEUED = 100
LOOK_SECONDS = 0.2  # between two looks at what is at work
STOP_SECONDS = 30.0  # to stop where it can go on, before it is ended
NEEDED_DAYS = 7  # that the upload of a job that could be resumed is kept
_log = logging.getLogger("popinjay.server")


class Jobs:
    """All jobs of a home folder. Only one server at a time has them: raises PersonaBusy where another has."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._folder = home / FOLDER
        self._lock = _only_one(self._folder)
        self._jobs = {
            job.id: job
            for folder in sorted(self._folder.iterdir())
            if folder.is_dir() and (job := Job.read(folder))
        }
        self._processes = {
            job.id: Process(self.folder(job.id))
            for job in self._jobs.values()
            if job.state == "running"
        }
        for job in self._jobs.values():
            if job.state == "running" and not (
                self._processes[job.id].is_alive or self._processes[job.id].has_begun
            ):
                self._change(
                    job, state="queued", started=None
                )  # the server was killed before it could begin it
        self._changes = threading.Condition()
        self._closing = False
        self._watcher = threading.Thread(target=self._watch, name="popinjay-jobs", daemon=True)
        self._watcher.start()

    def close(self) -> list[Job]:
        """Stop watching; those that are at work, which go on."""
        with self._changes:
            self._closing = True
            self._changes.notify()
        self._watcher.join()
        os.close(self._lock)
        return [job for job in self._jobs.values() if job.state == "running"]

    def say_where(self, address: str) -> None:
        """Leave a word for whoever starts another server here."""
        os.pwrite(self._lock, address.encode(), 0)

    def folder(self, id: str) -> Path:
        """A job's folder."""
        return self._folder / id

    # what is asked

    def all(self) -> list[Job]:
        """Every job, the newest first."""
        with self._changes:
            return sorted(self._jobs.values(), key=lambda job: (job.created, job.id), reverse=True)

    def get(self, id: str) -> Job:
        """A job. Raises Refused where there is none."""
        with self._changes:
            if id not in self._jobs:
                raise ApiError(
                    404, f"There is no job {id[:100]!r}.", "See which there are: /api/jobs"
                )
            return self._jobs[id]

    def is_over(self, id: str) -> bool:
        """Whether nothing more comes of a job by itself, and all of it is told; so of one that was removed."""
        with self._changes:
            job = self._jobs.get(id)
            return job is None or job.is_over

    def submit(
        self,
        doing: Doing,
        specs: list[str],
        upload: str | None,
        name: str | None,
        options: dict[str, Any],
    ) -> Job:
        """Queue a job. Raises Refused where too many wait."""
        with self._changes:
            if sum(job.state == "queued" for job in self._jobs.values()) >= MOST_QUEUED:
                raise ApiError(
                    429, f"{MOST_QUEUED} jobs wait already.", "Stop some of them, or wait."
                )
            job = Job(secrets.token_hex(8), doing, name, specs, upload, options, created=now())
            try:
                with storage_errors(str(self._folder)):
                    self.folder(job.id).mkdir(mode=0o700)
                self._change(job, state="queued")
            except BaseException:
                shutil.rmtree(self.folder(job.id), ignore_errors=True)
                raise
            self._jobs[job.id] = job
            self._changes.notify()
            return job

    def stop(self, id: str) -> Job:
        """Stop a job where it can go on later. Raises Refused where it is over."""
        with self._changes:
            job = self.get(id)
            if job.is_over:
                raise ApiError(
                    409, f"This job is over: it is {job.state}.", "Nothing is left to stop."
                )
            if job.state == "queued":
                self._change(job, state="stopped", ended=now())
            elif job.stop_asked is None:
                job.stop_asked = now()
                job.write(self.folder(id))
            self._changes.notify()
            return job

    def resume(self, id: str) -> Job:
        """Queue a job that failed or was stopped once more: it goes on from what is finished. Raises Refused for others."""
        with self._changes:
            job = self.get(id)
            if job.state not in ("failed", "stopped"):
                raise ApiError(
                    409,
                    f"This job is {job.state}.",
                    "Only one that failed or was stopped can be resumed.",
                )
            self._change(
                job,
                state="queued",
                error=None,
                hint=None,
                started=None,
                ended=None,
                stop_asked=None,
            )
            self._changes.notify()
            return job

    def remove(self, id: str) -> None:
        """Forget a job. Raises Refused where it is at work."""
        with self._changes:
            if self.get(id).state == "running":
                raise ApiError(409, "This job is at work.", "Stop it first.")
            del self._jobs[id]
            shutil.rmtree(self.folder(id), ignore_errors=True)

    def needed_uploads(self) -> set[str]:
        """The uploads that jobs are yet to read, or could read again."""
        since = (datetime.now(UTC) - timedelta(days=NEEDED_DAYS)).isoformat()
        with self._changes:
            return {
                job.upload
                for job in self._jobs.values()
                if job.upload
                and job.state != "done"
                and (not job.is_over or (job.ended or "") > since)
            }

    # what goes on

    def _watch(self) -> None:
        with self._changes:
            while not self._closing:
                try:
                    for job in [job for job in self._jobs.values() if job.state == "running"]:
                        self._look_after(job)
                    self._begin_next()
                except Exception:  # whatever is wrong with one job, the others are looked after
                    _log.exception("the queue")
                busy = any(job.state == "running" for job in self._jobs.values())
                self._changes.wait(LOOK_SECONDS if busy else None)

    def _look_after(self, job: Job) -> None:
        process = self._processes[job.id]
        if not process.is_alive:
            self._end(job, process)
        elif job.stop_asked is not None:
            waited = (datetime.now(UTC) - datetime.fromisoformat(job.stop_asked)).total_seconds()
            if waited > STOP_SECONDS:
                process.kill()
            else:
                process.interrupt()

    def _end(self, job: Job, process: Process) -> None:
        end = End.read(self.folder(job.id))
        if job.stop_asked is not None and (end is None or end.state == "failed"):
            end = End(
                "stopped"
            )  # a library that is stopped while it is loaded says that it is broken
        if end is None:
            end = End(
                "failed",
                process.last_words(),
                "Resume it: what is finished is kept, and it goes on from there.",
            )
        persona = (end.result or {}).get("persona")
        self._processes.pop(job.id)
        with suppress(StorageError, OSError):  # the next server finds that end as this one did
            self._change(
                job,
                state=end.state,
                error=end.error,
                hint=end.hint,
                result=end.result,
                ended=now(),
                **({"name": persona} if persona else {}),
            )

    def _begin_next(self) -> None:
        """Begin what waits longest, of each kind of which nothing is at work."""
        for job in sorted(self._jobs.values(), key=lambda job: (job.created, job.id)):
            if job.state != "queued" or any(
                other.state == "running" and other.doing == job.doing
                for other in self._jobs.values()
            ):
                continue
            process = Process(self.folder(job.id))
            try:
                process.forget_last()
                self._change(job, state="running", started=now())
                process.start(self._home)
                self._processes[job.id] = process
            except (StorageError, OSError) as error:
                hint = error.hint if isinstance(error, StorageError) else ""
                with suppress(StorageError, OSError):
                    self._change(
                        job,
                        state="failed",
                        error=f"It could not be begun: {error}",
                        hint=hint,
                        ended=now(),
                    )

    def _change(self, job: Job, **changes: Any) -> None:
        """Another state: on the disk first, then to whoever follows its events."""
        for name, value in changes.items():
            setattr(job, name, value)
        job.write(self.folder(job.id))
        add_event(
            self.folder(job.id),
            {
                "what": "state",
                "state": job.state,
                "error": job.error,
                "hint": job.hint,
                "time": now(),
            },
        )


def _only_one(folder: Path) -> int:
    """Take the jobs of a home folder; the system gives them back however this process ends."""
    with storage_errors(str(folder)):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        where = os.pread(lock, 1000, 0).decode("utf-8", "replace").strip()
        os.close(lock)
        raise PersonaBusy(
            "Another popinjay serve is at work here.",
            f"Open {where or 'the page where it said'}, or choose another --home.",
        ) from None
    os.ftruncate(lock, 0)
    return lock
