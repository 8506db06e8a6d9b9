"""Interruptions (Ctrl-C, SIGTERM, SIGHUP) that tidy up, and are not lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from popinjay.events import Event, EventKind, Listener

Handler = Callable[[int, FrameType | None], None]

REMINDED_BY = (EventKind.START, EventKind.PROGRESS)  # no work of cleaning up sends these


class Terminated(BaseException):
    """A signal asked the program to end. Unlike KeyboardInterrupt, it never means a part of the work only."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _end(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)


# What a terminal that is closed, a service manager or a container's end sends; SIGHUP is not known everywhere.
_ENDING = tuple(
    signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if name in signal.Signals.__members__
)
_RAISING: dict[signal.Signals, Handler] = {
    signal.SIGINT: signal.default_int_handler,
    **dict.fromkeys(_ENDING, _end),
}


def _in_main_thread() -> bool:
    """Whether signals can be handled here."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raise Terminated for SIGTERM and SIGHUP, so that what is half done is tidied up.

    Where one is ignored (`nohup`) it stays so.
    """
    taken = [
        number
        for number in _ENDING
        if _in_main_thread() and signal.getsignal(number) is signal.SIG_DFL
    ]
    for number in taken:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def persistent_interrupts(listener: Listener) -> Iterator[Listener]:
    """Yield a listener that raises an interruption again at the next event if it was swallowed.

    Some libraries catch whatever is raised while they import or load, a KeyboardInterrupt too: the
    work then goes on as if it had not been asked to stop. Signals can only be handled in the main
    thread; elsewhere, and where they are ignored, the listener is returned as it is.
    """
    taken = [
        number
        for number, raising in _RAISING.items()
        if _in_main_thread() and signal.getsignal(number) is raising
    ]
    if not taken:
        yield listener
        return
    asked: list[signal.Signals] = []

    def handle(number: int, frame: FrameType | None) -> None:
        asked.append(signal.Signals(number))
        _RAISING[asked[-1]](number, frame)

    def listen(event: Event) -> None:
        if asked and event.what in REMINDED_BY:
            _RAISING[asked[-1]](asked[-1], None)
        listener(event)

    for number in taken:
        signal.signal(number, handle)
    try:
        yield listen
    finally:
        for number in taken:
            signal.signal(number, _RAISING[number])
