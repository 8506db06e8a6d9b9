"""Show the progress of stages: live on a terminal, as plain lines elsewhere, or as JSON."""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from popinjay.events import Event, EventKind, Listener
from popinjay.interrupts import persistent_interrupts
from popinjay.standard_streams import print_error, print_event
from popinjay.text.quantities import duration

if TYPE_CHECKING:
    from rich.console import Console

UNLIMITED_WIDTH = 10_000  # columns of output to a file or pipe, whose lines are not wrapped
SPINNER_DELAY = 0.4  # seconds before a spinner is shown
PLAIN_SECONDS = 10.0  # between two lines of progress that can't be redrawn in place

# Users see the same in progress and in the record.
MACHINE_ONLY = (EventKind.SETTINGS, EventKind.METRICS)


@contextmanager
def listening(*, quiet: bool = False, as_json: bool = False) -> Iterator[Listener]:
    """Yield a listener that shows events: live on a terminal, as JSON lines, or as plain lines."""
    with ExitStack() as stack:
        listener: Listener
        if as_json:
            listener = print_event
        elif quiet or not sys.stderr.isatty():
            listener = _PlainProgress(quiet)
        else:
            listener = stack.enter_context(_LiveProgress())
        yield stack.enter_context(persistent_interrupts(listener))


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


def _format_numbers(event: Event) -> str:
    """Return the numbers of an event in words."""
    formats = {
        "loss": "loss {:.2f}",
        "validation_bits_per_byte": "best {:.3f} bits/byte",
        "tokens_per_second": "{:,.0f} tokens/s",
    }
    parts = [
        form.format(event.numbers[name]) for name, form in formats.items() if name in event.numbers
    ]
    if "seconds_left" in event.numbers:
        parts.append(f"{duration(event.numbers['seconds_left'])} left")
    return ", ".join(parts)


class _PlainProgress:
    """Print one line per event that matters; quiet leaves out progress and samples."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._last_progress = time.monotonic()

    def __call__(self, event: Event) -> None:
        if event.what in MACHINE_ONLY:
            return
        text = event.message
        if event.what is EventKind.FRESH:
            text = "fresh, nothing to do"
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
            text = f"» {text}"
        elif event.what is EventKind.START and self._quiet:
            return
        print_error(f"{event.stage}: {text}")

    @staticmethod
    def _progress_line(event: Event) -> str:
        total = f"/{event.total:,.0f}" if event.total else ""
        parts = (
            event.message,
            f"{event.done:,.0f}{total} {event.unit}",
            _format_numbers(event),
        )
        return " ".join(part for part in parts if part)


class _LiveProgress:
    """Show a line per stage, a bar for the running one, and sample posts as they are written."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        self._console = console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("[bold]{task.fields[stage]:<9}", markup=True),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[numbers]}", style="dim", markup=False),
            console=self._console,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # output to a file must not pass through rich
        )
        self._task: Any = None

    def __enter__(self) -> _LiveProgress:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        if event.what in MACHINE_ONLY:
            return
        if event.what is EventKind.START:
            self._end()  # a stage that failed sent no DONE
            self._task = self._progress.add_task(
                event.message, total=None, stage=event.stage, numbers=""
            )
        elif event.what is EventKind.PROGRESS and self._task is not None:
            count = f"{event.done:,.0f} {event.unit}" if event.total is None else ""
            self._progress.update(
                self._task,
                description=event.message or None,
                completed=event.done or 0,
                total=event.total,
            )
            self._progress.update(self._task, numbers=_format_numbers(event) or count)
        elif event.what is EventKind.DONE:
            self._end()
            self._line("✔", "green", event.stage, event.message)
        elif event.what is EventKind.FRESH:
            self._line("✔", "dim", event.stage, "fresh, nothing to do")
        elif event.what is EventKind.SAMPLE:
            self._line("»", "cyan", "", event.message, italic=True)
        else:
            symbol = "!" if event.what is EventKind.WARNING else "·"
            self._line(symbol, "yellow", event.stage, event.message)

    def _end(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def _line(
        self, symbol: str, style: str, stage: str, text: str, *, italic: bool = False
    ) -> None:
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=1)
        grid.add_column(width=9)
        grid.add_column()
        grid.add_row(
            Text(symbol, style), Text(stage, "bold"), Text(text, "italic" if italic else "")
        )
        self._console.print(Padding(grid, 0))


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
    with _LiveProgress() as progress:
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


def console(*, stderr: bool = False) -> Console:
    """Return a console that prints text as it is: no markup, no highlighting of numbers."""
    from rich.console import Console

    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(
        stderr=stderr,
        markup=False,
        highlight=False,
        emoji=False,
        width=None if is_terminal else UNLIMITED_WIDTH,
    )
