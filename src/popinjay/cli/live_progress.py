"""The live line of progress on a terminal: what is done, a bar, percent, and the time left.

The time left is that of the whole of `make` (`training/make_clock.py`). Between two events it goes
on by the clock, so that nothing stands still.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from popinjay.cli.consoles import console
from popinjay.events import Event, EventKind
from popinjay.text.quantities import duration, size, time_left

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

REFRESHES = 10  # a second
BAR_WIDTH, NARROW_BAR_WIDTH = 20, 8
MAX_WIDTH = 90  # of the line, however wide the terminal is
NARROW = 66  # columns, under which the bar is shorter
LEFT_WIDTH = 18  # of the longest time left: "a few seconds left"
OVERDUE_SHARE = 0.1  # of the time since the last event, that a phase over its time still takes
SHARE_OF_ANOTHER = 0.3  # by which the share falls if another persona is made now
BEFORE_LEARNING = "before it has read anything"
# Users see the same in progress and in the record.
MACHINE_ONLY = (EventKind.SETTINGS, EventKind.METRICS)


@dataclass
class Activity:
    """What is under way, as its last event told it."""

    doing: str
    began: float
    heard: float  # when the last event came
    event: Event | None = None

    def count(self) -> str:
        """Return how much is done, if there is no bar to show it."""
        event = self.event
        if event is None or not event.done or event.unit == "steps":
            return ""
        if event.unit == "MB":
            return size(event.done * 1e6)
        total = f" of {event.total:,.0f}" if event.total else ""
        return f"{event.done:,.0f}{total} {event.unit}"


def remaining(event: Event, since: float) -> tuple[float | None, float | None]:
    """Return the share that is done and the seconds left, some seconds after an event told them.

    Both are None where they are not known. They are those of the whole of `make` if it is one.
    """
    numbers = event.numbers
    if "make_seconds_left" in numbers:
        left, in_phase = numbers["make_seconds_left"], numbers["phase_seconds_left"]
        now = left - in_phase + max(in_phase - since, OVERDUE_SHARE * since)
        share = numbers["make_share"]
        elapsed = share * left / max(1 - share, 1e-9) + since
        return max(share, elapsed / max(elapsed + now, 1e-9)), now
    share_done = event.done / event.total if event.total and event.done is not None else None
    if "seconds_left" in numbers:
        return share_done, max(0.0, numbers["seconds_left"] - since)
    return share_done, None


def format_numbers(event: Event) -> str:
    """Return the numbers of a training, for those who asked for them."""
    formats = {
        "loss": "loss {:.2f}",
        "validation_bits_per_byte": "best {:.3f} bits/byte",
        "tokens_per_second": "{:,.0f} tokens/s",
    }
    parts = [
        form.format(event.numbers[name]) for name, form in formats.items() if name in event.numbers
    ]
    if parts and event.unit == "steps":
        parts.append(f"step {event.done:,.0f} of {event.total:,.0f}")
    return ", ".join(parts)


class LiveProgress:
    """Shows the activity under way in the last line, and what is finished or said above it."""

    shown: LiveProgress | None = None  # the one on the terminal now

    def __init__(
        self, *, verbose: bool = False, starting: str = "", stopping: str = "stopping..."
    ) -> None:
        self._console = console(stderr=True)
        self._verbose = verbose
        self._stopping = stopping
        now = time.monotonic()
        self._activity = Activity(starting, now, now) if starting else None
        self._numbers = ""
        self._share = 0.0  # the bar never goes back
        self._is_stopping = False
        self._live: Live | None = None

    def __enter__(self) -> LiveProgress:
        from rich.live import Live
        from rich.spinner import Spinner

        self._spinner = Spinner("dots", style="green")
        self._live = Live(
            get_renderable=self._render,
            console=self._console,
            transient=True,
            refresh_per_second=REFRESHES,
            redirect_stdout=sys.stdout.isatty(),  # output to a file must not pass through rich
        )
        self._live.start()
        LiveProgress.shown = self
        return self

    def __exit__(self, *error: object) -> None:
        LiveProgress.shown = None
        if self._live is not None:
            self._activity = None
            self._live.stop()

    def interrupted(self) -> None:
        """Show at the next refresh that the program is stopping. Safe in a signal handler."""
        self._is_stopping = True

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Show nothing inside the context, in which the user is asked something."""
        assert self._live is not None
        self._live.stop()
        try:
            yield
        finally:
            self._live.start(refresh=True)

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if event.what in MACHINE_ONLY:
            return
        now = time.monotonic()
        if event.numbers.get("make_share", 1.0) < self._share - SHARE_OF_ANOTHER:
            self._share = 0.0
        if event.what is EventKind.START:
            self._activity = Activity(event.message, now, now, event)
        elif event.what is EventKind.PROGRESS:
            self._progress(event, now)
        elif event.what is EventKind.DONE:
            self._numbers = ""
            self._line("✔", "green", event.stage, event.message)
        elif event.what is EventKind.FRESH:
            self._line("✔", "dim", event.stage, "done before")
        elif event.what is EventKind.SAMPLE:
            said = f"{BEFORE_LEARNING}: {event.message}" if event.done == 0 else event.message
            self._line("»", "cyan", "", said, italic=True)
        else:
            symbol = "!" if event.what is EventKind.WARNING else "·"
            self._line(symbol, "yellow", event.stage, event.message)

    def _progress(self, event: Event, now: float) -> None:
        before = self._activity
        doing = event.message or (before.doing if before else event.stage)
        is_same = before is not None and before.doing == doing
        began = before.began if before is not None and is_same else now
        if before is not None and not event.numbers and before.event is not None and is_same:
            event = before.event
        self._activity = Activity(doing, began, now, event)
        # Checks between training steps have none, but other phases leave them behind.
        self._numbers = format_numbers(event) or ("" if event.phase else self._numbers)

    def _render(self) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        activity = self._activity
        if activity is None and not self._is_stopping:
            return Group()
        now = time.monotonic()
        share: float | None = None
        left = ""
        if activity is not None and activity.event is not None and not self._is_stopping:
            share, seconds = remaining(activity.event, now - activity.heard)
            left = time_left(seconds) if seconds is not None else activity.count()
            if share is not None and "make_share" in activity.event.numbers:
                self._share = share = max(self._share, share)
        if activity is not None and not left and not self._is_stopping:
            left = duration(now - activity.began)
        doing = self._stopping if self._is_stopping or activity is None else activity.doing
        bar = ProgressBar(
            total=1.0 if share is not None else None,
            completed=share or 0.0,
            width=NARROW_BAR_WIDTH if self._console.width < NARROW else BAR_WIDTH,
            pulse=share is None,
        )
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.width = min(self._console.width, MAX_WIDTH)
        grid.add_column(width=1)
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        grid.add_column(width=bar.width)
        grid.add_column(width=4, justify="right")
        grid.add_column(width=LEFT_WIDTH, no_wrap=True)
        percent = "" if share is None else f"{100 * min(share, 0.99):.0f}%"
        grid.add_row(self._spinner, Text(doing), bar, percent, Text(left, style="dim"))
        if self._verbose and self._numbers:
            return Group(grid, Text(f"  {self._numbers}", style="dim", no_wrap=True))
        return grid

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
def progress_paused() -> Iterator[None]:
    """Take the live line off the terminal while the user is asked something."""
    live = LiveProgress.shown
    if live is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    with live.paused():
        yield
