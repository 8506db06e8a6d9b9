"""The job queue: one training at a time and one brief job beside it, each in its own process.

Every step is on the disk before it is taken. So a server that is killed loses no job and disturbs
no training: the next one finds the process running, or its outcome, and continues with the queue.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import shutil
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from popinjay.errors import PersonaBusy, StorageError
from popinjay.server.api_error import ApiError
from popinjay.server.jobs.job import Job, JobKind, Outcome, now
from popinjay.server.jobs.process import Process
from popinjay.store.files import storage_errors
from popinjay.store.job_events import FOLDER, add_event

LOCK = "lock"
MAX_QUEUED = 100
POLL_SECONDS = 0.2  # between two checks of the running jobs
STOP_SECONDS = 30.0  # granted to a job to stop where it can be resumed, before it is killed
UPLOAD_DAYS = 7  # for which the upload of a job that could be resumed is kept
_log = logging.getLogger("popinjay.server")


class JobQueue:
    """All jobs of a home folder. Raises PersonaBusy if another server has them."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._folder = home / FOLDER
        self._lock = _lock_folder(self._folder)
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
            if job.state != "running":
                continue
            process = self._processes[job.id]
            if not (process.is_alive or process.has_started):
                # The server was killed before it started the process.
                self._change(job, state="queued", started=None)
        self._changed = threading.Condition()
        self._closing = False
        self._watcher = threading.Thread(target=self._watch, name="popinjay-jobs", daemon=True)
        self._watcher.start()

    def close(self) -> list[Job]:
        """Stop watching, and return the running jobs; they go on."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._watcher.join()
        os.close(self._lock)
        return [job for job in self._jobs.values() if job.state == "running"]

    def publish_address(self, address: str) -> None:
        """Store this server's address for the error message of a second server."""
        os.pwrite(self._lock, address.encode(), 0)

    def folder(self, id: str) -> Path:
        """Return a job's folder."""
        return self._folder / id

    # Requests

    def all(self) -> list[Job]:
        """Return every job, the newest first."""
        with self._changed:
            return sorted(self._jobs.values(), key=lambda job: (job.created, job.id), reverse=True)

    def get(self, id: str) -> Job:
        """Return a job. Raises ApiError if it does not exist."""
        with self._changed:
            if id not in self._jobs:
                raise ApiError(
                    404,
                    f"There is no job {id[:100]!r}.",
                    "It was removed, or the address is incomplete.",
                )
            return self._jobs[id]

    def is_over(self, id: str) -> bool:
        """Return whether a job is over, all of its events written, or was removed."""
        with self._changed:
            job = self._jobs.get(id)
            return job is None or job.is_over

    def submit(
        self,
        doing: JobKind,
        specs: list[str],
        upload: str | None,
        name: str | None,
        options: dict[str, Any],
    ) -> Job:
        """Queue a job; return a copy of it as it is now, which its start does not change.

        Args:
            doing: Whether to inspect, to make a persona, to train one again, to update or to
                export it.
            specs: The accounts to read; for an upload, the name of its file.
            upload: The id of an upload.
            name: The persona's name; None has it chosen from the authors.
            options: The options that were set, as of `popinjay make`; see `Job` for exports.

        Raises ApiError if too many jobs are queued.
        """
        with self._changed:
            if sum(job.state == "queued" for job in self._jobs.values()) >= MAX_QUEUED:
                raise ApiError(
                    429, f"{MAX_QUEUED} jobs are queued already.", "Stop some of them, or wait."
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
            self._changed.notify()
            return replace(job)

    def stop(self, id: str) -> Job:
        """Stop a job where it can be resumed. Raises ApiError if it is over."""
        with self._changed:
            job = self.get(id)
            if job.is_over:
                raise ApiError(
                    409, f"This job is over: its state is {job.state}.", "There is nothing to stop."
                )
            if job.state == "queued":
                self._change(job, state="stopped", ended=now())
            elif job.stop_asked is None:
                job.stop_asked = now()
                job.write(self.folder(id))
            self._changed.notify()
            return replace(job)

    def resume(self, id: str) -> Job:
        """Queue a job again, to continue from what is finished.

        Raises ApiError unless it failed or was stopped.
        """
        with self._changed:
            job = self.get(id)
            if job.state not in ("failed", "stopped"):
                raise ApiError(
                    409,
                    f"This job can't be resumed: its state is {job.state}.",
                    "Only a job that failed or was stopped can be resumed.",
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
            self._changed.notify()
            return replace(job)

    def remove(self, id: str) -> None:
        """Remove a job. Raises ApiError if it is running."""
        with self._changed:
            if self.get(id).state == "running":
                raise ApiError(409, "This job is running.", "Stop it first.")
            del self._jobs[id]
            shutil.rmtree(self.folder(id), ignore_errors=True)

    def check_idle(self, name: str) -> None:
        """Raise ApiError if a job that is not over makes or exports the persona of this name."""
        with self._changed:
            for job in self._jobs.values():
                if job.name == name and not job.is_over:
                    done = "exported" if job.doing == "export" else "made"
                    raise ApiError(
                        409,
                        f"{name!r} is being {done} right now.",
                        "Wait until it is done, or stop it.",
                    )

    def rename_persona(self, name: str, new_name: str) -> None:
        """Let the jobs that made a persona name it by its new name; remove those that exported it.

        Exports have the old name in their files.
        """
        self.remove_exports(name)
        with self._changed:
            for job in self._jobs.values():
                if job.name == name:
                    job.name = new_name
                    job.result = {**job.result, "persona": new_name} if job.result else None
                    job.write(self.folder(job.id))

    def remove_persona(self, name: str) -> None:
        """Remove the jobs that made a persona; none may be running."""
        with self._changed:
            for id in [job.id for job in self._jobs.values() if job.name == name]:
                self.remove(id)

    def exports_of(self, name: str) -> list[Job]:
        """Return the jobs that export a persona or did so, the newest first."""
        return [job for job in self.all() if job.doing == "export" and job.name == name]

    def remove_exports(self, name: str, kind: str | None = None) -> None:
        """Remove a persona's exports, or those of one kind, but for those under way."""
        with self._changed:
            for job in self.exports_of(name):
                if job.is_over and kind in (None, job.options["to"]):
                    self.remove(job.id)

    def needed_uploads(self) -> set[str]:
        """Return the ids of the uploads that jobs have yet to read, or may read again."""
        since = (datetime.now(UTC) - timedelta(days=UPLOAD_DAYS)).isoformat()
        with self._changed:
            return {
                job.upload
                for job in self._jobs.values()
                if job.upload
                and job.state != "done"
                and (not job.is_over or (job.ended or "") > since)
            }

    # The watching thread

    def _watch(self) -> None:
        with self._changed:
            while not self._closing:
                try:
                    for job in [job for job in self._jobs.values() if job.state == "running"]:
                        self._check(job)
                    self._start_next()
                except Exception:  # a problem with one job must not stop the others
                    _log.exception("the job queue")
                busy = any(job.state == "running" for job in self._jobs.values())
                self._changed.wait(POLL_SECONDS if busy else None)

    def _check(self, job: Job) -> None:
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
        outcome = Outcome.read(self.folder(job.id))
        if job.stop_asked is not None and (outcome is None or outcome.state == "failed"):
            # A library that is interrupted while it is imported reports that it is broken.
            outcome = Outcome("stopped")
        if outcome is None:
            outcome = Outcome(
                "failed",
                process.failure_message(),
                "Resume it: it continues from what is finished.",
            )
        persona = (outcome.result or {}).get("persona")
        self._processes.pop(job.id)
        # If the disk refuses, the next server finds the same outcome.
        with suppress(StorageError, OSError):
            self._change(
                job,
                state=outcome.state,
                error=outcome.error,
                hint=outcome.hint,
                result=outcome.result,
                ended=now(),
                **({"name": persona} if persona else {}),
            )

    def _start_next(self) -> None:
        """Start the oldest queued job of each kind of which none is running."""
        for job in sorted(self._jobs.values(), key=lambda job: (job.created, job.id)):
            if job.state != "queued" or any(
                other.state == "running" and other.is_brief == job.is_brief
                for other in self._jobs.values()
            ):
                continue
            process = Process(self.folder(job.id))
            try:
                process.clear_previous_run()
                self._change(job, state="running", started=now())
                process.start(self._home)
                self._processes[job.id] = process
            except (StorageError, OSError) as error:
                hint = error.hint if isinstance(error, StorageError) else ""
                with suppress(StorageError, OSError):
                    self._change(
                        job,
                        state="failed",
                        error=f"The job could not be started: {error}",
                        hint=hint,
                        ended=now(),
                    )

    def _change(self, job: Job, **changes: Any) -> None:
        """Change a job: first on the disk, then for the clients that follow its events."""
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


def _lock_folder(folder: Path) -> int:
    """Lock the jobs of a home folder; the system releases the lock however this process ends."""
    with storage_errors(str(folder)):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        address = os.pread(lock, 1000, 0).decode("utf-8", "replace").strip()
        os.close(lock)
        raise PersonaBusy(
            "Another popinjay serve is running for this folder.",
            f"Open {address or 'the address that it printed'}, or choose another --home.",
            page_hint=f"Open {address or 'the address that it printed'}.",
        ) from None
    os.ftruncate(lock, 0)
    return lock
