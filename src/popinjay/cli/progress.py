"""How far something is: what stages say, drawn with rich on a terminal, as plain lines elsewhere, or as JSON."""

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
from popinjay.standard_streams import print_event, tell
from popinjay.text.quantities import duration

if TYPE_CHECKING:
    from rich.console import Console

UNDRAWN_WIDTH = 10_000  # columns where nobody looks: a file's lines are not to be wrapped
MOMENT = 0.4  # seconds in which nobody wonders whether it works
PLAIN_SECONDS = 10.0  # between two lines of progress where nothing can be drawn over

FOR_MACHINES = (
    EventKind.SETTINGS,
    EventKind.METRICS,
)  # what they hold, progress and the record tell people


@contextmanager
def listening(*, quiet: bool = False, as_json: bool = False) -> Iterator[Listener]:
    """A listener for what stages say: a live picture on a terminal, JSON lines, or plain lines."""
    with ExitStack() as stack:
        listener: Listener
        if as_json:
            listener = print_event
        elif quiet or not sys.stderr.isatty():
            listener = _Lines(quiet)
        else:
            listener = stack.enter_context(_Picture())
        yield stack.enter_context(persistent_interrupts(listener))


@contextmanager
def waiting(doing: str) -> Iterator[None]:
    """Something turning on a terminal while nothing else is to be seen, where that takes longer than a moment."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()

    def turn() -> None:
        if not done.wait(MOMENT):  # what is quick is not to wait for rich
            with console(stderr=True).status(doing):
                done.wait()

    turning = threading.Thread(target=turn, daemon=True)
    turning.start()
    try:
        yield
    finally:
        done.set()
        turning.join()


def _numbers(event: Event) -> str:
    """An event's numbers in words."""
    words = {
        "loss": "loss {:.2f}",
        "validation_bits_per_byte": "best {:.3f} bits/byte",
        "tokens_per_second": "{:,.0f} tokens/s",
    }
    said = [
        form.format(event.numbers[name]) for name, form in words.items() if name in event.numbers
    ]
    if "seconds_left" in event.numbers:
        said.append(f"{duration(event.numbers['seconds_left'])} left")
    return ", ".join(said)


class _Lines:
    """One line for each thing worth a line; quiet leaves progress and samples out."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._told = time.monotonic()

    def __call__(self, event: Event) -> None:
        if event.what in FOR_MACHINES:
            return
        text = event.message
        if event.what is EventKind.FRESH:
            text = "fresh, nothing to do"
        elif event.what is EventKind.WARNING:
            text = f"warning: {text}"
        elif event.what in (EventKind.PROGRESS, EventKind.SAMPLE):
            if self._quiet or (
                event.what is EventKind.PROGRESS and time.monotonic() - self._told < PLAIN_SECONDS
            ):
                return
            if event.what is EventKind.PROGRESS:
                self._told = time.monotonic()
                total = f"/{event.total:,.0f}" if event.total else ""
                text = " ".join(
                    part
                    for part in (text, f"{event.done:,.0f}{total} {event.unit}", _numbers(event))
                    if part
                )
            else:
                text = f"» {text}"
        elif event.what is EventKind.START and self._quiet:
            return
        tell(f"{event.stage}: {text}")


class _Picture:
    """A line a stage, with a bar under the one at work and now and then a post that it writes."""

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
            redirect_stdout=sys.stdout.isatty(),  # results that go elsewhere are to arrive there
        )
        self._task: Any = None

    def __enter__(self) -> _Picture:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        if event.what in FOR_MACHINES:
            return
        if event.what is EventKind.START:
            self._end()  # what began before it and never ended well
            self._task = self._progress.add_task(
                event.message, total=None, stage=event.stage, numbers=""
            )
        elif event.what is EventKind.PROGRESS and self._task is not None:
            counted = f"{event.done:,.0f} {event.unit}" if event.total is None else ""
            self._progress.update(
                self._task,
                description=event.message or None,
                completed=event.done or 0,
                total=event.total,
            )
            self._progress.update(self._task, numbers=_numbers(event) or counted)
        elif event.what is EventKind.DONE:
            self._end()
            self._line("✔", "green", event.stage, event.message)
        elif event.what is EventKind.FRESH:
            self._line("✔", "dim", event.stage, "fresh, nothing to do")
        elif event.what is EventKind.SAMPLE:
            self._line("»", "cyan", "", event.message, italic=True)
        else:
            self._line(
                "!" if event.what is EventKind.WARNING else "·",
                "yellow",
                event.stage,
                event.message,
            )

    def _end(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def _line(self, mark: str, style: str, stage: str, text: str, *, italic: bool = False) -> None:
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=1)
        grid.add_column(width=9)
        grid.add_column()
        grid.add_row(Text(mark, style), Text(stage, "bold"), Text(text, "italic" if italic else ""))
        self._console.print(Padding(grid, 0))


@contextmanager
def counting(count: int) -> Iterator[Callable[[int], None]]:
    """What to tell how many posts are written. Nothing is drawn beside the posts themselves, nor over a pager that reads them."""
    if count == 1 or not (sys.stderr.isatty() and _is_file(sys.stdout)):
        yield lambda done: None
        return
    started = time.monotonic()
    with _Picture() as picture:
        picture(Event("say", EventKind.START, "writing posts"))

        def tell(done: int) -> None:
            left = (time.monotonic() - started) / (done - 1) * (count - done)
            picture(
                Event(
                    "say",
                    EventKind.PROGRESS,
                    f"{done:,} of {count:,} posts",
                    done,
                    count,
                    numbers={"seconds_left": left},
                )
            )

        yield tell


def _is_file(stream: TextIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:  # no file behind it at all
        return False


def console(*, stderr: bool = False) -> Console:
    """A console that takes texts as they are: no markup, no colouring of what looks like a number."""
    from rich.console import Console

    drawn = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(
        stderr=stderr,
        markup=False,
        highlight=False,
        emoji=False,
        width=None if drawn else UNDRAWN_WIDTH,
    )
