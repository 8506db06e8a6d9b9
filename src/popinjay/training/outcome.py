"""What a training came to: whether anything was learnt, and what to change where it was not."""

from __future__ import annotations

import math
from dataclasses import dataclass

from popinjay.errors import TrainingError
from popinjay.events import StopReason
from popinjay.text.quantities import duration
from popinjay.training.checkpoints import TrainingState

ASTRAY = 1.5  # times the bits of the base: a training that ends there has diverged
LEAST_GAIN = (
    0.02  # of the base's bits: with less, what a diverged training learnt before is nothing
)
ROOM = 1.2  # times what an epoch takes: a budget that has room for it


@dataclass(frozen=True)
class TrainingSummary:
    """How a training went, beside where it stands: bits a byte of the validation posts, seconds, steps."""

    why: StopReason | None  # it ended
    an_epoch: int  # steps
    learning_rate: float
    step_seconds: float | None  # None: no step was done
    other_seconds: float = 0.0  # to load, look and write
    by_budget: bool = False
    as_usual: bool = False  # nobody asked for fewer epochs than one: the base's row says so


def check_learnt(now: TrainingState, course: TrainingSummary) -> None:
    """Raise TrainingError if the best weights are the base's own, or hardly better and on their way to ruin."""
    if has_diverged(now) and (now.best_step == 0 or _gain(now) < LEAST_GAIN):
        raise TrainingError(
            f"Training went astray: in the end held-out posts cost {now.last:.1f} bits a byte, {now.first:.1f} before it.",
            f"Take a smaller --learning-rate (it was {course.learning_rate:g}).",
        )
    if now.best_step:
        return
    if course.why is StopReason.TIME_WAS_UP:
        raise TrainingError(
            f"The time was up before anything was learnt: {now.tokens:,} tokens were seen.",
            _more_time(course),
        )
    if now.memorizing:
        raise TrainingError(
            "It began to recite posts before it had learnt anything else.",
            f"Give more posts, or take a smaller --learning-rate (it was {course.learning_rate:g}).",
        )
    raise TrainingError(
        "No step was better than the base model: nothing was learnt of these posts.",
        f"Take a smaller --learning-rate (it was {course.learning_rate:g}), or more --epochs.",
    )


def caution(now: TrainingState, course: TrainingSummary) -> str:
    """Return what to bear in mind about a training that learnt something; empty for nothing."""
    if has_diverged(now):
        return f"Training went astray after step {now.best_step:,}, which is kept. A smaller --learning-rate may reach further."
    if now.step >= course.an_epoch:
        return ""
    seen = f"It saw only {now.step / course.an_epoch:.0%} of the posts, and those once."
    return seen if course.as_usual else f"{seen} {_more_time(course)}"


def has_diverged(now: TrainingState) -> bool:
    """Return whether the validation posts ended far worse than the base had them."""
    return (
        math.isfinite(now.first) and not now.last <= ASTRAY * now.first
    )  # also where it is no number


def _gain(now: TrainingState) -> float:
    return (now.first - now.best) / now.first


def _more_time(course: TrainingSummary) -> str:
    """Say how long one epoch takes, and what to type to have one."""
    if course.step_seconds is None:
        return "Give it more time with a longer --budget, or take a smaller base model, such as --base builtin."
    epoch = course.step_seconds * course.an_epoch
    whole = epoch * ROOM + course.other_seconds
    how = f"--budget {as_budget(whole)}" if course.by_budget else "--epochs 1"
    return f"One epoch takes about {duration(epoch)} here: {how}, or a smaller base model."


def as_budget(seconds: float) -> str:
    """A time as --budget takes it, rounded up."""
    return f"{math.ceil(seconds / 10) * 10}s" if seconds <= 90 else f"{math.ceil(seconds / 60)}m"
