"""Plain files: `.txt` (one post a line), `.csv` and `.tsv`, `.jsonl` and `.json`, each also with `.gz`; `-` for standard input."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Post, printable, unescape
from popinjay.sources import Access, Findings, json_rows, row_facts
from popinjay.sources.byte_source import ByteSource, DiskFile, Piped
from popinjay.sources.container import ReadErrors
from popinjay.sources.row import Row
from popinjay.sources.row_file import RowFile, open_text
from popinjay.sources.row_keys import folded

NAME = "text"
HELP = ".txt with one post a line, .csv, .tsv, .jsonl, .json, or - for standard input"
NEEDS = ""

_KINDS = {".txt": "txt", ".md": "txt", ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json"}
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
                post = self._row(row, number)
                if isinstance(post, str):
                    findings.left_out[post] += 1
                else:
                    yield post

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

    def _row(self, row: Any, number: int) -> Row | str:
        if isinstance(row, str):
            text = printable(unescape(row))
            return Row(number, Post("", "", text, kind=row_facts.kind_in({}, text)))
        named = folded(row)
        asked = self._options.text_column
        if not row_facts.text_key(named, asked):
            missing = f"no column {asked!r}" if asked else "no column that is plainly the text"
            names = ", ".join(str(key) for key in row if key is not None) or "none"
            raise SpecError(
                f"{self._label} has {missing} (item {number:,} has: {names}).",
                "Name it with --text-column.",
            )
        return row_facts.row_in(named, number, asked)


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
