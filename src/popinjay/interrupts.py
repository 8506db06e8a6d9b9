"""Interruptions (Ctrl-C, SIGINT) that are not lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from popinjay.events import Event, Listener, What

REMINDED_BY = (What.START, What.PROGRESS)  # no work of cleaning up sends these


@contextmanager
def persistent_interrupts(listener: Listener) -> Iterator[Listener]:
    """Yield a listener that raises KeyboardInterrupt again at the next event where one was swallowed.

    Some libraries catch whatever is raised while they import or load, a KeyboardInterrupt too: the
    work then goes on as if nobody had asked it to stop. Signals can only be handled in the main
    thread; elsewhere, and where SIGINT is ignored, the listener is returned as it is.
    """
    before = signal.getsignal(signal.SIGINT)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if before is not signal.default_int_handler or not in_main_thread:
        yield listener
        return
    was_asked = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        was_asked.set()
        raise KeyboardInterrupt

    def listen(event: Event) -> None:
        if was_asked.is_set() and event.what in REMINDED_BY:
            raise KeyboardInterrupt
        listener(event)

    signal.signal(signal.SIGINT, handle)
    try:
        yield listen
    finally:
        signal.signal(signal.SIGINT, before)
