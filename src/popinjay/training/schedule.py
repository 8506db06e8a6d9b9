"""How far a training is, how fast it learns there, and how long it will take."""

from __future__ import annotations

import math
from dataclasses import dataclass

WARMUP_SHARE = 0.03  # of the whole


@dataclass(frozen=True, slots=True)
class Schedule:
    """The way from first step to last: so many steps, or, where a budget is set, what can be had of them in so many seconds.

    With a budget the clock is the schedule: however fast the machine turns out to be, the rate has fallen to nothing when time
    is up.
    """

    steps: int
    budget: float | None = None  # seconds, from the beginning of the training
    start: float = (
        0.0  # seconds that had gone before the first step: the base was loaded and looked at
    )

    def progress(self, step: int, seconds: float) -> float:
        """Which share of the way lies behind the middle of this step, begun after so many seconds: from 0 to 1."""
        by_steps = (step + 0.5) / self.steps
        if self.budget is None:
            return min(1.0, by_steps)
        by_time = (
            (seconds - self.start) / (self.budget - self.start) if self.budget > self.start else 1.0
        )
        return min(1.0, max(by_steps, by_time))

    def is_up(self, step: int, seconds: float) -> bool:
        """Whether the way is done before this step."""
        return step >= self.steps or (self.budget is not None and seconds >= self.budget)

    def seconds_left(self, step: int, seconds: float) -> float:
        """What is left after this many steps in so many seconds, at the same pace."""
        by_steps = (seconds - self.start) / max(1, step) * (self.steps - step)
        return by_steps if self.budget is None else max(0.0, min(by_steps, self.budget - seconds))


def learning_rate(progress: float, peak: float) -> float:
    """The learning rate at this share of the way: a short warm-up, then a cosine to zero."""
    if progress < WARMUP_SHARE:
        return peak * progress / WARMUP_SHARE
    return peak * 0.5 * (1 + math.cos(math.pi * (progress - WARMUP_SHARE) / (1 - WARMUP_SHARE)))
