"""Measure how processor time grows with the size of an input.

A single measurement says little on a shared machine. Therefore only the time of the calling thread
counts, the garbage collector is off, and the growth is too large only if every attempt says so:
quadratic code is slow each time, disturbed code is not.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

ATTEMPTS = 5
REPEATS = 2
LEAST_SECONDS = 0.002  # a shorter time is too short to measure against


def thread_seconds(call: Callable[[], object]) -> float:
    """Return the processor time of a call in this thread, in seconds."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        start = time.thread_time()
        call()
        return time.thread_time() - start
    finally:
        if was_enabled:
            gc.enable()


def takes_less_than(call: Callable[[], object], seconds: float) -> bool:
    """Whether one of several attempts takes less processor time than so many seconds."""
    return any(thread_seconds(call) < seconds for _ in range(ATTEMPTS))


def grows_less_than(
    most: float,
    shorter: Callable[[], object],
    longer: Callable[[], object],
    *,
    least: float = LEAST_SECONDS,
) -> bool:
    """Whether in one of several attempts the longer call takes less than `most` times the shorter.

    Args:
        most: The largest ratio of both times.
        shorter: The call on a short input; each call must do the same work.
        longer: The call on a longer one.
        least: Seconds that the shorter call is taken to need at least.
    """
    for _ in range(ATTEMPTS):
        base = min(thread_seconds(shorter) for _ in range(REPEATS))
        time_limit = most * max(base, least)
        if min(thread_seconds(longer) for _ in range(REPEATS)) < time_limit:
            return True
    return False
