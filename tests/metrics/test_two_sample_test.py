"""Tests of the classifier two-sample test: 0.5 for equal samples, more for different ones."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest

from invented_author import Author
from popinjay.metrics.intervals import Estimate
from popinjay.metrics.two_sample_test import UNKNOWN, self_split_auc, two_sample_auc


def holds(found: Estimate, value: float = 0.5) -> bool:
    return found.low <= value <= found.high


def width(found: Estimate) -> float:
    return found.high - found.low


# equal samples


def test_two_halves_of_one_author_give_a_half_19_times_in_20() -> None:
    found = []
    for seed in range(100):
        posts = Author(f"ada {seed}").posts(80)
        found.append(two_sample_auc(posts[:40], posts[40:], seed))
    assert np.mean([one.value for one in found]) == pytest.approx(0.5, abs=0.02)
    # A plain bootstrap of the scored posts: 0.83 to 0.89.
    assert 0.92 <= np.mean([holds(one) for one in found]) < 1


@pytest.mark.parametrize("seed", range(5))
def test_the_self_split_is_the_lower_bound(seed: int) -> None:
    found = self_split_auc(Author("ada").posts(400), seed)
    assert holds(found)
    assert found.value == pytest.approx(0.5, abs=0.06)


def test_copies_are_not_distinguished() -> None:
    posts = Author("ada").posts(600)
    # For this reason, copying is measured separately.
    assert holds(two_sample_auc(posts[:300], posts[300:], seed=1))


def test_the_same_posts_on_both_sides_are_exactly_a_half() -> None:
    posts = Author("ada").posts(100)
    assert two_sample_auc(posts, posts[::-1], seed=1).value == 0.5


def test_posts_changed_by_a_word_do_not_leak_between_folds() -> None:
    author = Author("ada")
    posts = [" ".join(author.posts(2)) for _ in range(200)]
    changed = [" ".join([author.sentence().split()[0], *text.split()[1:]]) for text in posts]
    found = two_sample_auc(posts, changed, seed=1)
    assert 0.4 < found.value < 0.6  # if each could be in another fold than its copy: 0.08


def test_texts_made_of_parts_of_real_posts_score_below_a_half() -> None:
    posts = Author("ada").posts(300)
    chance = random.Random(1)
    pieced = [
        " ".join((*one.split()[:5], *other.split()[-5:]))
        for one, other in zip(posts, chance.sample(posts, 300), strict=True)
    ]
    assert two_sample_auc(posts, pieced, seed=1).high < 0.5
    assert two_sample_auc(Author("ada 2").posts(300), pieced, seed=1).low > 0.5


# different samples


def test_shuffled_words_are_distinguished() -> None:
    posts = Author("ada").posts(600)
    chance = random.Random(1)
    shuffled = [" ".join(chance.sample(text.split(), len(text.split()))) for text in posts[300:]]
    assert two_sample_auc(posts[:300], shuffled, seed=1).low > 0.6


def test_another_author_is_distinguished() -> None:
    common = Author("everybody").words
    ada, bob = Author("ada", 100, common), Author("bob", 100, common)
    found = two_sample_auc(ada.posts(300), bob.posts(300), seed=1)
    assert found.low > 0.8
    assert found.apart_from(self_split_auc(ada.posts(600), seed=1))


def test_repetition_is_distinguished() -> None:
    author = Author("ada")
    assert two_sample_auc(author.posts(200), [author.sentence()] * 200, seed=1).low > 0.9


def test_letters_case_and_punctuation_count() -> None:
    author = Author("ada")
    assert (
        two_sample_auc(author.posts(200), [text.lower() for text in author.posts(200)], seed=1).low
        > 0.6
    )
    assert (
        two_sample_auc(author.posts(200), [f"{text}?" for text in author.posts(200)], seed=1).low
        > 0.85
    )


@pytest.mark.parametrize(
    "text", ["猫が好きです。海まで歩いて行きました", "แมวดำนั่งอยู่บนหลังคา", "🦜🦜 😀"]
)
def test_any_script_works(text: str) -> None:
    chance = random.Random(1)
    real = ["".join(chance.choices(text, k=30)) for _ in range(200)]
    other = ["".join(sorted(chance.choices(text, k=30))) for _ in range(200)]
    assert holds(two_sample_auc(real[:100], real[100:], seed=1))
    assert two_sample_auc(real, other, seed=1).low > 0.8


# uncertainty


def test_other_seeds_stay_inside_the_interval() -> None:
    ada, bob = Author("ada"), Author("ada", 700)
    real = ada.posts(150)
    other = [*bob.posts(75), *ada.posts(75)]
    found = [two_sample_auc(real, other, seed) for seed in range(6)]
    assert len({one.value for one in found}) > 1
    assert all(holds(one, another.value) for one in found for another in found)
    assert two_sample_auc(real, other, 3) == found[3]


def test_few_posts_give_a_wide_interval_and_many_a_narrow_one() -> None:
    posts = Author("ada").posts(800)
    few, more, many = (
        two_sample_auc(posts[:count], posts[400:], seed=1) for count in (20, 100, 400)
    )
    assert width(few) > 0.4
    assert width(few) > width(more) > width(many)
    assert width(many) < 0.15


def test_both_samples_have_the_same_size_up_to_the_limit() -> None:
    posts = Author("ada").posts(600)
    assert width(two_sample_auc(posts[:40], posts[40:], seed=1)) > 0.25
    assert width(two_sample_auc(posts[:300], posts[300:], seed=1, most=40)) > 0.25
    assert width(self_split_auc(posts, seed=1, most=40)) > 0.25
    assert width(self_split_auc(posts, seed=1)) < 0.2


def test_a_perfect_score_of_twenty_posts_is_uncertain() -> None:
    found = two_sample_auc(["aaa bbb"] * 20, ["ccc ddd"] * 20, seed=1)
    assert found.value == 1
    assert 0.8 < found.low < 0.9


@pytest.mark.parametrize("count", range(8))
def test_too_few_posts_give_no_result(count: int) -> None:
    posts = Author("ada").posts(50)
    assert two_sample_auc(posts[:count], posts, seed=1) == UNKNOWN == (0.5, 0.0, 1.0)
    assert two_sample_auc(posts, posts[:count], seed=1) == UNKNOWN
    assert self_split_auc(posts[: 2 * count], seed=1) == UNKNOWN


def test_the_least_number_of_posts_with_a_result() -> None:
    posts = Author("ada").posts(16)
    found = two_sample_auc(posts[:8], posts[8:], seed=1)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert width(found) > 0.6
    assert self_split_auc(posts, seed=1) != UNKNOWN


@pytest.mark.parametrize("text", ["", " ", "the same for everybody"])
def test_texts_that_are_all_the_same_are_a_half(text: str) -> None:
    found = two_sample_auc([text] * 30, [text] * 30, seed=1)
    assert found.value == 0.5
    assert width(found) > 0.3


def test_empty_texts_are_distinguished() -> None:
    posts = Author("ada").posts(100)
    assert two_sample_auc(posts[:50], [""] * 50, seed=1).low > 0.9


# real posts


def real_posts(shared: Path, name: str, count: int) -> list[str]:
    with gzip.open(shared / "personas" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [row["text"] for row in map(json.loads, lines) if not row["is_retweet"]]
    return random.Random(1).sample(texts, count)


@pytest.mark.parametrize("name", ["pepys", "ja_dayukoume"])
def test_real_authors_are_distinguished_and_their_halves_are_not(shared: Path, name: str) -> None:
    posts = real_posts(shared, name, 600)
    assert holds(self_split_auc(posts, seed=1))
    assert two_sample_auc(posts[:300], real_posts(shared, "wl_juliagillard", 300), seed=1).low > 0.9
    chance = random.Random(1)
    shuffled = ["".join(chance.sample(text, len(text))) for text in posts[:300]]
    assert two_sample_auc(posts[300:], shuffled, seed=1).low > 0.9
