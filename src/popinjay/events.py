"""Events: how a stage reports what it is doing.

Stages never print. They send events to a listener: the terminal draws them, `--json` prints them
and the page streams them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class EventKind(StrEnum):
    """What kind of event it is."""

    START = "start"  # a stage begins
    FRESH = "fresh"  # a stage is skipped, as nothing that it depends on has changed
    PROGRESS = "progress"  # `done` of `total` so far, with numbers
    SETTINGS = "settings"  # what a stage will use, before it begins: numbers and words
    METRICS = "metrics"  # a line of metrics.jsonl: `done` is the step
    NOTE = "note"  # information for the user
    WARNING = "warning"  # the user may want to act on it
    SAMPLE = "sample"  # a post generated during training
    DONE = "done"  # a stage has finished and is on record


class StopReason(StrEnum):
    """Why a training ended, in the words that files hold."""

    MEMORIZING = "it began to recite"
    NO_IMPROVEMENT = "it got no better"
    ALL_STEPS_DONE = "all was learnt"
    TIME_WAS_UP = "time was up"


@dataclass(frozen=True, slots=True)
class Event:
    """One report of a stage."""

    stage: str
    what: EventKind
    message: str = ""
    done: float | None = None
    total: float | None = None
    unit: str = ""
    # Such as loss, tokens_per_second, seconds_left, make_seconds_left.
    numbers: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)  # such as base, device
    phase: str = ""  # the part of a stage that it belongs to, if the stage has several
    # The message for the page, where no command can be typed. Empty: `message` names none.
    page_message: str = ""


Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Do nothing: the listener of a caller that needs no events."""
