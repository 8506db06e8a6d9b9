"""Byte-level tokenizers: the bytes that each token stands for."""

from __future__ import annotations

import functools
from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Pieces(list[bytes]):
    """The bytes of every token, by number."""

    def beginning_with(self, start: bytes) -> list[int]:
        """The tokens whose bytes begin with these, by number. A look at all of them would take longer than a step of a small model."""
        order = self._order
        first = bisect_left(order, start, key=self.__getitem__)
        above = bisect_left(order, True, first, key=lambda token: not self[token].startswith(start))
        return sorted(order[first:above])

    @functools.cached_property
    def _order(self) -> list[int]:
        return sorted(range(len(self)), key=self.__getitem__)


def byte_pieces(tokenizer: Tokenizer) -> Pieces | None:
    """The bytes of every token, by number; none for special tokens and for numbers without a token.

    None where tokens have no bytes of their own: where they are not put together by GPT-2's alphabet of bytes.
    """
    from tokenizers import decoders

    if not isinstance(tokenizer.decoder, decoders.ByteLevel):
        return None
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)
    added = {number: b"" if token.special else token.content.encode() for number, token in tokenizer.get_added_tokens_decoder().items()}
    pieces = Pieces([b""] * (max([*vocabulary.values(), *added], default=-1) + 1))
    alphabet = _alphabet()
    letters, bytes_of = frozenset(alphabet), str.maketrans({letter: chr(byte) for letter, byte in alphabet.items()})
    for token, number in vocabulary.items():
        pieces[number] = token.translate(bytes_of).encode("latin-1") if letters.issuperset(token) else token.encode()
    for number, piece in added.items():
        pieces[number] = piece
    return pieces


def _alphabet() -> dict[str, int]:
    """The byte that each of GPT-2's 256 characters stands for: printable bytes for themselves, the others from U+0100 on in order."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {chr(0x100 + place): byte for place, byte in enumerate(others)}
