"""Lengths as networks count."""

from __future__ import annotations

import pytest

from popinjay.bots.lengths import lengths, limit, too_long_for


@pytest.mark.parametrize(
    ("text", "bsky", "mastodon"),
    [
        ("", 0, 0),
        ("tea", 3, 3),
        ("👩‍👩‍👧🇪🇺e\u0301", 3, 3),
        ("see https://a.example/" + "x" * 60, 82, 27),
        ("thanks @ada@social.example!", 27, 12),
        ("me@example.com", 14, 14),
        ("a\r\nb", 3, 3),
    ],
)
def test_each_network_counts_in_its_way(text: str, bsky: int, mastodon: int) -> None:
    assert lengths(text) == {"bsky": bsky, "mastodon": mastodon}


def test_what_is_too_long_where() -> None:
    assert too_long_for("x" * 300) == []
    assert too_long_for("x" * 301) == ["bsky"]
    assert too_long_for("x" * 501) == ["bsky", "mastodon"]
    assert too_long_for("👩‍👩‍👧" * 200) == ["bsky"]  # 3,600 bytes
    assert (limit(None), limit("bsky"), limit("mastodon")) == (300, 300, 500)
