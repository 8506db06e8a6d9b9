"""How the characters of a text file are encoded: said by a mark at its beginning, or found out."""

from __future__ import annotations

import codecs
import re
from typing import IO

from popinjay.errors import SpecError

_CHUNK = 2**18  # bytes
_START = 2**12  # bytes that tell UTF-16 without a mark
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like UTF-16's, so it comes before
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WESTERN = "cp1252"
_NOT_WESTERN = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # bytes that Windows-1252 has no use for
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_WHOLE_UTF_8 = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_RUN = 2  # letters with accents or marks in a row, at most, in most places of a Western text
_ALIKE = 0.9  # share of the places
_HINT = "Save it anew as UTF-8 (in a spreadsheet: CSV UTF-8), or take a fresh copy."


def encoding_of(raw: IO[bytes], label: str) -> str:
    """Return the encoding of a text by reading it to its end; it can be sought, and is left there.

    UTF-8, UTF-16 and UTF-32 by their marks, UTF-16 also without one, UTF-8 if all of it is, and
    Windows-1252 if it looks like a Western language in it. Raises SpecError, naming `label` and
    the first wrong byte, for anything else, and for what holds NUL bytes.
    """
    start = raw.read(_START)
    raw.seek(0)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    if wide := _wide_without_mark(start):
        return wide
    if b"\x00" in start:
        raise SpecError(f"{label} is not text: it holds NUL bytes.", _HINT)
    wrong = _first_wrong_byte(raw)
    if wrong is None:
        return "utf-8"
    raw.seek(0)
    if _is_western(raw):
        return WESTERN
    place, line, byte = wrong
    raise SpecError(
        f"{label} is not UTF-8: byte 0x{byte:02x} at offset {place:,} (line {line:,}) is wrong.",
        _HINT,
    )


def _wide_without_mark(start: bytes) -> str:
    """Return the kind of UTF-16 that a text begins in without a mark, empty if it is none.

    Every other byte of Latin letters, digits and blanks is zero there, and none of the rest.
    """
    pairs = len(start) // 2
    even, odd = start[0 : 2 * pairs : 2].count(0), start[1 : 2 * pairs : 2].count(0)
    if pairs < 4:
        return ""
    if odd > 0.4 * pairs and not even:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * pairs and not odd else ""


def _first_wrong_byte(raw: IO[bytes]) -> tuple[int, int, int] | None:
    """Return offset, line and value of the first byte that is not UTF-8; None if all of it is."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    before = lines = 0
    while True:
        chunk = raw.read(_CHUNK)
        pending = decoder.getstate()[0]
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            place = before - len(pending) + error.start
            lines += (pending + chunk).count(b"\n", 0, error.start)
            return place, lines + 1, error.object[error.start]
        if not chunk:
            return None
        before += len(chunk)
        lines += chunk.count(b"\n")


def _is_western(raw: IO[bytes]) -> bool:
    """Whether a text that is not UTF-8 looks like Windows-1252, Western Europe's.

    There letters with accents stand alone between others; in Cyrillic, Greek, Chinese and other
    encodings whole words have high bytes. Whole UTF-8 characters show a damaged file instead.
    """
    alone = runs = whole = 0
    while chunk := raw.read(_CHUNK):
        if _NOT_WESTERN.search(chunk):
            return False
        whole += len(_WHOLE_UTF_8.findall(chunk))
        for run in _HIGH_RUN.findall(chunk):
            runs += 1
            alone += len(run) <= _RUN
    return whole <= runs // 10 and alone >= _ALIKE * runs
