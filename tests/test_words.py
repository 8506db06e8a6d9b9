"""Words in any script, and posts that say the same."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from popinjay.words import SAME_SHARE, NearDuplicates, goes_on, last_word, shingles, spoken_length, words

SENTENCE = "the gull on the roof waits for the tide and sings to nobody at all"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Tide, waits; for NO-one!", ["the", "tide", "waits", "for", "no", "one"]),
        ("don't can’t won`t isnʼt 'quoted' ‘too’", ["don't", "can't", "won't", "isn't", "quoted", "too"]),
        ("e\u0301te\u0301 été", ["été", "été"]),
        ("ｔｈｅ ＴＩＤＥ 𝐭𝐢𝐝𝐞 ﬁsh", ["the", "tide", "tide", "fish"]),
        ("ti\u00adde ti\u200bde", ["tide", "tide"]),
        ("ﾊﾟﾝを は\u309aん", ["パ", "ン", "を", "ぱ", "ん"]),
        ("ｶﾞｷﾞ ガギ", ["ガ", "ギ", "ガ", "ギ"]),
        ("ﾡ한글 한글", ["ᄀ한글", "한글"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("été 12 mañana", ["été", "12", "mañana"]),
        ("猫が好き", ["猫", "が", "好", "き"]),
        ("iPhoneを買った", ["iphone", "を", "買", "っ", "た"]),
        ("แมว", ["แ", "ม", "ว"]),
        ("고양이를 좋아해", ["고양이를", "좋아해"]),
        ("🦜 … !?", []),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("token", "length"), [("tide", 1), ("!", 1), ("", 1), ("猫", 1), ("猫が", 1), ("猫が好", 2), ("猫が好きだ", 3), ("แมวดำ", 3), ("고양이를", 1)]
)
def test_spoken_length(token: str, length: int) -> None:
    assert spoken_length(token) == length


def test_shingles_are_runs_of_three_words_or_the_whole() -> None:
    assert shingles("One two. Three, four") == {("one", "two", "three"), ("two", "three", "four")}
    assert shingles("One two") == {("one", "two")}
    assert shingles("🦜 ") == {("🦜",)}


def same(one: str, other: str) -> bool:
    mine, theirs = shingles(one), shingles(other)
    return len(mine & theirs) >= SAME_SHARE * len(mine | theirs)


def found(texts: list[str]) -> list[int | None]:
    """What is found for each text among those before it that were kept, as cleaning does it."""
    index, results = NearDuplicates(texts), []
    for text in texts:
        results.append(index.find(text))
        if results[-1] is None:
            index.add(text)
    return results


def found_by_looking_at_all(texts: list[str]) -> list[int | None]:
    kept: list[str] = []
    results = []
    for text in texts:
        results.append(next((position for position, other in enumerate(kept) if same(text, other)), None))
        if results[-1] is None:
            kept.append(text)
    return results


few_words = st.lists(st.sampled_from("a b c 猫 が แ".split()), max_size=12).map(" ".join)
variations = st.tuples(st.just(SENTENCE.split()), st.integers(0, 14), st.sampled_from(["", "loud", "gull"])).map(
    lambda drawn: " ".join([*drawn[0][: drawn[1]], drawn[2], *drawn[0][drawn[1] + 1 :]])
)


@given(st.lists(st.one_of(few_words, variations, st.text(max_size=20)), max_size=30))
def test_near_duplicates_are_those_that_looking_at_all_finds(texts: list[str]) -> None:
    assert found(texts) == found_by_looking_at_all(texts)


@given(few_words, few_words)
def test_a_held_text_is_found_exactly_if_it_says_the_same(one: str, other: str) -> None:
    index = NearDuplicates([one, other])
    index.add(one)
    assert (index.find(other) == 0) == same(one, other)


@given(st.text(), st.lists(st.text(max_size=10), max_size=5))
def test_a_text_not_counted_beforehand_is_found_too(text: str, others: list[str]) -> None:
    index = NearDuplicates(others)
    index.add(text)
    assert index.find(text) == 0


def test_the_share_is_exact_at_its_edge() -> None:
    twelve = [f"w{n}" for n in range(12)]  # 10 shingles
    assert same(" ".join(twelve), " ".join(twelve[:10]))  # 8 of them: 0.8
    assert found([" ".join(twelve), " ".join(twelve[:10])]) == [None, 0]
    assert found([" ".join(twelve), " ".join(twelve[:9])]) == [None, None]


def test_japanese_and_thai_near_copies_are_found() -> None:
    japanese = "今日はとても天気がいいので海まで歩いて行きました"
    thai = "วันนี้อากาศดีมากเราเดินไปทะเลด้วยกัน"
    assert found([japanese, thai, japanese + "。笑", thai + " 555", "猫が好きです"]) == [None, None, 0, 1, None]


def test_the_first_that_says_the_same_is_found() -> None:
    index = NearDuplicates([SENTENCE])
    for text in ("something else that is said", SENTENCE + " today", SENTENCE):
        index.add(text)
    assert index.find(SENTENCE) == 1


def test_what_is_found_does_not_hang_on_pythons_hash_seed() -> None:
    program = (
        "from popinjay.words import NearDuplicates\n"
        "texts = [f'{n % 7} gulls and {n % 11} lamps wait for the tide of {n % 13} at the old pier by the sea' for n in range(300)]\n"
        "index = NearDuplicates(texts)\n"
        "for text in texts[:150]: index.add(text)\n"
        "print([index.find(text) for text in texts])\n"
    )
    said = {
        subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("0", "1", "2")
    }
    assert len(said) == 1


def test_what_goes_on_with_a_word_leaves_the_last_word_where_it_was() -> None:
    assert goes_on("the lam", 5)
    assert goes_on("the lamp", 8)  # nothing new
    assert not any(
        goes_on(text, length) for text, length in (("the lamp", 3), ("the lamp", 4), ("lamp ", 4), ("lamp", 0), ("", 0), ("川の", 1), ("a川", 1), ("a", 2))
    )
    rng = random.Random(0)
    for _ in range(3_000):
        text = "".join(rng.choices("ab'. 1-@川\u0e01\u00a0", k=rng.randrange(1, 9)))
        length = rng.randrange(len(text) + 1)
        if goes_on(text, length):
            assert last_word(text) == last_word(text[:length])
