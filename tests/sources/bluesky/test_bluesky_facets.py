"""Tests of facets: offsets in UTF-8 bytes, shortened links expanded, all other text unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from popinjay.sources.bluesky.facets import with_whole_links
from popinjay.stages.clean import tidy
from repositories import facet, link

LONG = "https://example.com/some/long/path?with=more"


@pytest.mark.parametrize(
    ("text", "shown", "uri", "tidied"),
    [
        ("read example.com/some/long/pa... now", "example.com/some/long/pa...", LONG, "read now"),
        ("read example.com/some… now", "example.com/some…", LONG, "read now"),
        (
            "🧮🧑‍🚀 naïve 東京 example.com/some/lon... 👋",
            "example.com/some/lon...",
            LONG,
            "🧮🧑‍🚀 naïve 東京 👋",
        ),
        ("見てexample.com/some/lon...すごい", "example.com/some/lon...", LONG, "見て すごい"),
        ("two.example", "two.example", "HTTPS://www.two.example/", ""),
        ("see https://example.com/some/long/path?with=more", LONG, LONG, "see"),
        (
            "a go.example/x... that leads on",
            "go.example/x...",
            "https://tracker.example/?to=go.example",
            "a that leads on",
        ),
        ("de.example/straße", "de.example/straße", "https://de.example/stra%C3%9Fe", ""),
        ("with a blank.example/a...", "blank.example/a...", "https://blank.example/a b", "with a"),
        ("my essay on it, do read", "my essay", LONG, "my essay on it, do read"),
        ("I like node.js a lot", "node.js", "https://nodejs.org/", "I like node.js a lot"),
        (
            "write to a.example/m...",
            "a.example/m...",
            "mailto:ada@a.example",
            "write to a.example/m...",
        ),
    ],
)
def test_shortened_addresses_are_replaced_and_words_stay(
    text: str, shown: str, uri: str, tidied: str
) -> None:
    assert tidy(with_whole_links(text, [link(text, shown, uri)])) == tidied


def test_the_address_takes_the_place_of_what_is_shown() -> None:
    text = "👋 one.example/a... and two.example/b..."
    facets = [
        link(text, "two.example/b...", "https://two.example/bb"),
        link(text, "one.example/a...", "https://one.example/aa"),
    ]
    assert with_whole_links(text, facets) == "👋 https://one.example/aa and https://two.example/bb"


def test_mentions_and_tags_stay_as_they_are() -> None:
    text = "👋 @bob.bsky.social about #gulls"
    features = [
        {"$type": "app.bsky.richtext.facet#mention", "did": "did:plc:bob"},
        {"$type": "app.bsky.richtext.facet#tag", "tag": "gulls"},
    ]
    assert (
        with_whole_links(text, [{"index": {"byteStart": 5, "byteEnd": 21}, "features": features}])
        == text
    )


@pytest.mark.parametrize(
    "facets",
    [
        None,
        "facets",
        [None, 7, {}, {"index": 3}, {"index": {"byteStart": 0, "byteEnd": 13}, "features": "none"}],
        [facet(5, 200, LONG)],
        [facet(-1, 5, LONG)],
        [facet(5, 5, LONG)],
        [facet(9, 5, LONG)],
        [facet("5", "9", LONG), facet(True, 9, LONG), facet(5.0, 9.0, LONG)],
        [facet(5, 32, None)],
        [facet(1, 32, LONG)],  # in the middle of the emoji
        [facet(0, 3, LONG)],
        [facet(2**70, 2**71, LONG)],
    ],
)
def test_an_invalid_facet_is_ignored(facets: Any) -> None:
    assert (
        with_whole_links("🧮 example.com/some/long/p...", facets) == "🧮 example.com/some/long/p..."
    )


def test_of_overlapping_facets_the_first_counts() -> None:
    text = "example.com/some/long... is it"
    facets = [facet(8, 24, "https://other.example/"), facet(0, 24, LONG), facet(20, 30, LONG)]
    assert with_whole_links(text, facets) == f"{LONG} is it"


@given(st.text(), st.lists(st.tuples(st.integers(-2, 60), st.integers(-2, 60))))
def test_no_offsets_lose_or_break_text(text: str, places: list[tuple[int, int]]) -> None:
    plain = text.replace(".", "").replace("/", "")  # so that nothing in it is an address
    assert with_whole_links(plain, [facet(begin, end, LONG) for begin, end in places]) == plain


def test_lone_surrogates_do_not_fail() -> None:
    text = "\ud83d example.com/some/lo..."
    assert with_whole_links(text, [facet(4, len(text) + 2, LONG)]) == f"\ud83d {LONG}"
