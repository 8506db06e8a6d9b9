"""Texts that stand between `<|startoftext|>` and `<|endoftext|>`, as gpt-2-simple's files have them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

_MARK = re.compile(r"<\|(?:startoftext|endoftext)\|>")
_CHUNK = 2**16  # characters
_MAX_MARK = len("<|startoftext|>")


def is_marked(start: str) -> bool:
    """Whether a file that begins so has its texts between marks."""
    return _MARK.search(start) is not None


def texts(text: IO[str], most: int) -> Iterator[str]:
    """Yield what stands between marks, a text of several lines as one; cut behind `most` characters."""
    rest = ""
    while chunk := text.read(_CHUNK):
        *whole, rest = _MARK.split(rest + chunk)
        yield from (one.strip() for one in whole if one.strip())
        if len(rest) > most:
            yield rest[:most].strip()
            rest = rest[-_MAX_MARK:]
    if rest.strip():
        yield rest.strip()
