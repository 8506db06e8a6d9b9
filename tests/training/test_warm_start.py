"""What an update learns: every new post, and old ones beside them, so that none is forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from popinjay.training.warm_start import LESSON, PASSES, WarmStart

OLD = [f"an old post number {n:03}" for n in range(200)]
NEW = [f"a new post, number {n:03}" for n in range(20)]


@pytest.fixture
def warm() -> WarmStart:
    return WarmStart(Path("model"), "ada:v0", "hash", frozenset([*OLD, "a post that is gone"]))


def test_all_new_posts_are_learnt_beside_old_ones(warm: WarmStart) -> None:
    lesson = warm.lesson([*OLD, *OLD, *NEW], 2.0, seed=1)  # a cyborg repeats a smaller author's
    assert [text for text in lesson if text in NEW] == NEW * PASSES
    old = [text for text in lesson if text in OLD]
    assert len(old) == len(set(old))
    assert len(lesson) == pytest.approx(LESSON * 2.0 * len(NEW), abs=1)
    assert "a post that is gone" not in lesson


def test_the_old_posts_are_drawn_by_the_seed(warm: WarmStart) -> None:
    one, two = (warm.lesson([*OLD, *NEW], 2.0, seed=1) for _ in range(2))
    assert one == two != warm.lesson([*OLD, *NEW], 2.0, seed=2)


def test_a_training_of_few_passes_still_learns_each_new_post(warm: WarmStart) -> None:
    lesson = warm.lesson([*OLD, *NEW], 0.2, seed=1)
    assert set(NEW) <= set(lesson)
    assert len(lesson) < len(warm.lesson([*OLD, *NEW], 3.0, seed=1))


def test_there_may_be_fewer_old_posts_than_wanted(warm: WarmStart) -> None:
    lesson = warm.lesson([*OLD[:5], *NEW], 3.0, seed=1)
    assert sorted(lesson) == sorted([*OLD[:5], *NEW])


def test_without_new_posts_there_is_nothing_to_learn(warm: WarmStart) -> None:
    assert not warm.has_new(OLD)
    assert warm.has_new([*OLD, NEW[0]])
