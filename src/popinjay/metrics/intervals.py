"""Estimates with their 95% intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Z = 1.959964  # standard errors to either side that hold 95% of a normal distribution
RESAMPLES = 1000


class Estimate(NamedTuple):
    """A number that was measured on some texts, with its 95% interval."""

    value: float
    low: float
    high: float

    def apart_from(self, other: Estimate) -> bool:
        """Return whether the two intervals do not overlap."""
        return self.low > other.high or other.low > self.high


def wilson_interval(hits: int, count: int) -> Estimate:
    """Return a share of `count` independent texts with Wilson's score interval (1927).

    Unlike the normal approximation it is right for shares near 0 too.
    """
    from scipy.stats import binomtest

    if not count:
        return Estimate(0.0, 0.0, 1.0)
    found = binomtest(hits, count).proportion_ci(method="wilson")
    return Estimate(hits / count, float(found.low), float(found.high))


def bootstrap_mean(values: Sequence[float], seed: int) -> Estimate:
    """Return a mean over texts, by the percentile bootstrap (Efron 1979)."""
    import numpy as np

    return bootstrap(np.asarray(values, np.float64), lambda drawn: drawn.mean(axis=1), seed)


def bootstrap(
    values: NDArray[np.float64],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    seed: int,
) -> Estimate:
    """Return a statistic of some values with a bootstrap interval.

    Resamples of few values spread too little: the plain percentiles cover the mean of 20 normal
    values in 93% of trials. So the percentiles are expanded, by as much as Student's t is wider
    than the normal distribution (Hesterberg 2015).

    Args:
        values: Of shape (count,).
        statistic: A function of many resamples at once: (resamples, count) -> (resamples,).
        seed: Of the resamples.
    """
    import numpy as np

    count = len(values)
    if not count:
        return Estimate(0.0, 0.0, 0.0)
    # t's quantile times sqrt(count / (count - 1)), to the first order
    expanded = Z * (1 + (Z * Z + 3) / (4 * count))
    tail = NormalDist().cdf(-expanded)
    generator = np.random.default_rng(seed)
    found = np.concatenate(
        [
            statistic(values[generator.integers(0, count, (100, count))])
            for _ in range(RESAMPLES // 100)
        ]
    )
    low, high = np.quantile(found, [tail, 1 - tail])
    return Estimate(float(statistic(values[None])[0]), float(low), float(high))
