"""Tests of the output filters: what they accept and what they reject."""

from __future__ import annotations

from typing import Any

import pytest

from popinjay.options import SayOptions
from popinjay.sampling.filters import MIN_HOLDERS, OutputFilters, Reason, settled
from popinjay.text.masking import mask, reveals
from popinjay.text.verbatim_index import VerbatimIndex
from popinjay.text.words import whole_sentences
from speaking_persona import POST

RULES = OutputFilters.of([POST, "Good morning, dear town!"])
WHOLE = SayOptions()


def against(text: str, typed: str = "", **options: Any) -> Reason | None:
    return RULES.judge(text, True, typed, SayOptions(**options)).rejection


def test_posts_and_runs_of_eight_words_are_rejected() -> None:
    assert against("good morning dear TOWN") is Reason.COPIED
    assert against("They say nobody in this town has ever heard it; do they?") is Reason.COPIED
    assert against("They say nobody in this town has ever seen it; do they?") is None
    assert against("good morning dear TOWN", allow_copies=True) is None


def test_frequent_phrases_of_the_author_are_no_copies() -> None:
    formula = "and that is why we meet here every single"
    posts = [
        f"{start} {formula} {end}"
        for start, end in (("Rain", "Monday"), ("Snow", "Tuesday"), ("Sun", "Friday"))
    ]
    assert len(posts) == MIN_HOLDERS
    rules = OutputFilters.of(posts)
    assert rules.judge(f"Hail {formula} Sunday", True, "", WHOLE).rejection is None
    assert rules.judge(posts[0], True, "", WHOLE).rejection is Reason.COPIED
    for said_twice in (
        posts[:2],
        [*posts[:2], posts[1]],
        [*posts[:2], posts[1].upper()],
    ):  # the same post again is no other post
        assert (
            OutputFilters.of(said_twice).judge(f"Hail {formula} Sunday", True, "", WHOLE).rejection
            is Reason.COPIED
        )


def test_characters_of_scripts_without_blanks_count_as_half_words() -> None:
    post = "今日はとても天気がいいので川まで歩いて行きました"
    copies = VerbatimIndex([post])
    assert copies.is_copied("昨日も" + post[3:19])
    assert not copies.is_copied("昨日も" + post[3:18] + "ね")
    assert VerbatimIndex(["one two three four 今日はとても天気が"]).is_copied(
        "and one two three four 今日はとても天気が so"
    )
    assert not VerbatimIndex(["one two three four 今日はとても天気が"]).is_copied(
        "and two three four 今日はとても天気が so"
    )


@pytest.mark.parametrize("cut", range(1, len(POST)))
def test_incremental_matching_equals_matching_the_whole_text(cut: int) -> None:
    copies = VerbatimIndex([POST])
    for text in (POST, "Not so: " + POST, POST[:40] + " but " + POST[40:], "don’t " + POST[4:]):
        following = copies.follow()
        found = [following.add(text[:cut]), following.add(text[cut:]), following.end()]
        assert any(found) == copies.is_copied(text)


@pytest.mark.parametrize(
    ("typed", "more", "copied"),
    [
        ("nobody in this town has ever heard it", " and so on", False),
        ("nobody in this town has ever heard it", "", False),
        ("nobody in this town has ever heard i", "t and so on", True),
        ("nobody in this town has ever heard", " it", True),
        ("at night, and nobody in this town has ever", " heard", True),
        ("", POST, True),
        ("Good morning, dear town", "!", False),
        ("Good morning, dear", " town", True),
    ],
)
def test_the_prompt_is_not_a_copy_by_the_model(typed: str, more: str, copied: bool) -> None:
    assert (
        VerbatimIndex([POST, "Good morning, dear town!"]).is_copied(typed + more, len(typed))
        is copied
    )


