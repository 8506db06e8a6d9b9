"""The bytes of each token, for byte-level tokenizers: those of GPT-2 and of SentencePiece."""

from __future__ import annotations

import functools
import json
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from popinjay.text.words import is_inside_word

if TYPE_CHECKING:
    from tokenizers import Tokenizer


SPACE = "▁"  # SentencePiece's mark for a space
MAX_CHARACTER_BYTES = 4  # of a character in UTF-8
# First bytes of characters most of which are not letters (dashes, quotes and emoji), for tokens
# that are less than a character. Bytes that begin no character count as part of a word, because
# they can't follow a whole one.
SYMBOL_BYTES = frozenset((0xE2, 0xEF, 0xF0))
LATER = 3  # times the number of a token, by which that with a space is much later
CONTINUATION_BYTES = (0x80, 0xBF)  # the second and later bytes of a character
SENTENCE_PIECE_DECODERS = ("Replace", "ByteFallback", "Fuse")
_SMALL_WORD = re.compile(r"[^\W\d_]{2,}")


class Pieces(list[bytes]):
    """The bytes of every token, indexed by token id."""

    falls_back = False  # whether single bytes encode only characters without a token of their own

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, with U+FFFD for incomplete characters."""
        pieces = (self[token] for token in tokens if token < len(self))
        return b"".join(pieces).decode("utf-8", "replace")

    def beginning_with(self, start: bytes) -> list[int]:
        """Return the tokens whose bytes begin with these, in order of their ids.

        It is a binary search: a scan of all tokens would take longer than a step of a small model.
        """
        order = self._order
        first = bisect_left(order, start, key=self.__getitem__)
        last = bisect_left(order, True, first, key=lambda token: not self[token].startswith(start))
        return sorted(order[first:last])

    @functools.cached_property
    def inside_words(self) -> list[int]:
        """The tokens that continue a word, and so can't follow a complete one, in order."""
        continues = functools.cache(goes_on_with_word)  # tokens have few different beginnings
        ascii_continues = [continues(bytes([byte])) for byte in range(128)]  # most begin with ASCII
        found = []
        for token, piece in enumerate(self):
            if not piece:
                continue
            if piece[0] < 128:
                is_inside = ascii_continues[piece[0]]
            else:
                is_inside = continues(piece[:MAX_CHARACTER_BYTES])
            if is_inside:
                found.append(token)
        return found

    @functools.cached_property
    def fragments(self) -> list[int]:
        """The tokens that texts hardly begin with, in order: ends of words and of characters.

        Tokens are numbered as they were merged, the most frequent first. So small letters that have
        a token with a space before them only much later ("ing"), or never ("ification"), are mostly
        inside of words.
        """
        spaced = {piece[1:]: token for token, piece in enumerate(self) if piece[:1] == b" "}
        return [token for token, piece in enumerate(self) if _is_fragment(token, piece, spaced)]

    @functools.cached_property
    def _order(self) -> list[int]:
        """The tokens in the order of their bytes."""
        return sorted(range(len(self)), key=self.__getitem__)


def goes_on_with_word(start: bytes) -> bool:
    """Return whether text with these first bytes, at least one, continues a word before it."""
    text = start[:MAX_CHARACTER_BYTES].decode("utf-8", "ignore")
    return is_inside_word(text[0]) if text else start[0] not in SYMBOL_BYTES


def _is_fragment(token: int, piece: bytes, spaced: Mapping[bytes, int]) -> bool:
    """Return whether texts hardly begin with a token; `spaced` has those that follow a space."""
    if not piece:
        return False
    if CONTINUATION_BYTES[0] <= piece[0] <= CONTINUATION_BYTES[1]:
        return True
    found = _SMALL_WORD.match(piece.decode("utf-8", "ignore"))
    if found is None or not found[0][0].islower():
        return False
    return spaced.get(found[0].encode(), LATER * token + 1) > LATER * token


def byte_pieces(tokenizer: Tokenizer) -> Pieces | None:
    """Return the bytes of every token; none for special tokens and for unused ids.

    Returns None if tokens have no bytes of their own: if the tokenizer uses neither GPT-2's
    alphabet of bytes nor SentencePiece's way, with spaces as ▁ and bytes as <0xAB>.
    """
    from tokenizers import decoders

    if isinstance(tokenizer.decoder, decoders.ByteLevel):
        return _pieces_of_gpt2(tokenizer)
    return _pieces_of_sentence_piece(tokenizer) if _is_sentence_piece(tokenizer) else None


def _is_sentence_piece(tokenizer: Tokenizer) -> bool:
    """Return whether each token is decoded by itself, with nothing stripped.

    That is if the decoder only replaces ▁ by spaces, and joins bytes.
    """
    from tokenizers import decoders

    if not isinstance(tokenizer.decoder, decoders.Sequence):
        return False
    steps = json.loads(tokenizer.decoder.__getstate__())["decoders"]
    if tuple(step["type"] for step in steps) != SENTENCE_PIECE_DECODERS:
        return False
    return bool(steps[0]["pattern"] == {"String": SPACE} and steps[0]["content"] == " ")


def _pieces_of_sentence_piece(tokenizer: Tokenizer) -> Pieces:
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    added = tokenizer.get_added_tokens_decoder()
    special_ids = {token_id for token_id, token in added.items() if token.special}
    pieces = Pieces([b""] * (max(vocabulary.values(), default=-1) + 1))
    pieces.falls_back = True
    for token, token_id in vocabulary.items():
        if token_id in special_ids:
            continue
        if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
            pieces[token_id] = bytes.fromhex(token[3:5])
        else:
            pieces[token_id] = token.replace(SPACE, " ").encode()
    return pieces


def _pieces_of_gpt2(tokenizer: Tokenizer) -> Pieces:
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)
    added = {
        token_id: b"" if token.special else token.content.encode()
        for token_id, token in tokenizer.get_added_tokens_decoder().items()
    }
    pieces = Pieces([b""] * (max([*vocabulary.values(), *added], default=-1) + 1))
    byte_of = _gpt2_alphabet()
    alphabet = frozenset(byte_of)
    to_bytes = str.maketrans({character: chr(byte) for character, byte in byte_of.items()})
    for token, token_id in vocabulary.items():
        if alphabet.issuperset(token):
            pieces[token_id] = token.translate(to_bytes).encode("latin-1")
        else:
            pieces[token_id] = token.encode()
    for token_id, piece in added.items():
        pieces[token_id] = piece
    return pieces


def _gpt2_alphabet() -> dict[str, int]:
    """Return the byte that each of GPT-2's 256 characters stands for.

    Printable bytes stand for themselves; the others are the characters from U+0100 on, in order.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(256) if byte not in printable)
    alphabet = {chr(byte): byte for byte in printable}
    alphabet |= {chr(0x100 + index): byte for index, byte in enumerate(others)}
    return alphabet
