"""Tests of near-duplicates: found exactly, in time that grows with the number of texts."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popinjay.text import near_duplicates
from popinjay.text.near_duplicates import SAME_SHARE, NearDuplicates
from popinjay.text.words import shingles

SENTENCE = "the gull on the roof waits for the tide and sings to nobody at all"


def same(one: str, other: str) -> bool:
    mine, theirs = shingles(one), shingles(other)
    return len(mine & theirs) >= SAME_SHARE * len(mine | theirs)


def found(texts: list[str]) -> list[int | None]:
    """What is found for each text among those before it that were kept, as cleaning does it."""
    index = NearDuplicates(texts)
    results = []
    for text in texts:
        results.append(index.find(text))
        if results[-1] is None:
            index.add(text)
    return results


def found_by_looking_at_all(texts: list[str]) -> list[int | None]:
    kept: list[str] = []
    results = []
    for text in texts:
        results.append(
            next((position for position, other in enumerate(kept) if same(text, other)), None)
        )
        if results[-1] is None:
            kept.append(text)
    return results


few_words = st.lists(st.sampled_from("a b c 猫 が แ".split()), max_size=12).map(" ".join)
variations = st.tuples(
    st.just(SENTENCE.split()), st.integers(0, 14), st.sampled_from(["", "loud", "gull"])
).map(lambda drawn: " ".join([*drawn[0][: drawn[1]], drawn[2], *drawn[0][drawn[1] + 1 :]]))


filled = st.lists(st.sampled_from("abc"), min_size=4, max_size=4).map(
    lambda drawn: "good {} morning to {} all of {} you out {} there".format(*drawn)
)


@given(st.lists(st.one_of(few_words, variations, st.text(max_size=20)), max_size=30))
def test_near_duplicates_equal_those_of_exhaustive_search(texts: list[str]) -> None:
    assert found(texts) == found_by_looking_at_all(texts)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(few_words, variations, filled), max_size=60), st.integers(0, 3))
def test_split_buckets_find_the_same(texts: list[str], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "CROWD", size)
        assert found(texts) == found_by_looking_at_all(texts)


def compared(count: int) -> int:
    """How many texts of a template are compared with one another before all are searched."""
    chance = random.Random(1)
    texts = [
        f"we saw {' and '.join(chance.choices('abcdefgh', k=5))} today, so stay calm"
        for _ in range(count)
    ]
    index = NearDuplicates(texts)
    candidates = 0
    for text in texts:
        candidates += sum(1 for _ in index._candidates(near_duplicates._marks(text)))
        index.add(text)
    return candidates


def test_templated_posts_take_linear_time() -> None:
    assert compared(3_000) < 5 * compared(1_000)  # nine times as many without crowds


@given(few_words, few_words)
def test_a_held_text_is_found_exactly_if_it_says_the_same(one: str, other: str) -> None:
    index = NearDuplicates([one, other])
    index.add(one)
    assert (index.find(other) == 0) == same(one, other)


@given(st.text(), st.lists(st.text(max_size=10), max_size=5))
def test_a_text_outside_of_the_index_can_be_searched(text: str, others: list[str]) -> None:
    index = NearDuplicates(others)
    index.add(text)
    assert index.find(text) == 0


def test_the_threshold_is_exact() -> None:
    twelve = [f"w{n}" for n in range(12)]  # 10 shingles
    assert same(" ".join(twelve), " ".join(twelve[:10]))  # 8 of them: 0.8
    assert found([" ".join(twelve), " ".join(twelve[:10])]) == [None, 0]
    assert found([" ".join(twelve), " ".join(twelve[:9])]) == [None, None]


def test_japanese_and_thai_near_copies_are_found() -> None:
    japanese = "今日はとても天気がいいので海まで歩いて行きました"
    thai = "วันนี้อากาศดีมากเราเดินไปทะเลด้วยกัน"
    assert found([japanese, thai, japanese + "。笑", thai + " 555", "猫が好きです"]) == [
        None,
        None,
        0,
        1,
        None,
    ]


def test_the_first_that_says_the_same_is_found() -> None:
    index = NearDuplicates([SENTENCE])
    for text in ("something else that is said", SENTENCE + " today", SENTENCE):
        index.add(text)
    assert index.find(SENTENCE) == 1


def test_the_result_is_independent_of_pythons_hash_seed() -> None:
    program = (
        "from popinjay.text.near_duplicates import NearDuplicates\n"
        "texts = [f'{n % 7} gulls and {n % 11} lamps wait for the tide of {n % 13} at the old "
        "pier by the sea' for n in range(300)]\n"
        "index = NearDuplicates(texts)\n"
        "for text in texts[:150]: index.add(text)\n"
        "print([index.find(text) for text in texts])\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(said) == 1
