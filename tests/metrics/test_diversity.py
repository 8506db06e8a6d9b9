"""Tests of diversity: the published metrics tell repetitive texts from varied ones."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popinjay.metrics.diversity import diversity
from popinjay.text.words import words


def grams(found: list[str], order: int) -> list[tuple[str, ...]]:
    return [tuple(found[begin : begin + order]) for begin in range(len(found) - order + 1)]


def bleu(own: list[str], references: list[list[str]]) -> float:
    """Return BLEU by its definition: Papineni et al. (2002), with NLTK's smoothing method 1."""
    precisions = []
    for order in (1, 2, 3, 4):
        mine = Counter(grams(own, order))
        theirs = [Counter(grams(reference, order)) for reference in references]
        matches = sum(min(count, max(one[gram] for one in theirs)) for gram, count in mine.items())
        if order == 1 and not matches:
            return 0.0
        precisions.append((matches or 0.1) / max(1, sum(mine.values())))
    closest = min(
        (len(reference) for reference in references),
        key=lambda length: (abs(length - len(own)), length),
    )
    penalty = 1.0 if len(own) >= closest else math.exp(1 - closest / len(own))
    return penalty * math.prod(precisions) ** 0.25


few_words = st.lists(st.sampled_from("a b c d 猫 ! 🦜".split()), max_size=10).map(" ".join)


@settings(deadline=None)
@given(st.lists(few_words, min_size=2, max_size=7))
def test_self_bleu_is_the_mean_of_each_against_all_others(texts: list[str]) -> None:
    found = [words(text) for text in texts]
    scores = [bleu(own, found[:place] + found[place + 1 :]) for place, own in enumerate(found)]
    assert diversity(texts)["self_bleu"] == pytest.approx(sum(scores) / len(scores))


@settings(deadline=None)
@given(st.lists(few_words, max_size=7))
def test_distinct_is_the_share_of_different_n_grams(texts: list[str]) -> None:
    measured = diversity(texts)
    for order in (1, 2, 3):
        every = [gram for text in texts for gram in grams(words(text), order)]
        assert measured[f"distinct_{order}"] == (len(set(every)) / len(every) if every else 0)


def test_repeated_texts_have_no_diversity() -> None:
    measured = diversity(["The river sings at night to nobody"] * 50)
    assert measured["self_bleu"] == pytest.approx(1)
    assert measured["repeats"] == 49 / 50
    assert measured["distinct_1"] == 7 / 350
    assert measured["distinct_3"] == 5 / 250


def test_texts_with_nothing_in_common_have_full_diversity() -> None:
    assert diversity(["one two three", "four five six"]) == {
        "distinct_1": 1,
        "distinct_2": 1,
        "distinct_3": 1,
        "self_bleu": 0,
        "repeats": 0,
    }


def test_values_computed_by_hand() -> None:
    measured = diversity(["a b c d e", "a b c d f"])
    assert measured["distinct_1"] == 6 / 10
    assert measured["self_bleu"] == pytest.approx((4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)


def test_repeats_look_past_case_and_punctuation_unless_there_is_nothing_else() -> None:
    assert diversity(["A word!", "a word", "🦜", "🦜 ", "🐟"])["repeats"] == pytest.approx(2 / 5)


def test_fewer_than_two_texts_repeat_nothing() -> None:
    assert diversity([]) == {
        "distinct_1": 0,
        "distinct_2": 0,
        "distinct_3": 0,
        "self_bleu": 0,
        "repeats": 0,
    }
    assert diversity(["only one"])["self_bleu"] == 0
