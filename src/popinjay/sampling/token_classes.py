"""What a post may have or lack, emoji, hashtags and mentions, and the tokens that begin it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from popinjay.metrics.stylometry import hashtags
from popinjay.text.emoji import count_emoji
from popinjay.text.handles import find_handles

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


def mentions(text: str) -> int:
    """Return how many handles a text has."""
    return sum(1 for _ in find_handles(text))


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


def _sign_tokens(sign: bytes) -> Callable[[Pieces], tuple[list[int], list[int]]]:
    """Return what finds the tokens that begin with a sign, but not with two of it."""

    def begins(pieces: Pieces) -> tuple[list[int], list[int]]:
        bare, blank = (
            [
                token
                for token in pieces.beginning_with(start + sign)
                if not pieces[token].startswith(start + 2 * sign)
            ]
            for start in (b"", b" ")
        )
        return bare, blank

    return begins


CLASSES = (
    TokenClass("emoji", count_emoji, _emoji_tokens),
    TokenClass("hashtags", hashtags, _sign_tokens(b"#")),
    TokenClass("mentions", mentions, _sign_tokens(b"@")),
)
