"""Special tokens: the begin token, and those that are never sampled, nor read from a text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from popinjay.models.generation_config import UNREADABLE, read_config, unreadable


class SpecialTokens(NamedTuple):
    """The special tokens in a model's generation config."""

    bos_token: int | None = None  # begins a text; None if the end token does
    suppressed: tuple[int, ...] = ()  # never sampled


def read_special(folder: Path) -> SpecialTokens:
    """Read the special tokens of a model's folder from its generation_config.json.

    A folder without that file has none. Raises BaseModelError if the file is invalid.
    """
    config = read_config(folder)
    try:
        bos_token = config.get("bos_token_id")
        suppressed = config.get("suppress_tokens") or ()
        tokens = suppressed if bos_token is None else (*suppressed, bos_token)
        if not all(isinstance(token, int) and token >= 0 for token in tokens):
            raise TypeError("a token is not a number")
    except UNREADABLE as error:
        raise unreadable(folder, error) from error
    return SpecialTokens(bos_token, tuple(suppressed))


def suppressed_tokens(
    special: Collection[int], suppressed: Collection[int], bos_token: int, eos_token: int
) -> list[int]:
    """Return the tokens that are never sampled, in order: all special ones but the end token."""
    return sorted({*special, *suppressed, bos_token} - {eos_token})


def as_plain_text(
    tokens: Sequence[int],
    controls: Collection[int],
    spell: Callable[[int], str],
    encode: Callable[[str], list[int]],
) -> list[int]:
    """Replace each control token among the tokens of a text by tokens that spell its name.

    Tokenizers can be told to tokenize the names of special tokens as plain text, but some list
    control tokens as ordinary added ones. Splitting the name after its first character prevents
    that it becomes the token again; a name of one character can't be split, and stays.

    Args:
        tokens: The tokens of a text.
        controls: The control tokens.
        spell: Returns the name of a token.
        encode: Tokenizes a text.
    """
    if not any(token in controls for token in tokens):
        return list(tokens)
    plain: list[int] = []
    for token in tokens:
        name = spell(token) if token in controls else ""
        if len(name) < 2:
            plain.append(token)
            continue
        for part in (name[:1], name[1:]):
            plain += as_plain_text(encode(part), controls, spell, encode)
    return plain
