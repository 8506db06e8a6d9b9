"""Two things timed in turns, so that whatever else the machine does falls on both alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median


def timed(run: Callable[[], object]) -> float:
    """How many seconds it takes."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def in_turns(
    ours: Callable[[], object], bare: Callable[[], object], pairs: int
) -> list[tuple[float, float]]:
    """The seconds of both in each pair, after a pair that does not count."""
    return [(timed(ours), timed(bare)) for _ in range(pairs + 1)][1:]


def show(rows: Sequence[tuple[str, str]]) -> None:
    """A table: labels to the left, numbers to the right."""
    label, value = (max(len(row[column]) for row in rows) for column in (0, 1))
    for row in rows:
        print(f"{row[0]:<{label}}  {row[1]:>{value}}")


def show_pairs(
    pairs: Sequence[tuple[float, float]], ours: str, bare: str, more: Sequence[tuple[str, str]] = ()
) -> None:
    """The medians of both, whatever more there is, and the median of the pairs' ratios."""
    show(
        [
            (f"{name}, median", f"{1000 * median(times):,.1f} ms")
            for name, times in zip((ours, bare), zip(*pairs, strict=True), strict=True)
        ]
        + list(more)
    )
    ratios = sorted(a / b for a, b in pairs)
    print(
        f"{ours} takes {median(ratios):.2f} times as long as {bare} (median of {len(ratios)} pairs, from {ratios[0]:.2f} to {ratios[-1]:.2f})"
    )
