"""Plain files: `.txt` (one post a line), `.csv` and `.tsv`, `.jsonl` and `.json`, each also with `.gz`; `-` for standard input."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Post, printable, unescape
from popinjay.sources import Access, Findings, row_facts
from popinjay.sources.byte_source import PACKED, ByteSource, DiskFile, Piped
from popinjay.sources.container import ReadErrors
from popinjay.sources.json_file import JsonFile, begins_as_json
from popinjay.sources.row import Row
from popinjay.sources.row_file import RowFile, open_text
from popinjay.sources.row_keys import folded

NAME = "text"
HELP = ".txt with one post a line, .csv, .tsv, .jsonl, .json, or - for standard input"
NEEDS = ""

_KINDS = {".txt": "txt", ".md": "txt", ".csv": "csv", ".tsv": "tsv", ".jsonl": "json", ".ndjson": "json", ".json": "json"}
_MOST_LINE = 16 * 2**20  # characters
_HINT = "Give a .txt with one post a line, a .csv or .tsv with a header, or a .jsonl with one object a line."


def matches(spec: str) -> bool:
    """Files with a name that tells their kind, any that hold JSON, and `-`."""
    if spec == "-":
        return True
    path = Path(spec)
    return path.is_file() and (kind_of(path) is not None or begins_as_json(DiskFile(path)))


def read(spec: str, options: CollectOptions, access: Access) -> RowFile:
    """Open a file. Raises SpecError where it holds no text."""
    if spec == "-":
        return opened(Piped(sys.stdin.buffer), options)
    return opened(DiskFile(Path(spec)), options)


def opened(source: ByteSource, options: CollectOptions) -> RowFile:
    """Open a file by what it holds, or else by its name. Raises SpecError where that is no text."""
    kind = kind_of(Path(source.name)) or "txt"
    if kind == "json" or begins_as_json(source):
        return JsonFile(source, options)
    return TextFile(source, kind, options)


def kind_of(path: Path) -> str | None:
    """Return the kind of file that a name tells, None if it tells none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return _KINDS.get(suffixes[-1]) if suffixes else None


class TextFile(RowFile):
    """The posts in one file of rows."""

    def __init__(self, source: ByteSource, kind: str, options: CollectOptions) -> None:
        self._label = source.label
        self._source = source
        self._kind = kind
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
}
