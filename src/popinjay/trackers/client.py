"""The line to one tracker's process. Sending never waits: what a tracker is too slow for is left out, and said once."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from popinjay.errors import TrackerError
from popinjay.trackers import Location

MOST_WAITING = 10_000  # messages: more than most trainings have steps
FORGET_SECONDS = 120.0  # for one tracker to remove what it was told


def forget(tracker: str, persona: str, place: Location) -> str:
    """Have a tracker remove what it was told of a persona; what is out of its reach, as `Tracker.forget` says. Raises TrackerError where it could not."""
    message = {"do": "forget", "tracker": tracker, "persona": persona, "place": asdict(place)}
    with _worker() as process:
        try:
            said, _ = process.communicate(json.dumps(message) + "\n", timeout=FORGET_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise TrackerError("It did not answer in time.", "") from error
        finally:
            _end(process)
    answer: dict[str, str] = {}
    for line in said.splitlines():
        answer |= json.loads(line)
    if "left" not in answer:
        raise TrackerError(answer.get("problem", "Its process ended."), "")
    return answer["left"]


def _worker() -> subprocess.Popen[str]:
    """A process for one tracker."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "popinjay.trackers.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        start_new_session=True,  # Ctrl-C is for us; and its own children can be ended with it
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )


def _end(process: subprocess.Popen[str]) -> None:
    """End the whole group of a process: W&B has a service of its own in it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


class TrackerClient:
    """One tracker in a process of its own, told through a bounded queue. Nothing here raises because of what the tracker does."""

    def __init__(self, tracker: str, persona: str, folder: Path) -> None:
        self.tracker = tracker
        self.problem: str | None = None  # why it is no longer told anything, or not everything
        self._waiting: queue.Queue[str | None] = queue.Queue(MOST_WAITING)
        self._closing = False
        self._process = _worker()
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._write, self._read)
        ]
        for thread in self._threads:
            thread.start()
        self.send("open", tracker=tracker, persona=persona, folder=str(folder))

    def send(self, verb: str, **message: Any) -> None:
        """Tell it something, as soon as it listens."""
        if self.problem is None:
            try:
                self._waiting.put_nowait(json.dumps({"do": verb, **message}))
            except queue.Full:
                self.problem = "it is too slow, or does not answer"

    def say_goodbye(self) -> None:
        """Tell it that there is nothing more to come."""
        self._closing = True
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)

    def close(self, until: float) -> None:
        """Let it finish, until this moment of the monotonic clock; then end it and whatever it started."""
        try:
            if self._process.wait(
                max(0.0, until - time.monotonic()) if self.problem is None else 0.0
            ):
                self._threads[1].join(1.0)  # it may have said why
                self.problem = self.problem or "its process ended"
        except subprocess.TimeoutExpired:
            self.problem = self.problem or "it did not answer in time"
        _end(self._process)
        for thread in self._threads:
            thread.join(1.0)

    def _write(self) -> None:
        """Hand over what waits, until there is no more or nobody to take it."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            while (line := self._waiting.get()) is not None:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.close()

    def _read(self) -> None:
        """Hear what is the matter."""
        assert self._process.stdout is not None
        with self._process.stdout as said:
            for line in said:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    self.problem = self.problem or json.loads(line)["problem"]
        if not self._closing:
            self.problem = self.problem or "its process ended"
