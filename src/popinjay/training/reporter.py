"""What a training tells its listener, and the file of its metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from popinjay.events import Event, EventKind, Listener
from popinjay.store.files import append_json_line
from popinjay.training.phases import Phase

STAGE = "train"
LEARNING = "learning the voice"


class TrainingReporter:
    """Sends the events of a training, and appends to `metrics.jsonl`."""

    def __init__(self, listener: Listener, metrics: Path) -> None:
        self._listener = listener
        self._metrics = metrics

    def note(self, message: str, page_message: str = "", **numbers: float) -> None:
        """Send the user a message, and another one on the page if the first names an option."""
        self._listener(
            Event(STAGE, EventKind.NOTE, message, numbers=numbers, page_message=page_message)
        )

    def warn(self, message: str, page_message: str = "") -> None:
        """Send the user a warning, and another one on the page if the first names an option."""
        self._listener(Event(STAGE, EventKind.WARNING, message, page_message=page_message))

    def doing(self, what: str) -> None:
        """Tell the user what is done now, besides training steps."""
        self._listener(Event(STAGE, EventKind.PROGRESS, what))

    def begins(self, seconds_left: float) -> None:
        """Report that the training steps begin, and how long they will take."""
        numbers = {"seconds_left": seconds_left}
        self._listener(
            Event(STAGE, EventKind.PROGRESS, LEARNING, numbers=numbers, phase=Phase.LEARN)
        )

    def step(self, step: int, steps: int, **numbers: float) -> None:
        """Report how many of the training's steps are done."""
        self._listener(
            Event(
                STAGE,
                EventKind.PROGRESS,
                LEARNING,
                done=step,
                total=steps,
                unit="steps",
                numbers=numbers,
                phase=Phase.LEARN,
            )
        )

    def sample(self, text: str, step: int) -> None:
        """Show a post that the model wrote after this many steps."""
        self._listener(Event(STAGE, EventKind.SAMPLE, text, done=step, unit="steps"))

    def metrics(self, row: dict[str, Any]) -> None:
        """Append a line to the metrics, and report it.

        It holds no times, so that the same seed gives the same file.
        """
        append_json_line(self._metrics, row, durable=False)
        numbers = {name: value for name, value in row.items() if name != "step"}
        self._listener(Event(STAGE, EventKind.METRICS, done=row["step"], numbers=numbers))
