"""Emoji are counted as people see them."""

from __future__ import annotations

import unicodedata

import pytest
import regex

from popinjay.text.emoji import coloured_emoji, count_emoji


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("🦜", 1),
        ("🇳🇴🇯🇵", 2),
        ("👨‍👩‍👧 and 👋🏽", 2),
        ("❤️ ❤ ☺️", 3),
        ("1️⃣ but 1 and #1", 1),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 1),
        ("🏳️‍🌈", 1),
        ("🤷🏽‍♀️", 1),
        ("©️ but ©, →, ★ and ♪", 1),
        ("☺︎ as text", 0),
        ("😂😂😂", 3),
        ("猫 naïve – “quoted” … 5 € ½", 0),
    ],
)
def test_emoji(text: str, count: int) -> None:
    assert count_emoji(text) == count


def test_every_emoji_that_is_drawn_in_colour_is_known() -> None:
    coloured, sign = regex.compile(r"\p{Emoji_Presentation}"), regex.compile(r"\p{Emoji}")
    shown = [
        chr(number)
        for number in range(0x80, 0x20000)
        if coloured.match(chr(number)) and not 0x1F1E6 <= number <= 0x1F1FF
    ]
    assert len(shown) > 1000
    assert [one for one in shown if count_emoji(one) != 1] == []
    others = [
        chr(number)
        for number in range(0x20000)
        if chr(number).isprintable() and not sign.match(chr(number))
    ]
    assert [
        one for one in others if unicodedata.category(one)[0] in "LNPZ" and count_emoji(one)
    ] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [("❤ and ❤️", ["❤️"]), ("☺︎👋🏽🇳🇴", ["👋🏽", "🇳🇴"]), ("1️⃣ 🏳️‍🌈", ["1️⃣", "🏳️‍🌈"]), ("猫 ©", [])],
)
def test_what_is_drawn_in_colour(text: str, found: list[str]) -> None:
    assert [one[0] for one in coloured_emoji().finditer(text)] == found
