"""The process of its own that does a job: begun here, watched, stopped; it lives on when the server does not.

It inherits a lock that the system takes from it when it ends, however it ends. So whoever comes later can tell whether it lives, which by
its number alone nobody can: numbers are used again.
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
from popinjay.server.jobs.job import ENDED, LOCK, PID, PROBLEMS
from popinjay.store.files import storage_errors
from popinjay.store.job_events import EVENTS

ASK_AGAIN_SECONDS = 5.0
TAIL = 2000  # bytes of what it said at last


class Process:
    """The process of the job in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None  # None too where another server began it
        self._asked = -math.inf  # when it was asked to stop

    def forget_last(self) -> None:
        """Remove what is left of when it was last begun."""
        for left in (ENDED, PID, PROBLEMS):
            (self._folder / left).unlink(missing_ok=True)

    def start(self, home: Path) -> None:
        """Begin. Raises StorageError where the disk refuses."""
        with storage_errors(str(self._folder)):
            lock = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with (
                    (self._folder / EVENTS).open("ab") as events,
                    (self._folder / PROBLEMS).open("ab") as problems,
                ):
                    # -P: what lies in the folder where the server was started is no module of ours
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
                        start_new_session=True,  # Ctrl-C where the server runs is not meant for it
                        pass_fds=(lock,),
                    )
            finally:
                os.close(lock)  # the child has its own

    @property
    def is_alive(self) -> bool:
        """Whether it is at work, whoever began it."""
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
    def has_begun(self) -> bool:
        """Whether it ever came so far as to say its number."""
        return (self._folder / PID).exists()

    def interrupt(self) -> None:
        """Ask it to stop where it can go on later, as soon as it can be asked; again after a while, for some libraries swallow that while they load."""
        if time.monotonic() - self._asked > ASK_AGAIN_SECONDS and self._signal(signal.SIGINT):
            self._asked = time.monotonic()

    def kill(self) -> None:
        """End it, with whatever it started."""
        self._signal(signal.SIGKILL, whole_group=True)

    def _signal(self, number: signal.Signals, *, whole_group: bool = False) -> bool:
        """Only what holds the lock is signalled: a number alone may be somebody else's by now."""
        with suppress(OSError, ValueError):
            if (
                self.is_alive and (pid := int((self._folder / PID).read_text())) > 1
            ):  # from which on it can be asked
                os.killpg(pid, number) if whole_group else os.kill(pid, number)
                return True
        return False

    def last_words(self) -> str:
        """Why it ended without saying how."""
        code = self._child.returncode if self._child is not None else None
        if code is not None and code < 0:
            memory = ", perhaps because memory ran out" if code == -signal.SIGKILL else ""
            return f"The process that did it was killed (signal {-code}{memory})."
        said = ""
        with suppress(OSError), (self._folder / PROBLEMS).open("rb") as problems:
            problems.seek(max(0, problems.seek(0, os.SEEK_END) - TAIL))
            said = one_line(
                printable(
                    re.split(r"[\r\n]", problems.read().decode("utf-8", "replace").strip())[-1]
                )
            )
        return f"The process that did it ended without a result{f': {said}' if said else '. It was killed, or the machine was switched off'}."
