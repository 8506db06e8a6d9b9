"""Tests of the beginnings that posts share: the most frequent first, and never anybody's name."""

from __future__ import annotations

import pytest

from popinjay.text.beginnings import MIN_POSTS, beginnings


def started(text: str, number: int = MIN_POSTS) -> list[str]:
    """Return different posts that begin alike."""
    return [f"{text} {place} {'so ' * place}it goes" for place in range(number)]


def test_what_most_posts_share_comes_first() -> None:
    posts = started("today we", 3) + started("my bread", 5) + started("the oven", 4)
    assert beginnings(posts, 2) == ["my bread", "the oven"]
    assert beginnings(posts, 9) == ["my bread", "the oven", "today we"]


def test_a_third_word_is_shown_if_most_share_it() -> None:
    assert beginnings(started("good morning to"), 4) == ["good morning to"]
    assert beginnings(started("good morning to") + started("good morning", 9), 4) == [
        "good morning"
    ]
    assert beginnings(started("i am so very tired of it"), 4) == ["i am so"]


def test_beginnings_have_different_first_words() -> None:
    assert beginnings(started("i am", 5) + started("i have", 4) + started("we are"), 4) == [
        "i am",
        "we are",
    ]


def test_what_fewer_posts_share_is_their_own() -> None:
    assert beginnings(started("the oven", MIN_POSTS - 1), 4) == []
    assert beginnings(["the oven is hot"] * 9, 4) == []  # the same post, as cyborgs repeat it


@pytest.mark.parametrize(
    "start",
    [
        "@ada hello",
        "hello @ada",
        "#monday again",
        "https://example.org is",
        "call 555",
        "RT this",
        "[email] is",
        "Ada Lovelace",
        "dear Ada",
        "Ada is",
    ],
)
def test_nobody_is_named(start: str) -> None:
    for text in beginnings(started(start), 4):
        assert "Ada" not in text
        assert text.isascii()
        assert all(word.isalpha() and word.islower() for word in text.split())


def test_a_capital_counts_if_the_word_is_also_written_without() -> None:
    assert beginnings(started("Today I"), 4) == []
    assert beginnings([*started("Today I"), "what a day today"], 4) == ["Today I"]
    assert beginnings([*started("Today I’m"), "what a day today"], 4) == ["Today I’m"]


def test_other_scripts() -> None:
    assert beginnings(started("сегодня я"), 4) == ["сегодня я"]
    assert beginnings(started("今日は"), 4) == []  # written without spaces
