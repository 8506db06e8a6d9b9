"""Tests of stylometry: distances follow their definition and separate different styles."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popinjay.metrics import stylometry as module
from popinjay.metrics.intervals import Estimate
from popinjay.metrics.stylometry import (
    STYLE_MEASURES,
    capitals,
    hashtags,
    mentions,
    punctuation,
    self_split,
    stylometry,
)


def posts(seed: int, count: int, loud: float = 0.1) -> list[str]:
    """Return posts of an author who sometimes shouts, tags and waves."""
    drawn = random.Random(seed)
    made = []
    for _ in range(count):
        text = " ".join(
            drawn.choices(["gull", "tide", "Pier", "lamp,", "song."], k=drawn.randint(3, 25))
        )
        text = text.upper() if drawn.random() < loud else text
        made.append(text + drawn.choice(["", "", " #sea", " @ada 🌊", " 👋🏽👋🏽"]))
    return made


def test_hashtags_and_mentions() -> None:
    assert hashtags("#sea and #Ebb2 ＃海 but #1, C# and a&#39;b and a#b") == 3
    assert mentions("@ada, hi (@eve) ＠猫 .@bob but ada@example.com") == 4


def test_capitals_and_punctuation() -> None:
    assert capitals("ABc d1") == 2 / 4
    assert capitals("猫が Ab") == 1 / 4
    assert capitals("123 🦜") == 0
    assert punctuation("a, b!") == 2 / 5
    assert punctuation("猫。") == 1 / 2
    assert punctuation("#a @b_c") == 0
    assert punctuation("") == 0


def gap(mine: list[float], theirs: list[float]) -> float:
    """Return the two-sample Kolmogorov-Smirnov statistic by its definition."""
    return max(
        abs(sum(v <= at for v in mine) / len(mine) - sum(v <= at for v in theirs) / len(theirs))
        for at in {*mine, *theirs}
    )


some = st.lists(st.text(st.sampled_from("aB1 ,!#@🦜猫"), max_size=8), min_size=1, max_size=9)


@settings(max_examples=40, deadline=None)
@given(some, some)
def test_the_distance_is_the_widest_gap(mine: list[str], theirs: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "RESAMPLES", 100)
        for name, estimate in stylometry(mine, theirs).items():
            habit = STYLE_MEASURES[name]
            assert estimate.value == pytest.approx(
                gap([habit(text) for text in mine], [habit(text) for text in theirs])
            ), name
            assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1, name


def test_one_author_has_one_style() -> None:
    near = self_split(posts(1, 1000))
    for name, estimate in stylometry(posts(2, 500), posts(3, 500)).items():
        assert estimate.low < near[name].high, name
        assert estimate.value < 0.15, name


def test_changed_habits_are_detected() -> None:
    real = posts(1, 500)
    shouted = stylometry([text.upper() for text in real], real)
    assert shouted["capitals"].low > 0.5
    assert shouted["length"].value == shouted["emoji"].value == shouted["hashtags"].value == 0
    assert stylometry([text + " 🦜" for text in real], real)["emoji"].low > 0.3
    assert stylometry([text + " #x" for text in real], real)["hashtags"].low > 0.3
    assert stylometry([text + " @x" for text in real], real)["mentions"].low > 0.3
    assert stylometry([text * 3 for text in real], real)["length"].low > 0.3
    assert (
        stylometry([text.replace(".", "").replace(",", "") for text in real], real)[
            "punctuation"
        ].low
        > 0.3
    )


def test_distance_is_one_for_disjoint_and_zero_for_equal_texts() -> None:
    assert stylometry(["aaaa"] * 50, ["a"] * 50)["length"] == (1, 1, 1)
    assert stylometry(["a"] * 50, ["a"] * 50)["length"] == (0, 0, 0)


def test_few_texts_give_wide_intervals() -> None:
    many = stylometry(posts(1, 1000, 0.5), posts(2, 1000))["capitals"]
    few = stylometry(posts(1, 60, 0.5), posts(2, 60))["capitals"]
    assert few.high - few.low > 2 * (many.high - many.low)


def test_the_interval_covers_the_true_value() -> None:
    """Shouting in half of the posts instead of a tenth: the shares differ by 0.4.

    Some 19 of 20 intervals cover that.
    """
    held = [estimate.low <= 0.4 <= estimate.high for estimate in map(_shouted, range(60))]
    assert sum(held) >= 52


def _shouted(seed: int) -> Estimate:
    return stylometry(posts(2 * seed, 200, 0.5), posts(2 * seed + 1, 200))["capitals"]


def test_the_seed_affects_only_the_interval() -> None:
    mine, real = posts(1, 300, 0.3), posts(2, 300)
    one, same, other = (stylometry(mine, real, seed)["capitals"] for seed in (1, 1, 2))
    assert one == same
    assert one.value == other.value
    assert abs(one.low - other.low) < 0.03
    assert abs(one.high - other.high) < 0.03


def test_no_texts_give_no_distance() -> None:
    assert stylometry([], ["a"])["length"] == (0, 0, 1)
    assert self_split(["a"])["length"] == (0, 0, 1)
