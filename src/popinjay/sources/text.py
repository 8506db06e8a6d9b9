"""Plain files: `.txt` (one post a line), `.csv` and `.tsv`, `.jsonl` and `.json`, each also with `.gz`; `-` for standard input."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Author, Kind, Post, handle_of, is_repost_text, printable, unescape, utc
from popinjay.sources import Access, Findings, Reading, json_rows
from popinjay.sources.container import MOST_RATIO, RATIO_FREE, ReadErrors

NAME = "text"
HELP = ".txt with one post a line, .csv, .tsv, .jsonl, .json, or - for standard input"
NEEDS = ""

_KINDS = {".txt": "txt", ".md": "txt", ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json"}
_TEXT_KEYS = ("text", "full_text", "tweet", "content", "body", "post", "message", "status", "tweet_text", "comment")
_TIME_KEYS = ("created_at", "date", "timestamp", "time", "datetime", "published", "created")
_REPOST_KEYS = ("is_retweet", "is_repost", "retweet", "retweeted_status", "retweeted_status_id")
_REPLY_KEYS = ("is_reply", "in_reply_to_status_id", "in_reply_to_status_id_str", "in_reply_to_id", "in_reply_to_user_id")
_NO = ("", "0", "false", "no", "none", "null", "nan", "f", "n")
_MOST_INPUT = 2 * 2**30  # bytes of standard input, or of a packed file expanded
_MOST_LINE = 16 * 2**20  # characters
_HINT = "Give a .txt with one post a line, a .csv or .tsv with a header, or a .jsonl with one object a line."


def matches(spec: str) -> bool:
    """Files with a name that tells their kind, and `-`."""
    return spec == "-" or (Path(spec).is_file() and _kind_of(Path(spec)) is not None)


def read(spec: str, options: CollectOptions, access: Access) -> TextFile:
    """Open a file. Raises SpecError where it holds no text."""
    if spec == "-":
        return TextFile("standard input", sys.stdin.buffer.read(_MOST_INPUT), None, "stdin", options)
    path = Path(spec)
    return TextFile(path.name, path.read_bytes() if path.suffix.lower() == ".gz" else path, _kind_of(path), printable(_stem(path)), options)


def _kind_of(path: Path) -> str | None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return _KINDS.get(suffixes[-1]) if suffixes else None


def _stem(path: Path) -> str:
    name = path.name.removesuffix(".gz").removesuffix(".GZ")
    return name[: -len(Path(name).suffix)] if Path(name).suffix else name


class TextFile(Reading):
    """One author's posts in one file, or in bytes that were read already."""

    def __init__(self, label: str, source: Path | bytes, kind: str | None, author: str, options: CollectOptions) -> None:
        self._label = label
        self._source = _expand(source, label) if isinstance(source, bytes) else source
        self._options = options
        self._kind = kind or self._sniff()
        self.author = Author(handle_of(author) or "me", author)
        self.findings = Findings()

    def fingerprint(self) -> str:
        """A hash of what would be read."""
        if isinstance(self._source, bytes):
            return hashlib.sha256(self._source).hexdigest()
        with ReadErrors(self._label), self._source.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def posts(self) -> Iterator[Post]:
        """The posts in the order of the file."""
        with ReadErrors(self._label), self._open() as text:
            for number, row in enumerate(_ROWS[self._kind](text, self._label), 1):
                yield self._post(row, number)

    def _open(self) -> IO[str]:
        raw: IO[bytes] = io.BytesIO(self._source) if isinstance(self._source, bytes) else self._source.open("rb")
        start = raw.read(4096)
        raw.seek(0)
        wide = start.startswith((b"\xff\xfe", b"\xfe\xff"))
        if b"\x00" in start and not wide:
            raw.close()
            raise SpecError(f"{self._label} is not text: it holds NUL bytes.", _HINT)
        return io.TextIOWrapper(raw, encoding="utf-16" if wide else "utf-8-sig", newline="")

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

    def _post(self, row: Any, number: int) -> Post:
        if isinstance(row, str):
            row = {"text": row}
        if not isinstance(row, Mapping):
            raise SpecError(f"Item {number:,} of {self._label} is neither a text nor an object.", _HINT)
        lowered = {str(key).strip().lower(): value for key, value in row.items() if key is not None}
        key = self._text_key(lowered, number)
        if isinstance(lowered[key], list | dict):
            raise SpecError(f"The {key!r} of item {number:,} in {self._label} is no text.", "Name another with --text-column.")
        text = printable(unescape(str(lowered[key] or "")))
        return Post(
            id=printable(str(lowered.get("id") or lowered.get("id_str") or lowered.get("tweet_id") or number)),
            author=self.author.handle,
            text=text,
            kind=_kind(lowered, text),
            created_at=next((iso for key in _TIME_KEYS if (iso := _time(lowered.get(key)))), None),
            lang=printable(str(lowered.get("lang") or lowered.get("language") or "")) or None,
            truncated=_yes(lowered.get("truncated")),
        )

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


def _expand(packed: bytes, label: str) -> bytes:
    """Unpack gzip where it is, within bounds."""
    if not packed.startswith(b"\x1f\x8b"):
        return packed
    most = min(_MOST_INPUT, max(RATIO_FREE, MOST_RATIO * len(packed)))
    try:
        with gzip.open(io.BytesIO(packed)) as stream:
            content = stream.read(most)
            more = stream.read(1)
    except (OSError, EOFError, zlib.error) as error:
        raise SpecError(f"{label} is a damaged gzip file: {error}.", "Take a fresh copy.") from error
    if more:
        raise SpecError(f"{label} would expand to over {most / 2**20:,.0f} MB.", "If it is yours and real, unpack it and give the part that holds the posts.")
    return content


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
