"""The time a training spends on anything but steps: validation, memorization checks, samples."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

OVERHEAD_SHARE = 0.1  # of a budget, at most
MIN_VALIDATIONS = 4  # that fit into a budget's overhead: the first, the last and two in between

VALIDATION = "validation"
MEMORIZATION = "memorization"
SAMPLE = "sample"
SETUP = "setup"  # choosing the validation texts


@dataclass
class Overhead:
    """The overhead so far, and whether a budget has room for more. All times are in seconds."""

    budget: float | None
    spent: float = 0.0
    costs: dict[str, float] = field(default_factory=dict)  # the latest duration of each kind

    @property
    def validation_seconds(self) -> float | None:
        """The time that one validation may take; None without a budget."""
        return None if self.budget is None else OVERHEAD_SHARE * self.budget / MIN_VALIDATIONS

    def fits(self, kind: str, guess: float = 0.0) -> bool:
        """Return whether there is time for another of this kind and for the last validation.

        `guess` is its duration if there has been none of this kind yet.
        """
        if self.budget is None:
            return True
        reserve = self.costs.get(VALIDATION, 0.0)
        return self.spent + self.costs.get(kind, guess) + reserve <= OVERHEAD_SHARE * self.budget

    @contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        """Count the time spent inside the context."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.costs[kind] = time.monotonic() - started
            self.spent += self.costs[kind]
