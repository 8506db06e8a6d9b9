"""Interruptions (Ctrl-C, SIGTERM, SIGHUP) that clean up, and are never swallowed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from popinjay.events import Event, EventKind, Listener

Handler = Callable[[int, FrameType | None], None]

REMINDED_BY = (EventKind.START, EventKind.PROGRESS)  # cleaning up sends none of these


class Terminated(BaseException):
    """A signal asked the program to end.

    Unlike KeyboardInterrupt, it never means only a part of the work.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _end(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)


# Sent by a terminal that is closed, a service manager or a container; not every system has SIGHUP.
_ENDING = tuple(
    signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if name in signal.Signals.__members__
)
_RAISING: dict[signal.Signals, Handler] = {
    signal.SIGINT: signal.default_int_handler,
    **dict.fromkeys(_ENDING, _end),
}


def _in_main_thread() -> bool:
    """Return whether signals can be handled in this thread."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raise Terminated for SIGTERM and SIGHUP, so that unfinished work is cleaned up.

    A signal that is ignored (`nohup`) stays ignored.
    """
    handled = [
        number
        for number in _ENDING
        if _in_main_thread() and signal.getsignal(number) is signal.SIG_DFL
    ]
    for number in handled:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)


@dataclass
class _Held:
    """Whether interruptions are held back now, and the one that came meanwhile."""

    depth: int = 0
    number: signal.Signals | None = None


_held = _Held()


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Raise an interruption that comes while the body runs only after it, so that it is whole.

    That holds inside `persistent_interrupts`, in the main thread, which alone gets signals.
    """
    if not _in_main_thread():
        yield
        return
    _held.depth += 1
    try:
        yield
    finally:
        _held.depth -= 1
        number = _held.number
        if not _held.depth:
            _held.number = None
    if number is not None and not _held.depth:
        _RAISING[number](number, None)


@contextmanager
def persistent_interrupts(
    listener: Listener,
    on_first: Callable[[], None] = lambda: None,
    on_second: Callable[[int], None] | None = None,
) -> Iterator[Listener]:
    """Yield a listener that raises an interruption again at the next event if it was swallowed.

    Some libraries catch every exception while they import or load, even KeyboardInterrupt, and the
    work continues as if it had not been interrupted. Signals can be handled only in the main
    thread; in other threads, or if the signals are ignored, the listener itself is yielded.

    Args:
        listener: Receives the events.
        on_first: Is called at once when an interruption comes, in its handler: it must not print
            to a stream that the program may be writing to.
        on_second: Is called, with the signal's number, when another one comes while the first one
            is cleaned up after; without it that is raised as the first one was.
    """
    handled = [
        number
        for number, raising in _RAISING.items()
        if _in_main_thread() and signal.getsignal(number) is raising
    ]
    if not handled:
        yield listener
        return
    received: list[signal.Signals] = []

    def handle(number: int, frame: FrameType | None) -> None:
        received.append(signal.Signals(number))
        if len(received) > 1 and on_second is not None:
            on_second(number)
        on_first()
        if _held.depth:
            _held.number = received[-1]
            return
        _RAISING[received[-1]](number, frame)

    def listen(event: Event) -> None:
        if received and event.what in REMINDED_BY:
            _RAISING[received[-1]](received[-1], None)
        listener(event)

    for number in handled:
        signal.signal(number, handle)
    try:
        yield listen
    finally:
        for number in handled:
            signal.signal(number, _RAISING[number])
