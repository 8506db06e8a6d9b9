"""The bytes that each token of a tokenizer stands for, if it works on bytes: GPT-2's way, or SentencePiece's."""

from __future__ import annotations

import functools
import json
from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING

from popinjay.text.words import is_inside_word

if TYPE_CHECKING:
    from tokenizers import Tokenizer


BLANK = "▁"  # what SentencePiece writes for a blank
FIRST_CHARACTER = 4  # bytes: none in UTF-8 is longer
# First bytes of characters that are mostly no letters (dashes, quotes and emoji), for tokens that
# are less than a character. Bytes that begin none count as part of a word: they can follow none.
SIGNS = frozenset((0xE2, 0xEF, 0xF0))
SENTENCE_PIECE = ("Replace", "ByteFallback", "Fuse")  # decoders, in this order


class Pieces(list[bytes]):
    """The bytes of every token, by number."""

    falls_back = False  # whether single bytes are tokens only where a character has none of its own

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens, what is no whole character as U+FFFD."""
        return b"".join(self[token] for token in tokens if token < len(self)).decode(
            "utf-8", "replace"
        )

    def beginning_with(self, start: bytes) -> list[int]:
        """The tokens whose bytes begin with these, by number. A look at all of them would take longer than a step of a small model."""
        order = self._order
        first = bisect_left(order, start, key=self.__getitem__)
        above = bisect_left(order, True, first, key=lambda token: not self[token].startswith(start))
        return sorted(order[first:above])

    @functools.cached_property
    def inside_words(self) -> list[int]:
        """The tokens that can't stand right behind a whole word, as they go on with it, by number."""
        goes_on = functools.cache(goes_on_with_word)  # tokens have few different beginnings
        ascii = [goes_on(bytes([byte])) for byte in range(128)]  # which most begin with
        found = []
        for token, piece in enumerate(self):
            if not piece:
                continue
            if ascii[piece[0]] if piece[0] < 128 else goes_on(piece[:FIRST_CHARACTER]):
                found.append(token)
        return found

    @functools.cached_property
    def _order(self) -> list[int]:
        return sorted(range(len(self)), key=self.__getitem__)


def goes_on_with_word(start: bytes) -> bool:
    """Return whether bytes, one at least, go on with a word that stands before them."""
    text = start[:FIRST_CHARACTER].decode("utf-8", "ignore")
    return is_inside_word(text[0]) if text else start[0] not in SIGNS


def byte_pieces(tokenizer: Tokenizer) -> Pieces | None:
    """The bytes of every token, by number; none for special tokens and for numbers without a token.

    None if tokens have no bytes of their own: if they are written neither in GPT-2's alphabet of bytes
    nor as SentencePiece has them, with blanks as ▁ and bytes as <0xAB>.
    """
    from tokenizers import decoders

    if isinstance(tokenizer.decoder, decoders.ByteLevel):
        return _of_alphabet(tokenizer)
    return _of_sentence_piece(tokenizer) if _is_sentence_piece(tokenizer) else None


def _is_sentence_piece(tokenizer: Tokenizer) -> bool:
    """Whether tokens are decoded each by itself: blanks put back, bytes put together, nothing stripped."""
    from tokenizers import decoders

    if not isinstance(tokenizer.decoder, decoders.Sequence):
        return False
    steps = json.loads(tokenizer.decoder.__getstate__())["decoders"]
    if tuple(step["type"] for step in steps) != SENTENCE_PIECE:
        return False
    return bool(steps[0]["pattern"] == {"String": BLANK} and steps[0]["content"] == " ")


def _of_sentence_piece(tokenizer: Tokenizer) -> Pieces:
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    special = {
        number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special
    }
    pieces = Pieces([b""] * (max(vocabulary.values(), default=-1) + 1))
    pieces.falls_back = True
    for token, number in vocabulary.items():
        if number in special:
            continue
        is_byte = len(token) == 6 and token.startswith("<0x") and token.endswith(">")
        pieces[number] = (
            bytes.fromhex(token[3:5]) if is_byte else token.replace(BLANK, " ").encode()
        )
    return pieces


def _of_alphabet(tokenizer: Tokenizer) -> Pieces:
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)
    added = {
        number: b"" if token.special else token.content.encode()
        for number, token in tokenizer.get_added_tokens_decoder().items()
    }
    pieces = Pieces([b""] * (max([*vocabulary.values(), *added], default=-1) + 1))
    alphabet = _alphabet()
    letters, bytes_of = (
        frozenset(alphabet),
        str.maketrans({letter: chr(byte) for letter, byte in alphabet.items()}),
    )
    for token, number in vocabulary.items():
        pieces[number] = (
            token.translate(bytes_of).encode("latin-1")
            if letters.issuperset(token)
            else token.encode()
        )
    for number, piece in added.items():
        pieces[number] = piece
    return pieces


def _alphabet() -> dict[str, int]:
    """The byte that each of GPT-2's 256 characters stands for: printable bytes for themselves, the others from U+0100 on in order."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {
        chr(0x100 + place): byte for place, byte in enumerate(others)
    }
