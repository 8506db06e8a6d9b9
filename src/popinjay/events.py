"""How a stage says what it is doing: one small record, sent to whoever listens.

Stages never print. The terminal draws these events, `--json` prints them, a page can stream them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class EventKind(StrEnum):
    """What an event tells."""

    START = "start"  # a stage begins
    FRESH = "fresh"  # a stage need not run: nothing it depends on has changed
    PROGRESS = "progress"  # done / total so far, with numbers
    SETTINGS = "settings"  # what a stage settled on, before it begins: numbers and words
    METRICS = "metrics"  # a line of metrics.jsonl: `done` is the step, `numbers` what was measured
    NOTE = "note"  # worth knowing
    WARNING = "warning"  # worth acting on
    SAMPLE = "sample"  # a post written while it learns
    DONE = "done"  # a stage is finished and recorded


class StopReason(StrEnum):
    """Why a training ended, in the words that files hold."""

    MEMORIZING = "it began to recite"
    NO_IMPROVEMENT = "it got no better"
    ALL_STEPS_DONE = "all was learnt"
    TIME_WAS_UP = "time was up"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a stage has to say."""

    stage: str
    what: EventKind
    message: str = ""
    done: float | None = None
    total: float | None = None
    unit: str = ""
    numbers: Mapping[str, float] = field(
        default_factory=dict
    )  # such as loss, tokens_per_second, seconds_left
    words: Mapping[str, str] = field(default_factory=dict)  # such as base, device


Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The listener that does not listen."""
