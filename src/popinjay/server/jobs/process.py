"""The process that runs a job: start it, watch it, stop it. It survives the server.

The process inherits a file lock that the system releases when it ends, however it ends. So a later
server can tell whether the process lives; its process id alone can't, since ids are reused.
"""

from __future__ import annotations

import fcntl
import math
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from popinjay.post import one_line, printable
from popinjay.server.jobs.job import LOCK, OUTCOME_FILE, PID, PROBLEMS
from popinjay.store.files import storage_errors
from popinjay.store.job_events import EVENTS

INTERRUPT_AGAIN_SECONDS = 5.0
TAIL_BYTES = 2000  # of standard error, searched for the reason of a failure


class Process:
    """The process of the job in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None  # None too if another server started it
        self._last_interrupt = -math.inf

    def clear_previous_run(self) -> None:
        """Remove the files that a previous run of the job left."""
        for name in (OUTCOME_FILE, PID, PROBLEMS):
            (self._folder / name).unlink(missing_ok=True)

    def start(self, home: Path) -> None:
        """Start the process. Raises StorageError."""
        with storage_errors(str(self._folder)):
            lock = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with (
                    (self._folder / EVENTS).open("ab") as events,
                    (self._folder / PROBLEMS).open("ab") as problems,
                ):
                    # -P: don't import modules from the server's working directory
                    self._child = subprocess.Popen(  # noqa: S603
                        [
                            sys.executable,
                            "-P",
                            "-m",
                            "popinjay.server.jobs.worker",
                            str(self._folder),
                            str(home),
                            str(lock),
                        ],
                        stdin=subprocess.DEVNULL,
                        stdout=events,
                        stderr=problems,
                        start_new_session=True,  # Ctrl-C stops the server, not its jobs
                        pass_fds=(lock,),
                    )
            finally:
                os.close(lock)  # the child has inherited it

    @property
    def is_alive(self) -> bool:
        """Whether the process runs, no matter which server started it."""
        if self._child is not None:
            return self._child.poll() is None
        try:
            lock = os.open(self._folder / LOCK, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    @property
    def has_started(self) -> bool:
        """Whether the process got as far as to write its process id."""
        return (self._folder / PID).exists()

    def interrupt(self) -> None:
        """Ask the process to stop where it can be resumed.

        The signal is sent once the process handles it, and again after a while: some libraries
        swallow it while they are imported.
        """
        is_due = time.monotonic() - self._last_interrupt > INTERRUPT_AGAIN_SECONDS
        if is_due and self._signal(signal.SIGINT):
            self._last_interrupt = time.monotonic()

    def kill(self) -> None:
        """Kill the process and everything it started."""
        self._signal(signal.SIGKILL, whole_group=True)

    def _signal(self, number: signal.Signals, *, whole_group: bool = False) -> bool:
        """Send a signal, and return whether it was sent.

        Only a process that holds the lock is signalled: its id alone may belong to another one by
        now. The process writes its id once it handles signals.
        """
        with suppress(OSError, ValueError):
            if self.is_alive and (pid := int((self._folder / PID).read_text())) > 1:
                if whole_group:
                    os.killpg(pid, number)
                else:
                    os.kill(pid, number)
                return True
        return False

    def failure_message(self) -> str:
        """Describe why the process ended without writing an outcome."""
        code = self._child.returncode if self._child is not None else None
        if code is not None and code < 0:
            memory = ", possibly because memory ran out" if code == -signal.SIGKILL else ""
            return f"The job's process was killed (signal {-code}{memory})."
        last_line = ""
        with suppress(OSError), (self._folder / PROBLEMS).open("rb") as problems:
            problems.seek(max(0, problems.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = problems.read().decode("utf-8", "replace").strip()
            last_line = one_line(printable(re.split(r"[\r\n]", text)[-1]))
        if last_line:
            return f"The job's process ended without a result: {last_line}."
        return (
            "The job's process ended without a result. "
            "It was killed, or the machine was switched off."
        )
