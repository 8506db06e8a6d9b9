"""Words in any script, and posts that say the same."""

from __future__ import annotations

import random

import pytest

from popinjay.text.words import continues_word, last_word, shingles, spoken_length, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Tide, waits; for NO-one!", ["the", "tide", "waits", "for", "no", "one"]),
        (
            "don't can’t won`t isnʼt 'quoted' ‘too’",
            ["don't", "can't", "won't", "isn't", "quoted", "too"],
        ),
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
    ("token", "length"),
    [
        ("tide", 1),
        ("!", 1),
        ("", 1),
        ("猫", 1),
        ("猫が", 1),
        ("猫が好", 2),
        ("猫が好きだ", 3),
        ("แมวดำ", 3),
        ("고양이를", 1),
    ],
)
def test_spoken_length(token: str, length: int) -> None:
    assert spoken_length(token) == length


def test_shingles_are_runs_of_three_words_or_the_whole() -> None:
    assert shingles("One two. Three, four") == {("one", "two", "three"), ("two", "three", "four")}
    assert shingles("One two") == {("one", "two")}
    assert shingles("🦜 ") == {("🦜",)}


def test_what_goes_on_with_a_word_leaves_the_last_word_where_it_was() -> None:
    assert continues_word("the lam", 5)
    assert continues_word("the lamp", 8)  # nothing new
    assert not any(
        continues_word(text, length)
        for text, length in (
            ("the lamp", 3),
            ("the lamp", 4),
            ("lamp ", 4),
            ("lamp", 0),
            ("", 0),
            ("川の", 1),
            ("a川", 1),
            ("a", 2),
        )
    )
    rng = random.Random(0)
    for _ in range(3_000):
        text = "".join(rng.choices("ab'. 1-@川\u0e01\u00a0", k=rng.randrange(1, 9)))
        length = rng.randrange(len(text) + 1)
        if continues_word(text, length):
            assert last_word(text) == last_word(text[:length])
