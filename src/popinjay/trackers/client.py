"""The client of a tracker's process. Sending never blocks: a slow tracker is dropped."""

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

MAX_QUEUED = 10_000  # messages: more than most trainings have steps
FORGET_SECONDS = 120.0  # for one tracker to delete a persona's data


def forget(tracker: str, persona: str, location: Location) -> str:
    """Have a tracker delete a persona's data; returns what `Tracker.forget` does.

    Raises TrackerError if it fails.
    """
    message = {
        "do": "forget",
        "tracker": tracker,
        "persona": persona,
        "location": asdict(location),
    }
    with _worker() as process:
        try:
            output, _ = process.communicate(json.dumps(message) + "\n", timeout=FORGET_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise TrackerError("It did not answer in time.", "") from error
        finally:
            _kill(process)
    answer: dict[str, str] = {}
    for line in output.splitlines():
        answer |= json.loads(line)
    if "left" not in answer:
        raise TrackerError(answer.get("problem", "Its process ended."), "")
    return answer["left"]


def _worker() -> subprocess.Popen[str]:
    """Start a process for one tracker."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "popinjay.trackers.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        start_new_session=True,  # not stopped by Ctrl-C; can be killed with its children
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill a process with its whole group, in which W&B starts a service."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


class TrackerClient:
    """A tracker in its own process, with a bounded queue of messages.

    Nothing here raises an error of the tracker.
    """

    def __init__(self, tracker: str, persona: str, folder: Path) -> None:
        self.tracker = tracker
        self.problem: str | None = None  # why messages were dropped
        self._queue: queue.Queue[str | None] = queue.Queue(MAX_QUEUED)
        self._closing = False
        self._process = _worker()
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._write, self._read)
        ]
        for thread in self._threads:
            thread.start()
        self.send("open", tracker=tracker, persona=persona, folder=str(folder))

    def send(self, verb: str, **message: Any) -> None:
        """Queue a message."""
        if self.problem is None:
            try:
                self._queue.put_nowait(json.dumps({"do": verb, **message}))
            except queue.Full:
                self.problem = "it is too slow, or does not answer"

    def finish(self) -> None:
        """Queue the end: there are no more messages."""
        self._closing = True
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)

    def close(self, deadline: float) -> None:
        """Wait for its end until the deadline (monotonic clock), then kill it and its children."""
        timeout = max(0.0, deadline - time.monotonic()) if self.problem is None else 0.0
        try:
            if self._process.wait(timeout):
                self._threads[1].join(1.0)  # it may have sent the reason
                self.problem = self.problem or "its process ended"
        except subprocess.TimeoutExpired:
            self.problem = self.problem or "it did not answer in time"
        _kill(self._process)
        for thread in self._threads:
            thread.join(1.0)

    def _write(self) -> None:
        """Write queued messages to the process, until the end of either."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            while (line := self._queue.get()) is not None:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.close()

    def _read(self) -> None:
        """Read the process's problems."""
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    self.problem = self.problem or json.loads(line)["problem"]
        if not self._closing:
            self.problem = self.problem or "its process ended"
