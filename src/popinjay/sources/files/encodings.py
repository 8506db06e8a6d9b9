"""Detect the encoding of a text file, by its byte order mark or its content."""

from __future__ import annotations

import codecs
import re
from typing import IO

from popinjay.errors import SpecError

_CHUNK = 2**18  # bytes
_START = 2**12  # bytes that show UTF-16 without a byte order mark
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # starts like that of UTF-16, so it comes first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WESTERN = "cp1252"
_NOT_WESTERN = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # bytes that Windows-1252 does not use
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_WHOLE_UTF_8 = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_MAX_RUN = 2  # consecutive high bytes in most places of a Western text
_MIN_SHARE = 0.9  # of such places
_HINT = "Save it as UTF-8 (in a spreadsheet: CSV UTF-8), or take a fresh copy."


def encoding_of(raw: IO[bytes], label: str) -> str:
    """Return the encoding of a seekable stream, which is read to its end.

    It recognizes UTF-8, UTF-16 and UTF-32 by their byte order marks, UTF-16 also without one, valid
    UTF-8, and Windows-1252 if it looks like a Western language. Raises SpecError, naming `label`
    and the first invalid byte, for anything else and for text with NUL bytes.
    """
    start = raw.read(_START)
    raw.seek(0)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    if wide := _wide_without_mark(start):
        return wide
    if b"\x00" in start:
        raise SpecError(f"{label} is not text: it contains NUL bytes.", _HINT)
    invalid = _first_invalid_byte(raw)
    if invalid is None:
        return "utf-8"
    raw.seek(0)
    if _is_western(raw):
        return WESTERN
    offset, line, byte = invalid
    raise SpecError(
        f"{label} is not UTF-8: byte 0x{byte:02x} at offset {offset:,} (line {line:,}) is invalid.",
        _HINT,
    )


def _wide_without_mark(start: bytes) -> str:
    """Return the kind of UTF-16 that a text without a byte order mark is in, empty if none.

    In Latin letters, digits and spaces every other byte is zero.
    """
    pairs = len(start) // 2
    even = start[0 : 2 * pairs : 2].count(0)
    odd = start[1 : 2 * pairs : 2].count(0)
    if pairs < 4:
        return ""
    if odd > 0.4 * pairs and not even:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * pairs and not odd else ""


def _first_invalid_byte(raw: IO[bytes]) -> tuple[int, int, int] | None:
    """Return offset, line and value of the first byte that is not valid UTF-8, None if all are."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    before = lines = 0
    while True:
        chunk = raw.read(_CHUNK)
        pending = decoder.getstate()[0]
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            offset = before - len(pending) + error.start
            lines += (pending + chunk).count(b"\n", 0, error.start)
            return offset, lines + 1, error.object[error.start]
        if not chunk:
            return None
        before += len(chunk)
        lines += chunk.count(b"\n")


def _is_western(raw: IO[bytes]) -> bool:
    """Return whether a text that is not UTF-8 looks like Windows-1252 (Western European).

    In it accented letters are isolated; in Cyrillic, Greek, Chinese and other encodings whole words
    have high bytes. Complete UTF-8 characters mean that the file is damaged instead.
    """
    short = 0
    runs = 0
    utf_8 = 0
    while chunk := raw.read(_CHUNK):
        if _NOT_WESTERN.search(chunk):
            return False
        utf_8 += len(_WHOLE_UTF_8.findall(chunk))
        for run in _HIGH_RUN.findall(chunk):
            runs += 1
            short += len(run) <= _MAX_RUN
    return utf_8 <= runs // 10 and short >= _MIN_SHARE * runs
