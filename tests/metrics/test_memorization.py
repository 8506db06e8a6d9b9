"""Tests of memorization: exact, partial and near copies are found, and nothing else."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popinjay.metrics.memorization import Memorization
from popinjay.text.words import words

LONG = "The river sings at night, and nobody in this town has ever heard it."
POSTS = [
    LONG,
    "Gulls on the old pier wait for the lamps to go out, then they say what they think of us.",
    "I have counted every step from here to the sea and it is one too many each time.",
]


def longest_by_looking_at_all(training: list[str], text: str) -> float:
    """Return the longest run by its definition: look for every run of words in every post."""
    own = words(text)
    if not own:
        return float(any(not words(post) for post in training))
    for length in range(len(own), 0, -1):
        runs = [own[begin : begin + length] for begin in range(len(own) - length + 1)]
        for post in training:
            found = words(post)
            if any(
                found[begin : begin + length] in runs for begin in range(len(found) - length + 1)
            ):
                return length / len(own)
    return 0.0


few_words = st.lists(st.sampled_from("a b c d 猫 が ! 🦜".split()), max_size=12).map(" ".join)


@settings(deadline=None)
@given(st.lists(few_words, max_size=8), st.lists(few_words, max_size=6))
def test_the_longest_run_equals_that_of_exhaustive_search(
    training: list[str], texts: list[str]
) -> None:
    assert Memorization(training).longest(texts) == pytest.approx(
        [longest_by_looking_at_all(training, text) for text in texts]
    )


def test_the_longest_run_is_found_in_long_and_in_repetitive_posts() -> None:
    drawn = random.Random(5)
    training = [" ".join(drawn.choices("ab", k=drawn.randint(0, 90))) for _ in range(30)] + [
        "a " * 40
    ]
    texts = [
        " ".join(drawn.choices("abc", [9, 9, 1], k=drawn.randint(0, 90))) for _ in range(30)
    ] + ["a " * 70, "c"]
    assert Memorization(training).longest(texts) == pytest.approx(
        [longest_by_looking_at_all(training, text) for text in texts]
    )


def test_copied_posts_are_found() -> None:
    measured = Memorization(POSTS).measure([POSTS[n % 3].upper() for n in range(200)])
    for name in ("exact", "run", "near", "longest"):
        assert measured[name].value == 1, name
        assert measured[name].low > 0.98, name


def test_copied_japanese_posts_are_found() -> None:
    posts = [
        "今日はとても天気がいいので海まで歩いて行きました",
        "猫が屋根の上で月を見ながら何かを待っているようです",
    ]
    assert [
        round(estimate.value, 3) for estimate in Memorization(posts).measure(posts).values()
    ] == [1, 1, 1, 1]


def test_unrelated_texts_copy_nothing() -> None:
    measured = Memorization(POSTS).measure(["Bread grows dearer", "¿Quién canta?"])
    assert [estimate.value for estimate in measured.values()] == [0, 0, 0, 0]
    assert measured["exact"].high > 0.5  # two texts are few


def test_eight_words_are_a_run_and_seven_are_none() -> None:
    eight = "so nobody in this town has ever heard it"
    seven = "so nobody in this town has ever heard us"
    overlap = Memorization(POSTS)
    assert overlap.measure([eight])["run"].value == 1
    assert overlap.measure([seven])["run"].value == 0
    assert overlap.measure([eight])["exact"].value == 0
    assert overlap.longest([eight, seven]) == pytest.approx([8 / 9, 7 / 9])


def test_sixteen_characters_without_blanks_are_a_run_and_fifteen_are_none() -> None:
    overlap = Memorization(["今日はとても天気がいいので海まで歩いて行きました"])
    assert overlap.measure(["今日はとても天気がいいので海まと"])["run"].value == 0
    assert overlap.measure(["今日はとても天気がいいので海までと"])["run"].value == 1


def test_a_run_does_not_reach_from_one_post_into_the_next_nor_from_one_text_into_the_next() -> None:
    overlap = Memorization(["one two three four", "five six seven eight"])
    assert overlap.longest(["one two three four five six seven eight"]) == [0.5]
    assert overlap.longest(["one two", "three four"]) == [1, 1]
    assert overlap.measure(["one two three four five six seven eight"])["run"].value == 0


def test_a_post_with_a_word_changed_is_near() -> None:
    measured = Memorization(POSTS).measure([POSTS[2] + " Truly", "Truly something else altogether"])
    assert (measured["near"].value, measured["exact"].value) == (0.5, 0)


def test_a_text_without_words_can_be_a_copy() -> None:
    assert Memorization(["🦜 …"]).longest(["!", "word"]) == [1, 0]
    assert Memorization(["word"]).longest(["!"]) == [0]


def test_no_texts_and_no_posts() -> None:
    assert Memorization([]).measure([])["exact"].value == 0
    assert Memorization([]).longest(["a word"]) == [0]


def test_the_same_texts_give_the_same_numbers() -> None:
    texts = [POSTS[0], "The river sings a lot", POSTS[1][:30]]
    assert Memorization(POSTS).measure(texts) == Memorization(POSTS).measure(texts)
