"""Texts between `<|startoftext|>` and `<|endoftext|>`, as in gpt-2-simple's files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

_MARK = re.compile(r"<\|(?:startoftext|endoftext)\|>")
_CHUNK = 2**16  # characters
_MAX_MARK = len("<|startoftext|>")


def is_marked(start: str) -> bool:
    """Return whether the beginning of a file contains such a marker."""
    return _MARK.search(start) is not None


def texts(text: IO[str], max_length: int) -> Iterator[str]:
    """Yield the texts between markers, cut to `max_length` characters."""
    rest = ""
    while chunk := text.read(_CHUNK):
        *complete, rest = _MARK.split(rest + chunk)
        yield from (part.strip() for part in complete if part.strip())
        if len(rest) > max_length:
            yield rest[:max_length].strip()
            rest = rest[-_MAX_MARK:]
    if rest.strip():
        yield rest.strip()
