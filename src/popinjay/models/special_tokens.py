"""Special tokens: which one begins a text, and which may never be said or read from a text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from popinjay.models.generation_config import UNREADABLE, read_config, unreadable


class SpecialTokens(NamedTuple):
    """What a model's folder says of its special tokens."""

    begin: int | None = None  # the token that begins a text; None if the end token does
    suppressed: tuple[int, ...] = ()  # tokens that must never be said


def read_special(folder: Path) -> SpecialTokens:
    """Read the special tokens of a model's folder from its generation_config.json.

    A folder without that file has none. Raises BaseModelError for a file that can't be understood.
    """
    config = read_config(folder)
    try:
        begin, suppressed = config.get("bos_token_id"), config.get("suppress_tokens") or ()
        if not all(
            isinstance(token, int) and token >= 0
            for token in (*suppressed, 0 if begin is None else begin)
        ):
            raise TypeError("a token is not a number")
    except UNREADABLE as error:
        raise unreadable(folder, error) from error
    return SpecialTokens(begin, tuple(suppressed))


def suppressed_tokens(
    special: Collection[int], suppressed: Collection[int], begin: int, end: int
) -> list[int]:
    """List the tokens that may never be drawn, in order: all special ones but the end token."""
    return sorted({*special, *suppressed, begin} - {end})


def as_plain_text(
    tokens: Sequence[int],
    controls: Collection[int],
    spell: Callable[[int], str],
    encode: Callable[[str], list[int]],
) -> list[int]:
    """Replace each control token among the tokens of a text by tokens that spell its name.

    Tokenizers leave the names of special tokens plain text if asked to, but some list control
    tokens as ordinary added ones. Cutting the name behind its first character keeps it apart;
    a name of one character can't be spelt otherwise and stays.
    """
    if not any(token in controls for token in tokens):
        return list(tokens)
    found: list[int] = []
    for token in tokens:
        name = spell(token) if token in controls else ""
        if len(name) < 2:
            found.append(token)
            continue
        for part in (name[:1], name[1:]):
            found += as_plain_text(encode(part), controls, spell, encode)
    return found
