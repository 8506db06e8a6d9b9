"""Two clocks: the wall's, and this process's share of the processor, which does not grow while a busy machine lets it wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._began = _now()

    def read(self) -> dict[str, float]:
        """`seconds`, and `processor`: those of all threads together."""
        seconds, processor = _now()
        return {"seconds": seconds - self._began[0], "processor": processor - self._began[1]}

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """What is done in it does not count."""
        before = _now()
        yield
        seconds, processor = _now()
        self._began = self._began[0] + seconds - before[0], self._began[1] + processor - before[1]


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()
