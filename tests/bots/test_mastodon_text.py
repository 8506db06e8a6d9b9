"""Tests of how long a text is on Mastodon, and of which posts are the same."""

from __future__ import annotations

import pytest

from mastodon_posting_api import rendered
from popinjay.bots.networks.mastodon_text import is_same, length

FAMILY = "👨‍👩‍👧‍👦"


@pytest.mark.parametrize(
    ("text", "warning", "expected"),
    [
        ("", "", 0),
        ("hello", "", 5),
        ("hello", "tides", 10),
        (FAMILY, "", 1),
        ("e\u0301" * 3, FAMILY, 4),
        ("https://example.org/a", "", 23),
        (f"https://example.org/{'a' * 200}", "", 23),
        ("see https://example.org/a, and (http://example.org)", "", 4 + 23 + 7 + 23 + 1),
        # What the server may not take for a link counts in full: never too short.
        ("https://x", "", 23),
        (f"https://localhost/{'a' * 100}", "", 118),
        ("ftp://example.org/a", "", 19),
        ("@bob@example.org hi", "", 7),
        ("@bob@a.b.example.org, @eve", "", 10),
        ("mail bob@example.org", "", 20),
        ("https://example.org/@bob@example.net", "", 23),
    ],
)
def test_lengths(text: str, warning: str, expected: int) -> None:
    assert length(text, warning, 23) == expected


def test_the_length_of_links_is_the_servers() -> None:
    assert length("https://example.org/a", "", 40) == 40


def test_many_links_take_linear_time() -> None:
    assert length("https://a.example.org/" * 20_000, "", 23) == 23
    assert length("@a" * 100_000, "", 23) == 200_000
    assert length("@a@" + "a." * 100_000, "", 23) > 0


@pytest.mark.parametrize(
    ("sent", "shown", "same"),
    [
        ("a  b\n\n\nc", "<p>a b</p><p>c</p>", True),
        ("hello @bob@example.org", '<p>hello <a href="x">@<span>bob</span></a></p>', True),
        ('it\'s "so"', "<p>it’s “so”</p>", True),
        ("🌊 🌊", "<p>🌊 🌊</p>", True),
        ("🌊", "<p>🌋</p>", False),
        ("one", "<p>one two</p>", False),
        ("one", "", False),
        ("", "", True),
    ],
)
def test_which_posts_are_the_same(sent: str, shown: str, same: bool) -> None:
    assert is_same(sent, shown) is same


def test_a_long_link_is_shown_in_parts() -> None:
    text = f"see https://example.org/{'a/' * 60}?b=c&d=e now"
    assert "ellipsis" in rendered(text)
    assert is_same(text, rendered(text))
    assert not is_same(text, rendered(text.replace("d=e", "d=f")))
