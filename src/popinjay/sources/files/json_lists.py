"""Stream the items of long JSON lists in archives, in little memory."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from typing import IO, Any

from popinjay.errors import SpecError

MAX_ITEM = 16 * 2**20  # characters of one post's JSON
_CHUNK = 2**17  # characters read at a time: larger is no faster
_BETWEEN = re.compile(r"[ \t\r\n,]*")  # items of a list
_BETWEEN_MEMBERS = re.compile(r"[ \t\r\n,:]*")  # names and values of an object
_HINT = "Take a fresh copy of the archive."


def array_items(text: IO[str], label: str, begun: str = "") -> Generator[Any, None, str]:
    """Yield the items of a JSON array whose opening bracket has been read, one at a time.

    Args:
        text: the stream.
        label: its name in messages.
        begun: what has been read after the bracket already.

    Returns what was read after the array. Raises SpecError if the JSON is damaged.
    """
    decoder = json.JSONDecoder()
    buffer = begun or text.read(_CHUNK)
    position = 0
    count = 0
    while True:
        position = _BETWEEN.match(buffer, position).end()  # type: ignore[union-attr]
        if position < len(buffer) and buffer[position] == "]":
            return buffer[position + 1 :]
        try:
            item, position = decoder.raw_decode(buffer, position)
        except (ValueError, RecursionError) as error:
            rest = buffer[position:]
            more = _more(text, rest, error)
            if not more:
                raise SpecError(
                    f"{label} is damaged after {count:,} posts: its JSON can't be read.", _HINT
                ) from error
            buffer = rest + more
            position = 0
            continue
        count += 1
        yield item


def _more(text: IO[str], rest: str, error: Exception | None) -> str:
    """Read on, doubling what is held of an item; empty if it is too large or nested too deep."""
    if len(rest) > MAX_ITEM or isinstance(error, RecursionError):
        return ""
    return text.read(max(len(rest), _CHUNK))


class _Members:
    """The members of a JSON object, read piece by piece."""

    def __init__(self, text: IO[str], label: str) -> None:
        self.text = text
        self.label = label
        self.buffer = ""
        self.position = 0

    def next(self) -> str:
        """Return the next character that is not between values; empty at the end."""
        while True:
            between = _BETWEEN_MEMBERS.match(self.buffer, self.position)
            self.position = between.end()  # type: ignore[union-attr]
            if self.position < len(self.buffer):
                return self.buffer[self.position]
            self.buffer = self.text.read(_CHUNK)
            self.position = 0
            if not self.buffer:
                return ""

    def value(self) -> Any:
        """Return the value at the current position."""
        while True:
            error: Exception | None = None
            try:
                value, end = json.JSONDecoder().raw_decode(self.buffer, self.position)
            except (ValueError, RecursionError) as caught:
                error = caught
                end = len(self.buffer)
            if end < len(self.buffer):  # a number at the very end may continue
                self.position = end
                return value
            rest = self.buffer[self.position :]
            more = _more(self.text, rest, error)
            if not more:
                raise SpecError(
                    f"{self.label} is damaged: its JSON can't be read.", _HINT
                ) from error
            self.buffer = rest + more
            self.position = 0


def listed_items(text: IO[str], key: str, label: str) -> Iterator[Any]:
    """Yield the items of the lists under a key of a JSON object, one at a time.

    The key may occur twice: Mastodon writes an empty list before the full one. Other values are
    skipped. Raises SpecError if the JSON is damaged, or not such an object.
    """
    members = _Members(text, label)
    if members.next() != "{":
        raise SpecError(f"{label} is not a JSON object.", _HINT)
    members.position += 1
    found = False
    while (character := members.next()) == '"':
        if members.value() == key and members.next() == "[":
            found = True
            begun = members.buffer[members.position + 1 :]
            members.position = 0
            members.buffer = yield from array_items(text, label, begun)
        else:
            members.next()
            members.value()
    if character != "}":
        raise SpecError(f"{label} is damaged: its JSON is incomplete.", _HINT)
    if not found:
        raise SpecError(
            f"{label} holds no list of posts ({key}).", "Give the export as the server made it."
        )
