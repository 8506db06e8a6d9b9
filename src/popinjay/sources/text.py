"""Plain files: `.txt` (one post a line), `.csv` and `.tsv`, `.jsonl` and `.json`, each also with `.gz`; `-` for standard input."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Kind, Post, is_repost_text, printable, unescape, utc
from popinjay.sources import Access, Findings, json_rows
from popinjay.sources.byte_source import ByteSource, DiskFile, Piped
from popinjay.sources.container import ReadErrors
from popinjay.sources.row import Row
from popinjay.sources.row_authors import answered_in, writer_in
from popinjay.sources.row_file import RowFile, open_text
from popinjay.sources.row_ids import id_in
from popinjay.sources.row_keys import folded

NAME = "text"
HELP = ".txt with one post a line, .csv, .tsv, .jsonl, .json, or - for standard input"
NEEDS = ""

_KINDS = {".txt": "txt", ".md": "txt", ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json"}
_TEXT_KEYS = ("text", "full_text", "tweet", "content", "body", "post", "message", "status", "tweet_text", "comment")
_TIME_KEYS = ("created_at", "date", "timestamp", "time", "datetime", "published", "created")
_REPOST_KEYS = ("is_retweet", "is_repost", "retweet", "retweeted_status", "retweeted_status_id")
_REPLY_KEYS = ("is_reply", "in_reply_to_status_id", "in_reply_to_status_id_str", "in_reply_to_id", "in_reply_to_user_id")
_NO = ("", "0", "false", "no", "none", "null", "nan", "f", "n")
_MOST_LINE = 16 * 2**20  # characters
_HINT = "Give a .txt with one post a line, a .csv or .tsv with a header, or a .jsonl with one object a line."


def matches(spec: str) -> bool:
    """Files with a name that tells their kind, and `-`."""
    return spec == "-" or (Path(spec).is_file() and _kind_of(Path(spec)) is not None)


def read(spec: str, options: CollectOptions, access: Access) -> TextFile:
    """Open a file. Raises SpecError where it holds no text."""
    if spec == "-":
        return TextFile(Piped(sys.stdin.buffer), None, options)
    return TextFile(DiskFile(Path(spec)), _kind_of(Path(spec)), options)


def _kind_of(path: Path) -> str | None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return _KINDS.get(suffixes[-1]) if suffixes else None


class TextFile(RowFile):
    """The posts in one file of rows."""

    def __init__(self, source: ByteSource, kind: str | None, options: CollectOptions) -> None:
        self._label = source.label
        self._source = source
        self._kind = kind or self._sniff()
        super().__init__(source, options)

    def _rows(self, findings: Findings) -> Iterator[Row]:
        with ReadErrors(self._label), self._open() as text:
            for number, row in enumerate(_ROWS[self._kind](text, self._label), 1):
                yield self._row(row, number)

    def _open(self) -> IO[str]:
        return open_text(self._source)

    def _sniff(self) -> str:
        """What standard input holds: JSON if it begins like it, otherwise one post a line."""
        with ReadErrors(self._label), self._open() as text:
            start = next((line.strip() for line in iter(lambda: text.readline(_MOST_LINE), "") if line.strip()), "")
        if re.match(r"\[\s*(?:[\[{\"\]]|$)", start):
            return "json"
        if not re.match(r"\{\s*(?:[\"}]|$)", start):
            return "txt"
        try:
            json.loads(start)
        except (ValueError, RecursionError):
            return "json"  # an object over several lines
        return "jsonl"

    def _row(self, row: Any, number: int) -> Row:
        if isinstance(row, str):
            return Row(number, Post("", "", printable(unescape(row)), kind=_kind({}, row)))
        if not isinstance(row, Mapping):
            raise SpecError(f"Item {number:,} of {self._label} is neither a text nor an object.", _HINT)
        lowered = {str(key).strip().lower(): value for key, value in row.items() if key is not None}
        key = self._text_key(lowered, number)
        if isinstance(lowered[key], list | dict):
            raise SpecError(f"The {key!r} of item {number:,} in {self._label} is no text.", "Name another with --text-column.")
        text = printable(unescape(str(lowered[key] or "")))
        named = folded(row)
        post = Post(
            id=id_in(named),
            author="",
            text=text,
            kind=_kind(lowered, text),
            created_at=next((iso for key in _TIME_KEYS if (iso := _time(lowered.get(key)))), None),
            lang=printable(str(lowered.get("lang") or lowered.get("language") or "")) or None,
            truncated=_yes(lowered.get("truncated")),
        )
        return Row(number, post, writer_in(named), *answered_in(named))

    def _text_key(self, row: Mapping[str, Any], number: int) -> str:
        asked = self._options.text_column
        if asked is not None and asked.strip().lower() in row:
            return asked.strip().lower()
        if asked is None:
            for key in _TEXT_KEYS:
                if key in row:
                    return key
            if len(row) == 1:
                return next(iter(row))
        missing = f"no column {asked!r}" if asked else "no column that is plainly the text"
        raise SpecError(f"{self._label} has {missing} (item {number:,} has: {', '.join(row) or 'none'}).", "Name it with --text-column.")


# rows of each kind of file


def _lines(text: IO[str], label: str) -> Iterator[str]:
    while line := text.readline(_MOST_LINE):
        if "\x00" in line:
            raise SpecError(f"{label} is not text: it holds NUL bytes.", _HINT)
        if line.strip():
            yield line.strip()


def _table(text: IO[str], label: str, delimiter: str | None = None) -> Iterator[Mapping[str, Any]]:
    csv.field_size_limit(_MOST_LINE)
    if delimiter is None:  # spreadsheets write semicolons where a comma is the decimal point
        delimiter = max(",;\t", key=text.readline(_MOST_LINE).count)
        text.seek(0)
    try:
        reader = csv.DictReader(text, delimiter=delimiter)
        if not reader.fieldnames:
            raise SpecError(f"{label} is empty.", _HINT)
        yield from reader
    except csv.Error as error:
        raise SpecError(f"{label} is no table that can be read: {error} (line {reader.line_num:,}).", "Save it anew as CSV in UTF-8.") from error


def _tabbed(text: IO[str], label: str) -> Iterator[Mapping[str, Any]]:
    return _table(text, label, "\t")


_ROWS: dict[str, Callable[[IO[str], str], Iterator[Any]]] = {
    "txt": _lines,
    "csv": _table,
    "tsv": _tabbed,
    "jsonl": json_rows.lines,
    "json": json_rows.items,
}

# facts about one row


def _kind(row: Mapping[str, Any], text: str) -> Kind:
    if is_repost_text(text) or any(_yes(row.get(key)) for key in _REPOST_KEYS):
        return Kind.REPOST
    return Kind.REPLY if any(_yes(row.get(key)) for key in _REPLY_KEYS) else Kind.POST


def _yes(value: Any) -> bool:
    return bool(value) and str(value).strip().lower() not in _NO


def _time(value: Any) -> str | None:
    """Any usual way of writing a moment, as ISO 8601 in UTC."""
    if value is None or value == "":
        return None
    text = str(value).strip()
    try:
        if re.fullmatch(r"\d{9,10}(?:\.\d+)?|\d{12,13}", text):  # seconds or milliseconds since 1970
            moment = datetime.fromtimestamp(float(text) / (1000 if len(text) > 11 and "." not in text else 1), UTC)
        elif re.match(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d", text):  # Sat Feb 18 12:33:11 +0000 2023
            moment = datetime.strptime(text, "%a %b %d %H:%M:%S %z %Y")
        else:
            moment = datetime.fromisoformat(text.removesuffix(" UTC").replace(" +0000", "+00:00"))
        return utc(moment)
    except (ValueError, OverflowError, OSError):
        return None
