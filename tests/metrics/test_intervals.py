"""Tests of confidence intervals: they cover the true value about 19 times in 20."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from scipy.stats import binom

from popinjay.metrics.intervals import Estimate, bootstrap, bootstrap_mean, wilson_interval
from popinjay.metrics.measure import Measure

TRIALS = 300


@functools.cache
def intervals(count: int) -> list[Estimate]:
    """Return the intervals of all numbers of hits in so many texts."""
    return [wilson_interval(hits, count) for hits in range(count + 1)]


def held(share: float, count: int) -> float:
    """Return how often the interval of a share, estimated from so many texts, covers it."""
    found = intervals(count)
    chance = binom.pmf(np.arange(count + 1), count, share)
    return float(
        sum(chance[hits] for hits, one in enumerate(found) if one.low <= share <= one.high)
    )


@pytest.mark.parametrize("count", [20, 100, 1000])
def test_a_share_lies_in_its_interval_19_times_in_20(count: int) -> None:
    shares = np.linspace(0.001, 0.999, 499)
    coverage = [held(share, count) for share in shares]
    assert np.mean(coverage) == pytest.approx(0.95, abs=0.006)
    # Hits are integers, so the coverage oscillates, most near 0 and 1.
    assert np.mean(np.array(coverage) > 0.92) > 0.95
    assert min(coverage) > 0.86


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I: method 3
    # (score).
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_as_published(hits: int, count: int, low: float, high: float) -> None:
    assert wilson_interval(hits, count) == pytest.approx((hits / count, low, high), abs=5e-5)


def test_a_share_of_nothing_is_unknown_and_extreme_shares_are_uncertain() -> None:
    assert wilson_interval(0, 0) == (0.0, 0.0, 1.0)
    assert wilson_interval(0, 100).low == 0
    assert 0.03 < wilson_interval(0, 100).high < 0.04
    assert wilson_interval(100, 100).high == 1
    assert 0.96 < wilson_interval(100, 100).low < 0.97


@pytest.mark.parametrize(
    ("kind", "count", "least"),
    [
        ("normal", 20, 0.91),
        ("normal", 200, 0.91),
        ("exponential", 20, 0.87),
        ("exponential", 200, 0.91),
    ],
)
def test_a_mean_lies_in_its_interval_19_times_in_20(kind: str, count: int, least: float) -> None:
    generator = np.random.default_rng(1)
    draws = getattr(generator, kind)(size=(TRIALS, count))
    truth = {"normal": 0.0, "exponential": 1.0}[kind]
    found = [bootstrap_mean(drawn, seed) for seed, drawn in enumerate(draws)]
    # Fewer for few skewed values, as is known.
    assert least < np.mean([one.low <= truth <= one.high for one in found]) < 0.99


def test_a_statistic_of_values_is_resampled() -> None:
    values = np.random.default_rng(2).normal(size=400)
    found = bootstrap(values, lambda drawn: np.quantile(drawn, 0.5, axis=1), seed=1)
    assert found.value == pytest.approx(np.median(values))
    assert found.low < found.value < found.high
    # A normal median's standard error: 1.2533 / sqrt(count).
    assert found.high - found.low == pytest.approx(2 * 1.96 * 1.2533 / 20, rel=0.25)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = list(range(50))
    assert bootstrap_mean(values, 3) == bootstrap_mean(values, 3)
    assert bootstrap_mean(values, 3) != bootstrap_mean(values, 4)


def test_a_mean_of_nothing_does_not_fail() -> None:
    assert bootstrap_mean([], 0) == (0.0, 0.0, 0.0)


def test_estimates_differ_if_their_intervals_are_disjoint() -> None:
    low, middle, high = Estimate(0.1, 0.0, 0.2), Estimate(0.2, 0.15, 0.3), Estimate(0.5, 0.4, 0.6)
    assert low.apart_from(high)
    assert high.apart_from(low)
    assert not low.apart_from(middle)
    assert not middle.apart_from(low)


def test_reports_hold_rounded_numbers() -> None:
    measure = Measure.single({"persona": Estimate(1 / 3, 0.123456, 1.0)}).rounded()
    assert measure.estimate("persona") == Estimate(0.3333, 0.1235, 1.0)
