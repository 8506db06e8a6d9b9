"""Wall time and CPU time; the latter does not grow while the process waits for a busy machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Measures the time from its creation."""

    def __init__(self) -> None:
        self._started = _now()

    def read(self) -> dict[str, float]:
        """Return `seconds` of wall time, and `processor`: the CPU seconds of all threads."""
        seconds, processor = _now()
        return {"seconds": seconds - self._started[0], "processor": processor - self._started[1]}

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Leave the time inside of this context out."""
        before = _now()
        yield
        after = _now()
        self._started = (
            self._started[0] + after[0] - before[0],
            self._started[1] + after[1] - before[1],
        )


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()
