"""The time of a training that goes into anything but steps: looks at the validation posts, listening, samples."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

SHARE = 0.1  # of a budget, at most
LOOKS = 4  # that a budget has room for, at least: the first, the last and two between


@dataclass
class Overhead:
    """What they have taken so far, and whether a budget has room for another. All times in seconds."""

    budget: float | None
    spent: float = 0.0
    costs: dict[str, float] = field(default_factory=dict)  # of the last one of each kind

    @property
    def a_look(self) -> float | None:
        """How long one look may take; None for as long as it takes."""
        return None if self.budget is None else SHARE * self.budget / LOOKS

    def fits(self, kind: str, guess: float = 0.0) -> bool:
        """Return whether there is time for another of a kind, and for the last look. `guess` is for the first of its kind."""
        if self.budget is None:
            return True
        reserve = self.costs.get("look", 0.0)
        return self.spent + self.costs.get(kind, guess) + reserve <= SHARE * self.budget

    @contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        """Count what is done inside."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.costs[kind] = time.monotonic() - began
            self.spent += self.costs[kind]
