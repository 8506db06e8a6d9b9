"""Tokens of scripts that an author never writes in."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable, Sequence

# Punctuation, symbols and emoji, which are used with every script.
COMMON = (range(0x2000, 0x2C00), range(0x1F000, 0x1FB00))
CONTINUATION = range(0x80, 0xC0)  # bytes that continue a character in UTF-8


def foreign_tokens(pieces: Sequence[bytes], texts: Iterable[str]) -> list[int]:
    """Return the tokens that hold or begin a letter of a script that none of the texts uses.

    `pieces` are the bytes of each token. Digits, punctuation, symbols and emoji have no script. A
    token that ends inside a character is foreign if the character can only become a letter of
    another script or a rare symbol.
    """
    letters = frozenset(character for text in texts for character in set(text))
    known = frozenset(filter(None, map(script, letters)))
    return [token for token, piece in enumerate(pieces) if _is_foreign(piece, known)]


@functools.cache
def script(character: str) -> str:
    """Return the script of a letter, such as LATIN or CJK: the first word of its name in Unicode.

    Other characters have none.
    """
    if unicodedata.category(character)[0] not in "LM":
        return ""
    return unicodedata.name(character, "").split(" ")[0].split("-")[0]


def _is_foreign(piece: bytes, known: frozenset[str]) -> bool:
    if piece.isascii():
        return False
    start = 0
    while start < len(piece) and piece[start] in CONTINUATION:
        start += 1
    whole, started = _split(piece[start:])
    if any(own not in known for character in whole if (own := script(character))):
        return True
    return bool(started) and _begins_foreign(started, known)


def _split(piece: bytes) -> tuple[str, bytes]:
    """Return the whole characters of a token, and the bytes of one that it only begins."""
    for cut in range(min(3, len(piece)) + 1):
        try:
            return piece[: len(piece) - cut].decode(), piece[len(piece) - cut :]
        except UnicodeDecodeError:
            continue
    return "", b""  # not UTF-8, so nothing is known about it


@functools.cache
def _begins_foreign(started: bytes, known: frozenset[str]) -> bool:
    """Return whether these bytes can only begin letters of unknown scripts."""
    codes = _codes(started)
    if any(max(codes.start, block.start) < min(codes.stop, block.stop) for block in COMMON):
        return False
    scripts = _scripts(codes)
    return bool(scripts) and not scripts & known


@functools.cache
def _scripts(codes: range) -> frozenset[str]:
    """Return the scripts of all letters with these code points."""
    characters = (chr(code) for code in codes if not 0xD800 <= code < 0xE000)
    return frozenset(filter(None, map(script, characters)))


def _codes(started: bytes) -> range:
    """Return the code points whose UTF-8 begins with these bytes."""
    lead = started[0]
    length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    bits = lead & (0xFF >> (length + 1))
    for byte in started[1:]:
        bits = bits << 6 | byte & 0x3F
    rest = 6 * (length - len(started))
    least = {2: 0x80, 3: 0x800, 4: 0x10000}[length]  # overlong forms are invalid
    return range(max(bits << rest, least), min((bits + 1) << rest, 0x110000))
