"""Tests of the verbatim index: what counts as repeating a text, and what does not."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popinjay.text.verbatim_index import KEY, VerbatimIndex
from speaking_persona import POST


def test_whole_texts_are_found_ignoring_case_and_punctuation() -> None:
    copies = VerbatimIndex([POST, "Short one!"])
    assert copies.is_whole("the river sings at night and nobody in this town has ever heard it")
    assert copies.is_whole("short ONE")
    assert not copies.is_whole("The river sings at night")


def test_eight_words_in_a_row_are_a_copy_and_seven_are_not() -> None:
    copies = VerbatimIndex([POST])
    assert copies.is_copied("I say: nobody in this town has ever heard it, do they?")
    assert not copies.is_copied("I say: nobody in this town has ever seen it")
    assert not copies.is_copied("at night the river sings")


WRITTEN = [
    ("it's three and the flour isn't in the bowl", "it’s three and the flour isnʼt in the bowl"),
    (
        "it's three and the flour isn't in the bowl",
        "ＩＴ＇Ｓ ｔｈｒｅｅ ａｎｄ ｔｈｅ ｆｌｏｕｒ ｉｓｎ＇ｔ ｉｎ ｔｈｅ ｂｏｗｌ",
    ),
    (
        "it's three and the flour isn't in the bowl",
        "it's thr\u00adee a\u200bnd the flour isn't in the bowl",
    ),
    ("it's three and the flour isn't in the bowl", "𝐢𝐭's 𝐭𝐡𝐫𝐞𝐞 𝐚𝐧𝐝 the ﬂour isn't in the bowl"),
    (
        "l'été à la mer était très long déjà",
        "l’e\u0301te\u0301 a\u0300 la mer e\u0301tait tre\u0300s long de\u0301ja\u0300",
    ),
    ("パンガトテモオイシイノデマイニチ", "ﾊﾟﾝｶﾞﾄﾃﾓｵｲｼｲﾉﾃﾞﾏｲﾆﾁ"),
    ("パンガトテモオイシイノデマイニチ", "ハ\u309aンカ\u3099トテモオイシイノテ\u3099マイニチ"),
    (
        "한국에서 가장 맛있는 빵집 은 바다 옆 골목에 있다",
        "\u1112\u1161\u11ab국에서 가장 맛있는 빵집 은 바다 옆 골목에 있다",
    ),
]


@pytest.mark.parametrize(("post", "said"), [*WRITTEN, *((said, post) for post, said in WRITTEN)])
def test_other_spellings_of_the_same_words_are_copies(post: str, said: str) -> None:
    copies = VerbatimIndex([post])
    assert copies.is_whole(said)
    assert copies.is_copied(f"well: {said} yes")
    following = copies.follow()
    assert any([*map(following.add, said), following.end()])


def test_runs_do_not_span_two_texts() -> None:
    copies = VerbatimIndex(["one two three four five", "six seven eight nine ten"])
    assert not copies.is_copied("one two three four five six seven eight nine ten")


def test_the_share_of_no_texts_is_zero() -> None:
    assert VerbatimIndex([]).share([]) == 0
    assert VerbatimIndex([POST]).share([POST, "something else"]) == 0.5


def test_hashes_work_in_other_processes_and_reveal_no_word() -> None:
    stored = VerbatimIndex(
        [POST], before=VerbatimIndex(["Good morning, dear town!"], key=secret())
    ).to_bytes()
    assert not any(word.encode() in stored for word in ("river", "sings", "nobody", "morning"))
    code = (
        "from popinjay.text.verbatim_index import VerbatimIndex\n"
        f"marked = VerbatimIndex.from_bytes({stored!r})\n"
        "copies = VerbatimIndex([], 3, marked=marked)"
    )
    said = [
        POST,
        "good morning dear TOWN",
        "nobody in this town has ever heard it",
        "nobody in this town has ever seen it",
    ]
    code += f"\nprint(*map(copies.is_copied, {said!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert done.stdout.split() == ["True", "True", "True", "False"]
    # So that no precomputed table works.
    assert (
        VerbatimIndex([POST], key=secret()).to_bytes()
        != VerbatimIndex([POST], key=secret()).to_bytes()
    )


def secret() -> bytes:
    return secrets.token_bytes(KEY)


def test_hashed_texts_count_as_no_common_phrase() -> None:
    phrase = "and that is why we meet here every single"
    posts = [f"{start} {phrase} day" for start in ("Rain", "Snow", "Sun")]
    marked = VerbatimIndex([f"Fog {phrase} week"])
    assert not VerbatimIndex(posts, 3).is_copied(f"Hail {phrase} year")
    copies = VerbatimIndex(posts, 3, marked=marked)
    assert copies.is_copied(f"Hail {phrase} year")
    assert copies.follow().add(f"Hail {phrase} year")


@pytest.mark.parametrize("stored", [b"", b"short", bytes(16 + 7)])
def test_invalid_hashes_are_reported(stored: bytes) -> None:
    with pytest.raises(ValueError, match="bytes"):
        VerbatimIndex.from_bytes(stored)


def test_a_text_contains_a_whole_short_post() -> None:
    copies = VerbatimIndex(
        ["Good morning, dear town!", "Good night!", "川まで歩く", "はい、", POST]
    )
    assert copies.is_around("I say: good morning dear town")
    assert copies.is_around("昨日も川まで歩くね")
    assert not copies.is_around("I say: good night")
    assert not copies.is_around("good morning, my dear town")
    assert not copies.is_around("はい、はい")
    assert not copies.is_around("")


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *"one two three four five six seven eight nine ten".split(),
                *"今日 town's town’s , . ! #x ｏｎｅ e\u0301te\u0301 été ﾊﾟ ﾊ ﾟ ゚ パ ハ".split(" "),
            ]
        ),
        max_size=30,
    ),
    st.data(),
)
def test_incremental_matching_equals_matching_the_whole(
    parts: list[str], data: st.DataObject
) -> None:
    copies = VerbatimIndex(
        [
            "one two three four five six seven eight nine ten",
            "ten nine eight",
            "今日今日今日今日今日今日今日今日 one",
            "パハ" * 8,
            "été town's " * 4,
        ]
    )
    text = data.draw(st.sampled_from(["", " "])).join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    following = copies.follow()
    seen = [
        following.add(text[start:end])
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)
    ]
    assert (any(seen) or copies.ends_copied(text)) == copies.is_copied(text)
    assert (any(seen) or following.end()) == copies.is_copied(text)
