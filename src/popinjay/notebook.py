"""Progress in a notebook: one output that is updated in place."""

from __future__ import annotations

import html
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Self

from popinjay.events import Event, EventKind
from popinjay.text.quantities import duration

UPDATE_SECONDS = 0.25  # between two updates: each is a message to the browser
_MAX_SAMPLES = 3
_LINES = {
    EventKind.DONE: "✔",
    EventKind.FRESH: "✔",
    EventKind.NOTE: "·",
    EventKind.WARNING: "!",
}


def is_running() -> bool:
    """Return whether this is the kernel of a notebook: Jupyter, VS Code, Colab."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")


@dataclass
class _Shown:
    """What is shown, as HTML and, for a notebook without it, as text."""

    lines: list[tuple[str, str, str]] = field(default_factory=list)  # mark, stage, text
    stage: str = ""
    doing: str = ""
    share: float | None = None  # of the running stage that is done
    left: str = ""
    samples: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        rows = [f"{mark} {stage:<9} {text}" for mark, stage, text in self.lines]
        if self.stage:
            percent = "" if self.share is None else f"{self.share:.0%}"
            rows.append(" ".join(filter(None, ("…", self.stage, self.doing, percent, self.left))))
        rows += [f"» {text}" for text in self.samples]
        return "\n".join(rows)

    def _repr_html_(self) -> str:
        rows = [
            f"<div>{mark} <b>{html.escape(stage)}</b> {html.escape(text)}</div>"
            for mark, stage, text in self.lines
        ]
        if self.stage:
            bar = "" if self.share is None else f'<progress value="{self.share:.3f}"></progress> '
            rows.append(
                f"<div>… <b>{html.escape(self.stage)}</b> {html.escape(self.doing)} {bar}"
                f"{html.escape(self.left)}</div>"
            )
        rows += [f"<div><i>» {html.escape(text)}</i></div>" for text in self.samples]
        return "".join(rows)


class Progress:
    """A listener that shows events in the output of the running cell: a context manager."""

    def __init__(self) -> None:
        self._shown = _Shown()
        self._handle: Any = None
        self._updated = 0.0

    def __enter__(self) -> Self:
        from IPython.display import display

        self._handle = display(self._shown, display_id=True)
        return self

    def __exit__(self, *error: object) -> None:
        self._shown.stage = ""
        self._handle.update(self._shown)

    def __call__(self, event: Event) -> None:
        """Show an event."""
        shown = self._shown
        if event.what is EventKind.START:
            shown.stage, shown.doing, shown.share, shown.left = event.stage, event.message, None, ""
        elif event.what is EventKind.PROGRESS:
            shown.stage = event.stage
            shown.doing = event.message or shown.doing
            shown.share = min(1.0, (event.done or 0) / event.total) if event.total else None
            seconds = event.numbers.get("seconds_left")
            shown.left = "" if seconds is None else f"{duration(seconds)} left"
        elif event.what is EventKind.SAMPLE:
            shown.samples = [*shown.samples, event.message][-_MAX_SAMPLES:]
        elif event.what in _LINES:
            text = event.message or "nothing to do"
            shown.lines.append((_LINES[event.what], event.stage, text))
            if event.what in (EventKind.DONE, EventKind.FRESH):
                shown.stage = ""
                shown.samples = []
        else:
            return
        now = time.monotonic()
        if event.what is not EventKind.PROGRESS or now - self._updated >= UPDATE_SECONDS:
            self._updated = now
            self._handle.update(shown)
