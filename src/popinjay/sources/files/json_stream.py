"""Read JSON of any size and shape, value by value, in bounded memory.

A file contains one value or several: one per line, or one after the other. A list is never held as
a whole, nor is an object that is too large for one post: it becomes an `Opened` value, whose
members come one by one. Parsing is lenient if nothing is lost by it: control characters in strings,
commas and record separators between values, and the assignment at the beginning of files of X's
archive are accepted.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from popinjay.errors import SpecError

MAX_WHOLE = 2 * 2**20  # characters of a list or object that is returned as a whole
MAX_STRING = 16 * 2**20  # characters of one string
HINT = 'Give one object per line, such as {"text": "..."}, or a list of them.'
_CHUNK = 2**17  # characters read at a time
_BETWEEN = re.compile(r"[ \t\r\n\x1e\ufeff,;]*")
_ASSIGNED = re.compile(
    r"(?:(?:var|let|const)\s+)?[A-Za-z_$][\w$.]*(?:\[[^\]]{1,40}\])?\s*=\s*(?=[\[{])"
)
# files of X's archive that don't hold posts
_OF_X = re.compile(r"window\.YTD\.(?!(?:community_|note_)?tweets?\b)(\w+)")
_MAX_NAME = 200  # characters of an assignment's target
_NEXT_LINE = re.compile(r'\n(?=[\[{"])')
_DECODER = json.JSONDecoder(strict=False)
_WORDS = ("true", "false", "null", "NaN", "Infinity", "-Infinity")
_ESCAPE = 12  # characters of an escape or a word such as `false`, which the buffer may cut


class Broken(Exception):
    """A value that is not JSON."""


class CutOff(Exception):
    """The text ends within a value."""


class _TooLarge(Exception):
    """A list or object is too large to be held as a whole."""


@dataclass(slots=True)
class Damage:
    """What could not be read of a file."""

    lines: list[int] = field(default_factory=list)  # that are not JSON
    cut_off: bool = False  # whether its end is missing


class Opened:
    """A list or an object whose parts are read on demand."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
        self.is_list = stream.buffer[stream.position] == "["
        self._parts = self._read()

    def parts(self) -> Iterator[tuple[str, Any]]:
        """Yield keys (empty in a list) and values, which may be `Opened` themselves.

        Each comes once; unread parts of an `Opened` value are skipped when the next one is
        requested. If the text is broken or cut off they end; `values` handles that.
        """
        return self._parts

    def skip(self) -> None:
        """Read to the end and discard everything."""
        for _ in self._parts:
            pass

    def _read(self) -> Iterator[tuple[str, Any]]:
        stream = self._stream
        end = "]" if self.is_list else "}"
        stream.position += 1
        try:
            while stream.peek() != end:
                key = "" if self.is_list else self._key()
                value = stream.value()
                yield key, value
                if isinstance(value, Opened):
                    value.skip()
                    if stream.failure:
                        return
            stream.position += 1
        except (Broken, CutOff) as error:
            stream.failure = error

    def _key(self) -> str:
        key = self._stream.value()
        if not isinstance(key, str) or self._stream.peek() != ":":
            raise Broken
        self._stream.position += 1
        self._stream.peek()
        return key


