"""Byte-level tokenizers: the bytes that each token stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def byte_pieces(tokenizer: Mapping[str, Any]) -> list[bytes] | None:
    """The bytes of every token, by number, from what a `tokenizer.json` holds; none for special tokens and for numbers without a token.

    None where tokens have no bytes of their own: where they are not put together by GPT-2's alphabet of bytes.
    """
    if not _is_byte_level(tokenizer.get("decoder")):
        return None
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    added = {token["id"]: b"" if token["special"] else token["content"].encode() for token in tokenizer.get("added_tokens", ())}
    pieces = [b""] * (max([*vocabulary.values(), *added], default=-1) + 1)
    alphabet = _alphabet()
    letters, bytes_of = frozenset(alphabet), str.maketrans({letter: chr(byte) for letter, byte in alphabet.items()})
    for token, number in vocabulary.items():
        pieces[number] = token.translate(bytes_of).encode("latin-1") if letters.issuperset(token) else token.encode()
    for number, piece in added.items():
        pieces[number] = piece
    return pieces


def _is_byte_level(decoder: Mapping[str, Any] | None) -> bool:
    return decoder is not None and decoder["type"] == "ByteLevel"


def _alphabet() -> dict[str, int]:
    """The byte that each of GPT-2's 256 characters stands for: printable bytes for themselves, the others from U+0100 on in order."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {chr(0x100 + place): byte for place, byte in enumerate(others)}
