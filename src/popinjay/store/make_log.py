"""The log of a `make`: every event with its time, in `logs/` in the persona's folder.

It is for people who want to know later what was said, also if nobody looked or with `--quiet`. As
samples and notes may quote posts it is private like them: `forget` deletes all logs, and `publish`
never sends one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from popinjay.errors import PopinjayError
from popinjay.events import Event, EventKind, Listener
from popinjay.post import one_line
from popinjay.store.run import Run

FOLDER = "logs"
KEPT = 10  # the newest logs; older ones are deleted
PROGRESS_SECONDS = 5.0  # between two lines of progress of the same activity
LEFT_OUT = (EventKind.METRICS, EventKind.SETTINGS)  # in metrics.jsonl and run.toml


class MakeLog:
    """A listener that writes events to a new log, then passes them on.

    Nothing is written before a stage begins: a `make` that has nothing to do leaves no log. A log
    never stops a `make`: a line that can't be written is lost.
    """

    def __init__(self, run: Run, listener: Listener) -> None:
        self._run = run
        self._listener = listener
        self._path: Path | None = None
        self._waiting: list[str] = []  # lines from before a stage began
        self._activity = ("", "")
        self._last_progress = 0.0

    def __call__(self, event: Event) -> None:
        """Write an event, and pass it on."""
        if self._path is None and event.what is EventKind.START:
            self._path = _new_path(self._run)
        if self._is_wanted(event):
            self.write(as_line(event))
        self._listener(event)

    def write(self, text: str) -> None:
        """Write a line with the time now."""
        self._waiting.append(f"{datetime.now(UTC).isoformat(timespec='seconds')} {text}\n")
        if self._path is None:
            return
        lines, self._waiting = self._waiting, []
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(exist_ok=True)
            # Opened for each line: the folder is deleted if another persona is replaced meanwhile.
            with self._path.open(
                "a", encoding="utf-8", errors="backslashreplace", newline="\n"
            ) as file:
                file.writelines(lines)

    def _is_wanted(self, event: Event) -> bool:
        """Return whether an event is written: progress only now and then."""
        if event.what in LEFT_OUT:
            return False
        if event.what is not EventKind.PROGRESS:
            return True
        now, activity = time.monotonic(), (event.stage, event.message)
        if activity == self._activity and now - self._last_progress < PROGRESS_SECONDS:
            return False
        self._activity, self._last_progress = activity, now
        return True


def as_line(event: Event) -> str:
    """Return an event as one line: stage, kind, message, count and numbers."""
    parts = [f"{event.stage}: {event.what}"]
    if event.message:
        parts.append(one_line(event.message))
    if event.done is not None:
        total = f"/{event.total:g}" if event.total is not None else ""
        parts.append(f"{event.done:g}{total} {event.unit}".rstrip())
    if event.numbers:
        parts.append(", ".join(f"{name}={value:g}" for name, value in event.numbers.items()))
    return " | ".join(parts)


@contextlib.contextmanager
def logged(run: Run, listener: Listener) -> Iterator[Listener]:
    """Yield a listener that also writes a log, whose last line says how the body ended.

    The persona's lock is held.
    """
    log = MakeLog(run, listener)
    try:
        yield log
    except PopinjayError as error:
        log.write(f"failed: {one_line(error.message)}")
        raise
    except BaseException as error:
        log.write(f"stopped: {type(error).__name__}")
        raise
    log.write("finished")


def _new_path(run: Run) -> Path:
    """Return the path of a new log, and delete the oldest logs if there are too many.

    Raises PersonaError if the folder leads out of the persona's.
    """
    folder = run.file(FOLDER)
    with contextlib.suppress(OSError):
        for old in sorted(folder.glob("make-*.log"))[: -(KEPT - 1)]:
            old.unlink(missing_ok=True)
    stem = f"make-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    names = (f"{stem}-{number}.log" if number else f"{stem}.log" for number in count())
    return next(path for name in names if not (path := run.file(f"{FOLDER}/{name}")).exists())
