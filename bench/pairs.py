"""Time two things in turns, so that other load on the machine affects both alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median


def timed(run: Callable[[], object]) -> float:
    """Return how many seconds a call takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def in_turns(
    ours: Callable[[], object], bare: Callable[[], object], pairs: int
) -> list[tuple[float, float]]:
    """Return the seconds of both in each pair, after a warm-up pair."""
    return [(timed(ours), timed(bare)) for _ in range(pairs + 1)][1:]


def show(rows: Sequence[tuple[str, str]]) -> None:
    """Print a table with labels to the left and values to the right."""
    label, value = (max(len(row[column]) for row in rows) for column in (0, 1))
    for row in rows:
        print(f"{row[0]:<{label}}  {row[1]:>{value}}")


def show_pairs(
    pairs: Sequence[tuple[float, float]], ours: str, bare: str, more: Sequence[tuple[str, str]] = ()
) -> None:
    """Print the medians of both, further rows, and the median of the pairs' ratios.

    Args:
        pairs: The seconds of both in each pair.
        ours: The first one's name.
        bare: The second one's name.
        more: Further rows: labels and values.
    """
    show(
        [
            (f"{name}, median", f"{1000 * median(times):,.1f} ms")
            for name, times in zip((ours, bare), zip(*pairs, strict=True), strict=True)
        ]
        + list(more)
    )
    ratios = sorted(a / b for a, b in pairs)
    print(
        f"{ours} takes {median(ratios):.2f} times as long as {bare}"
        f" (median of {len(ratios)} pairs, from {ratios[0]:.2f} to {ratios[-1]:.2f})"
    )
