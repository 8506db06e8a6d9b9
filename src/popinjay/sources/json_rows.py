"""Rows out of JSON: one object a line, a list, or a list inside an object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any

from popinjay.errors import SpecError
from popinjay.sources.container import array_items

_MOST_INPUT = 2 * 2**30  # characters of one value
_MOST_LINE = 16 * 2**20  # characters
_HINT = "Give a .txt with one post a line, a .csv or .tsv with a header, or a .jsonl with one object a line."


def lines(text: IO[str], label: str) -> Iterator[Any]:
    """Yield the value of each line. Raises SpecError, naming `label`, for a line that is not JSON."""
    for number, line in enumerate(iter(lambda: text.readline(_MOST_LINE), ""), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise SpecError(
                    f"Line {number:,} of {label} is not JSON.",
                    'Each line must be one object, such as {"text": "..."}.',
                ) from error


def items(text: IO[str], label: str) -> Iterator[Any]:
    """Yield the items of the outermost list, or of the first list in an object.

    Raises SpecError, naming `label`, if there is no such list or the JSON is broken.
    """
    start = text.read(1)
    while start and start in " \t\r\n":
        start = text.read(1)
    if start == "[":
        yield from array_items(text, label)
        return
    try:
        value = json.loads(start + text.read(_MOST_INPUT))
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{label} is not JSON.", _HINT) from error
    values = value.values() if isinstance(value, dict) else ()
    lists = [inner for inner in values if isinstance(inner, list)]
    if not lists:
        raise SpecError(f"{label} holds no list of posts.", 'Give [{"text": "..."}, ...].')
    yield from lists[0]