def test_the_index_is_small() -> None:
    posts = [" ".join(f"word{number}x{place}" for place in range(60)) for number in range(1_000)]
    assert VerbatimIndex(posts, MIN_HOLDERS).size < 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        "mail ada@example.org",
        "call +44 20 7946 0958",
        "4111 1111 1111 1111",
        "ghp_" + "a1" * 20,
        "it was [email] then",
        "[Phone]",
    ],
)
def test_personal_data_and_masks_are_rejected(text: str) -> None:
    assert against(f"Well, {text} is it.") is Reason.PERSONAL
    assert against(f"Well, {text} is it.", typed=f"Well, {text}") is None
    assert against(f"Well, {text} is it.", typed="Well,") is Reason.PERSONAL


@pytest.mark.parametrize(
    "text",
    [
        "In 1999 we had 1,000,000 of them",
        "[sic]",
        "see you @ada at 10.30",
        "[emails] are many",
        "a@b",
    ],
)
def test_reserved_examples_are_accepted(text: str) -> None:
    assert not mask(text)[1]
    assert not reveals(text)


def test_filters_reject_what_masking_would_mask() -> None:
    for text in ("mail ada@example.org", "call +44 20 7946 0958", "4111 1111 1111 1111"):
        assert mask(text)[1]
        for end in range(len(text)):
            assert not reveals(settled(text[:end]))
        assert settled(text) != text
    assert settled("Nothing of that sort is here") == "Nothing of that sort is "
    assert settled("-----BEGIN RSA PRIVATE KEY----- abc d") == ""
    assert settled("今日は天気") == "今日は天"


def test_long_texts_end_at_a_sentence_if_enough_is_left() -> None:
    verdict = RULES.judge(
        "It is good. It is long. It is cut somewhere in the", False, "", SayOptions(max_chars=40)
    )
    assert (verdict.text, verdict.finished, verdict.rejection) == (
        "It is good. It is long.",
        True,
        None,
    )
    assert (
        RULES.judge(
            "It is good. It is cut somewhere in the middle of it",
            False,
            "",
            SayOptions(max_chars=40),
        ).rejection
        is Reason.LONG
    )
    assert (
        RULES.judge("It is good. It is cut in the", False, "", WHOLE).rejection is Reason.UNFINISHED
    )
    prompted = RULES.judge("It is good. It is long. It is cut in the", False, "It is good.", WHOLE)
    assert prompted.rejection is Reason.UNFINISHED or prompted.text == "It is good. It is long."


def test_the_shortened_text_is_judged_too() -> None:
    verdict = RULES.judge("Good morning, dear town! And on and", False, "", WHOLE)
    assert verdict.rejection is Reason.COPIED


def test_invalid_bytes_are_a_blemish() -> None:
    assert against("the l\ufffdmp") is Reason.BROKEN
    assert against("the l\ufffdmp", typed="the l\ufffd") is None
    assert {reason for reason in Reason if reason.is_a_blemish} == {
        Reason.BROKEN,
        Reason.UNFINISHED,
        Reason.AGAINST_DIAL,
    }


def test_an_empty_text_is_rejected() -> None:
    assert against("") is Reason.EMPTY
    assert against("the lamp", typed="the lamp") is Reason.EMPTY


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("One. Two! Three", "One. Two!"),
        ("Mr. Smith and Dr. Jones met in the U.S. Army", ""),
        ("He said “no.” And then", "He said “no.”"),
        ("It costs 3.", ""),
        ("It costs 3. Not 4", "It costs 3."),
        ("See example.org for m", ""),
        ("今日は。明日も」と", "今日は。"),
        ("क्या। अब", "क्या।"),
        ("Wait... what", "Wait..."),
        ("Plan B. Go", ""),
    ],
)
def test_where_sentences_end(text: str, whole: str) -> None:
    assert whole_sentences(text, len(text)) == whole


def test_a_sentence_must_fit() -> None:
    assert whole_sentences("One. Two. Three.", 9) == "One. Two."
    assert whole_sentences("One. Two. Three.", 8) == "One."
