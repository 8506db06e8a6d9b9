"""The progress of a download, measured from outside by the size of its files."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from popinjay.events import Event, EventKind, Listener

STAGE = "base"
_POLL_SECONDS = 0.5


def size_reporter(
    folder: Path, total_bytes: int | None, activity: str, listener: Listener
) -> Callable[[], None]:
    """Return a function that reports the size of a folder to the listener, in MB.

    Args:
        folder: The folder that is downloaded to.
        total_bytes: The final size, if it is known.
        activity: What is going on, for the message.
        listener: Receives a progress event for each call.
    """

    def report() -> None:
        done = size_of(folder) / 1e6
        total = None
        progress = f"{done:,.0f} MB"
        if total_bytes is not None:
            total = total_bytes / 1e6
            done = min(done, total)
            progress = f"{done:,.0f} of {total:,.0f} MB"
        listener(Event(STAGE, EventKind.PROGRESS, f"{activity}: {progress}", done, total, "MB"))

    return report


@contextlib.contextmanager
def polling(report: Callable[[], None]) -> Iterator[None]:
    """Call `report` at intervals, in a thread, while the context is active."""
    finished = threading.Event()

    def poll() -> None:
        while not finished.wait(_POLL_SECONDS):
            report()

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def size_of(folder: Path) -> int:
    """Return the size of all files in a folder in bytes, as far as they can be seen now."""
    size = 0
    with contextlib.suppress(OSError):  # no such folder, or it is being deleted
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):  # deleted in the meantime
                size += path.stat().st_size if path.is_file() else 0
    return size
