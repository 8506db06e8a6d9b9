"""The learning rate schedule, over a number of steps or a budget of time."""

from __future__ import annotations

import math
from dataclasses import dataclass

WARMUP_SHARE = 0.03  # of the whole training


@dataclass(frozen=True, slots=True)
class Schedule:
    """A training of a number of steps, or of as many of them as fit into a budget.

    With a budget, progress is measured by the clock: however fast the machine is, the learning rate
    has decayed to zero when the time is up.
    """

    steps: int
    budget: float | None = None  # seconds since the training started
    start: float = 0.0  # seconds before the first step: loading and scoring the base model

    def progress(self, step: int, seconds: float) -> float:
        """Return the progress, from 0 to 1, at the middle of a step that starts at `seconds`."""
        by_steps = (step + 0.5) / self.steps
        if self.budget is None:
            return min(1.0, by_steps)
        by_time = 1.0
        if self.budget > self.start:
            by_time = (seconds - self.start) / (self.budget - self.start)
        return min(1.0, max(by_steps, by_time))

    def is_up(self, step: int, seconds: float) -> bool:
        """Return whether all steps are done, or the time is up, before this step."""
        return step >= self.steps or (self.budget is not None and seconds >= self.budget)


def learning_rate(progress: float, peak: float) -> float:
    """Return the learning rate at this progress: a linear warm-up, then a cosine decay to zero."""
    if progress < WARMUP_SHARE:
        return peak * progress / WARMUP_SHARE
    return peak * 0.5 * (1 + math.cos(math.pi * (progress - WARMUP_SHARE) / (1 - WARMUP_SHARE)))
