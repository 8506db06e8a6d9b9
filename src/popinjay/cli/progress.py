"""Show the progress of stages: live on a terminal, as plain lines elsewhere, or as JSON."""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TextIO

from popinjay.cli.consoles import console
from popinjay.cli.live_progress import (
    BEFORE_LEARNING,
    MACHINE_ONLY,
    LiveProgress,
    format_numbers,
    remaining,
)
from popinjay.events import Event, EventKind, Listener
from popinjay.interrupts import persistent_interrupts
from popinjay.standard_streams import print_error, print_event
from popinjay.text.quantities import time_left

__all__ = ["console", "counting", "listening", "waiting"]

SPINNER_DELAY = 0.4  # seconds before a spinner is shown
PLAIN_SECONDS = 10.0  # between two lines of progress that can't be redrawn in place
SAVING = "saving what is done..."  # after Ctrl-C during `make`
STOPPING = "stopping..."  # after Ctrl-C during anything else
SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def listening(
    *,
    quiet: bool = False,
    as_json: bool = False,
    verbose: bool = False,
    starting: str = "",
    stopping: str = STOPPING,
) -> Iterator[Listener]:
    """Yield a listener that shows events: live on a terminal, as JSON lines, or as plain lines.

    A first Ctrl-C is answered at once with `stopping`; a second one ends the program. Everything
    is written whole or not at all, so that nothing is lost but what had not been saved.

    Args:
        quiet: Show one plain line for each stage.
        as_json: Print each event as JSON.
        verbose: Show the numbers of the training, too.
        starting: What is done before the first event, in words.
        stopping: What is done after Ctrl-C, in words.
    """
    with ExitStack() as stack:
        listener: Listener
        on_first = _say_at_once(stopping)
        if as_json:
            listener = print_event
        elif quiet or not sys.stderr.isatty():
            listener = _PlainProgress(quiet, verbose=verbose)
        else:
            live = stack.enter_context(
                LiveProgress(verbose=verbose, starting=starting, stopping=stopping)
            )
            listener, on_first = live, live.interrupted
        yield stack.enter_context(persistent_interrupts(listener, on_first, _end_at_once))


def _say_at_once(text: str) -> Callable[[], None]:
    """Return a function that prints a line past Python's buffers, as a signal handler has to."""

    def say() -> None:
        with suppress(OSError, ValueError):  # the stream has no file descriptor
            os.write(sys.stderr.fileno(), f"popinjay: {text}\n".encode())

    return say


def _end_at_once(number: int) -> None:
    """End the program without any more cleaning up."""
    cursor = SHOW_CURSOR if sys.stderr.isatty() else ""
    with suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), f"{cursor}\npopinjay: Stopped.\n".encode())
    os._exit(128 + number)


@contextmanager
def waiting(doing: str) -> Iterator[None]:
    """Show a spinner on a terminal if the body takes longer than a moment."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()

    def spin() -> None:
        if not done.wait(SPINNER_DELAY):  # don't import rich for what is quick
            with console(stderr=True).status(doing):
                done.wait()

    spinner = threading.Thread(target=spin, daemon=True)
    spinner.start()
    try:
        yield
    finally:
        done.set()
        spinner.join()


class _PlainProgress:
    """Print one line per event that matters; quiet leaves out progress and samples."""

    def __init__(self, quiet: bool, *, verbose: bool = False) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._last_progress = time.monotonic()

    def __call__(self, event: Event) -> None:
        if event.what in MACHINE_ONLY:
            return
        text = event.message
        if event.what is EventKind.FRESH:
            text = "done before"
        elif event.what is EventKind.WARNING:
            text = f"warning: {text}"
        elif event.what is EventKind.PROGRESS:
            now = time.monotonic()
            if self._quiet or now - self._last_progress < PLAIN_SECONDS:
                return
            self._last_progress = now
            text = self._progress_line(event)
        elif event.what is EventKind.SAMPLE:
            if self._quiet:
                return
            text = f"» {BEFORE_LEARNING}: {text}" if event.done == 0 else f"» {text}"
        elif event.what is EventKind.START and self._quiet:
            return
        print_error(f"{event.stage}: {text}")

    def _progress_line(self, event: Event) -> str:
        share, seconds = remaining(event, 0.0)
        total = f"/{event.total:,.0f}" if event.total else ""
        count = f"{event.done:,.0f}{total} {event.unit}" if event.done is not None else ""
        parts = (
            event.message,
            f"{100 * share:.0f}%" if share is not None and "make_share" in event.numbers else count,
            format_numbers(event) if self._verbose else "",
            time_left(seconds) if seconds is not None else "",
        )
        return ", ".join(part for part in parts if part)


@contextmanager
def counting(total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with the number of posts written, which shows a progress bar.

    The bar is only shown if the posts go to a file: neither next to the posts on a terminal, nor
    over a pager that reads them.
    """
    if total == 1 or not (sys.stderr.isatty() and _is_file(sys.stdout)):
        yield lambda done: None
        return
    started = time.monotonic()
    with LiveProgress() as progress:
        progress(Event("say", EventKind.START, "writing posts"))

        def show(done: int) -> None:
            seconds_left = (time.monotonic() - started) / (done - 1) * (total - done)
            progress(
                Event(
                    "say",
                    EventKind.PROGRESS,
                    f"{done:,} of {total:,} posts",
                    done,
                    total,
                    numbers={"seconds_left": seconds_left},
                )
            )

        yield show


def _is_file(stream: TextIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:  # the stream has no file descriptor
        return False
