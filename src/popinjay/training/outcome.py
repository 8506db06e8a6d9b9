"""The outcome of a training: whether anything was learnt, and what to change if not."""

from __future__ import annotations

import math
from dataclasses import dataclass

from popinjay.errors import TrainingError
from popinjay.events import StopReason
from popinjay.text.quantities import duration
from popinjay.training.checkpoints import TrainingState

DIVERGED = 1.5  # times the base's bits per byte: a training that ends above has diverged
MIN_GAIN = 0.02  # of the base's bits: if less was gained before diverging, nothing was learnt
SAFETY_FACTOR = 1.2  # of a suggested budget over the estimated time


@dataclass(frozen=True)
class TrainingSummary:
    """How a training went, in addition to its state."""

    why: StopReason | None  # it ended
    steps_per_epoch: int
    learning_rate: float  # the peak
    step_seconds: float | None  # of a step on average; None if there was none
    other_seconds: float = 0.0  # spent on loading, validation and saving
    by_budget: bool = False
    default_epochs: bool = False  # the user did not choose the number of epochs


def check_learnt(state: TrainingState, summary: TrainingSummary) -> None:
    """Raise TrainingError if nothing was learnt.

    That is if the best weights are the base's own, or hardly better before training diverged.
    """
    if has_diverged(state) and (state.best_step == 0 or _gain(state) < MIN_GAIN):
        raise TrainingError(
            f"Training diverged: validation posts took {state.last:.1f} bits per byte in the end, "
            f"and {state.first:.1f} before training.",
            f"Use a smaller --learning-rate (it was {summary.learning_rate:g}).",
            page_hint="Choose another base model.",
        )
    if state.best_step:
        return
    if summary.why is StopReason.TIME_WAS_UP:
        raise TrainingError(
            f"The time was up before anything was learnt: {state.tokens:,} tokens were seen.",
            _more_time(summary),
            page_hint="Give it more time, or choose a smaller base model.",
        )
    if state.memorizing:
        raise TrainingError(
            "It began to recite posts before it had learnt anything else.",
            f"Provide more posts, or use a smaller --learning-rate "
            f"(it was {summary.learning_rate:g}).",
            page_hint="Provide more posts, or choose another base model.",
        )
    raise TrainingError(
        "No step was better than the base model: nothing was learnt from these posts.",
        f"Use a smaller --learning-rate (it was {summary.learning_rate:g}), or more --epochs.",
        page_hint="Give it more time, more posts, or another base model.",
    )


def caution(state: TrainingState, summary: TrainingSummary) -> tuple[str, str]:
    """Return a warning about a training that learnt something, and the same for the page.

    Both are empty if there is none. Only the first names options.
    """
    if has_diverged(state):
        kept = f"Training diverged after step {state.best_step:,}, which is kept."
        return f"{kept} A smaller --learning-rate may reach further.", kept
    if state.step >= summary.steps_per_epoch:
        return "", ""
    seen = f"It saw only {state.step / summary.steps_per_epoch:.0%} of the posts, and those once."
    if summary.default_epochs:
        return seen, seen
    return f"{seen} {_more_time(summary)}", f"{seen} It would gain from more time."


def has_diverged(state: TrainingState) -> bool:
    """Return whether the final validation score is far worse than the base model's, or NaN."""
    return math.isfinite(state.first) and not state.last <= DIVERGED * state.first


def _gain(state: TrainingState) -> float:
    """Return the share of the base model's bits that training saved."""
    return (state.first - state.best) / state.first


def _more_time(summary: TrainingSummary) -> str:
    """Suggest options that allow for a full epoch."""
    if summary.step_seconds is None:
        return (
            "Allow more time with a longer --budget, or use a smaller base model, "
            "such as --base builtin."
        )
    epoch_seconds = summary.step_seconds * summary.steps_per_epoch
    total_seconds = epoch_seconds * SAFETY_FACTOR + summary.other_seconds
    option = f"--budget {as_budget(total_seconds)}" if summary.by_budget else "--epochs 1"
    return (
        f"One epoch takes about {duration(epoch_seconds)} here: "
        f"use {option}, or a smaller base model."
    )


def as_budget(seconds: float) -> str:
    """Format a duration as a value of --budget, rounded up."""
    return f"{math.ceil(seconds / 10) * 10}s" if seconds <= 90 else f"{math.ceil(seconds / 60)}m"
