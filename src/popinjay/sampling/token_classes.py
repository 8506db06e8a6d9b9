"""What a post may have or lack, emoji and hashtags, and the tokens that begin it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from popinjay.metrics.stylometry import hashtags
from popinjay.text.emoji import count_emoji

if TYPE_CHECKING:
    from popinjay.inference.byte_level import Pieces

# The first bytes, in UTF-8, of blocks with emoji: pictographs; and the older signs, such as ☀ and
# ❤, only some of which are emoji.
_PICTOGRAPHS = b"\xf0\x9f"
_SIGNS = tuple(b"\xe2" + bytes([byte]) for byte in (0x8C, 0x8F, *range(0x98, 0x9F), 0xAD))


class TokenClass(NamedTuple):
    """A feature of posts: how to count it in a text, and which tokens begin it.

    `begins` returns the tokens that begin it behind a blank or at the start of a text, and those
    that bring the blank along. A token can also begin it without being listed, so whether a text
    has the feature is known only by counting.
    """

    name: str  # of its option
    count: Callable[[str], int]
    begins: Callable[[Pieces], tuple[list[int], list[int]]]


def _emoji_tokens(pieces: Pieces) -> tuple[list[int], list[int]]:
    """Return the tokens that are an emoji or the first bytes of a pictograph."""
    found = []
    for blank in (b"", b" "):
        begun = pieces.beginning_with(blank + _PICTOGRAPHS)
        signs = (token for sign in _SIGNS for token in pieces.beginning_with(blank + sign))
        found.append(
            [*begun, *(one for one in signs if count_emoji(pieces[one].decode("utf-8", "ignore")))]
        )
    return found[0], found[1]


def _hashtag_tokens(pieces: Pieces) -> tuple[list[int], list[int]]:
    """Return the tokens that begin with a number sign, but not with two of them."""
    bare, blank = (
        [
            token
            for token in pieces.beginning_with(start + b"#")
            if not pieces[token].startswith(start + b"##")
        ]
        for start in (b"", b" ")
    )
    return bare, blank


CLASSES = (
    TokenClass("emoji", count_emoji, _emoji_tokens),
    TokenClass("hashtags", hashtags, _hashtag_tokens),
)
