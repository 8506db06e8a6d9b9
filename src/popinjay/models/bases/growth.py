"""How far a download is, seen from outside: the size of what it has written so far."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from popinjay.events import Event, EventKind, Listener

STAGE = "base"
_LOOK_SECONDS = 0.5  # between two looks at the folder


def growing(folder: Path, total: int | None, doing: str, listener: Listener) -> Callable[[], None]:
    """Return what tells the listener, each time it is called, how many MB lie in a folder."""

    def look() -> None:
        done = size_of(folder) / 1e6
        most = None if total is None else total / 1e6
        told = f"{done:,.0f} MB" if most is None else f"{min(done, most):,.0f} of {most:,.0f} MB"
        done = done if most is None else min(done, most)
        listener(Event(STAGE, EventKind.PROGRESS, f"{doing}: {told}", done, most, "MB"))

    return look


@contextlib.contextmanager
def watched(look: Callable[[], None]) -> Iterator[None]:
    """Call `look` now and then while the body runs."""
    over = threading.Event()

    def go_on_looking() -> None:
        while not over.wait(_LOOK_SECONDS):
            look()

    looking = threading.Thread(target=go_on_looking, daemon=True)
    looking.start()
    try:
        yield
    finally:
        over.set()
        looking.join()


def size_of(folder: Path) -> int:
    """Return the bytes in all files of a folder, as far as they can be seen at this moment."""
    size = 0
    with contextlib.suppress(OSError):  # no such folder, or one that is being deleted
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):  # deleted in the meantime
                size += path.stat().st_size if path.is_file() else 0
    return size