class _Stream:
    """The remaining text, with its beginning in a buffer."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._line = 1  # at the beginning of the buffer
        self.buffer = ""
        self.position = 0
        self.failure: Broken | CutOff | None = None  # of a value that is read piece by piece
        self.kind_of_x = ""  # what a file of X's archive holds, if not posts

    def peek(self) -> str:
        """Return the next character of a value. Raises CutOff at the end."""
        if not (found := self.next()):
            raise CutOff
        return found

    def next(self) -> str:
        """Return the next character of a value, empty at the end."""
        while True:
            between = _BETWEEN.match(self.buffer, self.position)
            self.position = between.end() if between else self.position
            if self.position < len(self.buffer):
                return self.buffer[self.position]
            if not self.more():
                return ""

    def more(self, size: int = 0) -> bool:
        """Read on and discard what is before the position. Return whether there was more."""
        chunk = self._text.read(size or _CHUNK)
        self._line += self.buffer.count("\n", 0, self.position)
        self.buffer = self.buffer[self.position :] + chunk
        self.position = 0
        return bool(chunk)

    def line(self) -> int:
        """Return the number of the current line."""
        return self._line + self.buffer.count("\n", 0, self.position)

    def value(self) -> Any:
        """Return the value at the position; a large list or object as `Opened`."""
        try:
            return self._whole()
        except _TooLarge:
            return Opened(self)

    def _whole(self) -> Any:
        """Return the value at the position. Raises _TooLarge, Broken or CutOff."""
        is_string = self.buffer[self.position] == '"'
        while True:
            held = len(self.buffer) - self.position
            try:
                value, end = _DECODER.raw_decode(self.buffer, self.position)
            except (ValueError, RecursionError) as error:
                if not self._may_continue(error):
                    raise Broken from error
                limit = MAX_STRING if is_string else MAX_WHOLE
                if held >= limit:
                    raise (Broken if is_string else _TooLarge) from error
                is_cut_off = self._is_cut_off(error)
                if not self.more(min(max(held, _CHUNK), limit - held)):
                    raise (CutOff if is_cut_off else Broken) from error
                continue
            is_number = not isinstance(value, str | dict | list)
            if end == len(self.buffer) and is_number and self.more():
                continue  # it may have more digits
            self.position = end
            return value

    def _may_continue(self, error: Exception) -> bool:
        """Return whether the value may be valid together with text that is not read yet."""
        if not isinstance(error, json.JSONDecodeError):
            return False  # nested too deep, or a number with too many digits
        is_unterminated = error.msg.startswith("Unterminated string")
        return is_unterminated or error.pos >= len(self.buffer) - _ESCAPE

    def _is_cut_off(self, error: Exception) -> bool:
        """Return whether the value is valid except that its end is missing."""
        if not isinstance(error, json.JSONDecodeError):
            return False
        rest = self.buffer[error.pos :].strip(" \t\r\n,")
        cut_word = any(word.startswith(rest) for word in _WORDS)
        return cut_word or error.msg.startswith("Unterminated string") or "escape" in error.msg

    def recover(self) -> bool:
        """Move to the next line that can start a value; return False if there is none."""
        while not (found := _NEXT_LINE.search(self.buffer, self.position)):
            self.position = max(self.position, len(self.buffer) - 1)
            if not self.more():
                return False
        self.position = found.end()
        return True


def values(text: IO[str], label: str, damage: Damage) -> Iterator[tuple[Any, bool]]:
    """Yield the values of a file, those of the outermost lists one by one.

    Each comes with whether it is the only one in the file, as far as that is known.

    Lines that are not JSON are skipped, and the complete part of a truncated file is read; both are
    recorded in `damage`. Raises SpecError, naming `label`, if the file does not start with JSON, or
    is a file of X's archive without posts.
    """
    stream = _start(text)
    if stream.kind_of_x:
        raise SpecError(
            f"{label} is the file of X's archive with {stream.kind_of_x.replace('_', ' ')!r}: it "
            "has no public posts.",
            "Give the whole archive, or its tweets.js.",
        )
    found = False
    while character := stream.next():
        if character in "]}" and damage.lines:  # the end of a value that was given up
            stream.position += 1
            continue
        try:
            for value in _at_top(stream, first=not found):
                found = True
                yield value
        except CutOff:
            damage.cut_off = True
            if found:
                return
            raise SpecError(f"{label} was cut off: its end is missing.", HINT) from None
        except Broken as error:
            damage.lines.append(stream.line())
            if not stream.recover():
                if found:
                    return
                raise SpecError(
                    f"Line {damage.lines[0]:,} of {label} is not JSON.", HINT
                ) from error


def begins(start: str) -> bool:
    """Return whether a text can be JSON: its first value is valid, or valid as far as it goes."""
    stream = _start(io.StringIO(start))
    try:
        if stream.next():
            next(_at_top(stream), None)
    except Broken:
        return False
    except CutOff:
        return True
    return True


def _start(text: IO[str]) -> _Stream:
    """Return a stream, positioned after the assignment that files of X's archive start with."""
    stream = _Stream(text)
    while len(stream.buffer) < _MAX_NAME and stream.more():
        pass
    if stream.next() and (assigned := _ASSIGNED.match(stream.buffer, stream.position)):
        stream.position = assigned.end()
        of_x = _OF_X.match(assigned[0])
        stream.kind_of_x = of_x[1] if of_x else ""
    return stream


def _at_top(stream: _Stream, *, first: bool = False) -> Iterator[tuple[Any, bool]]:
    """Yield the value at the position, or the values of the list there."""
    if stream.buffer[stream.position] == "[":
        for _, value in Opened(stream).parts():
            yield value, False
    else:
        value = stream.value()
        if isinstance(value, Opened):
            yield value, first
            value.skip()
        else:
            yield value, first and not stream.next()
    if stream.failure:
        failure, stream.failure = stream.failure, None
        raise failure
