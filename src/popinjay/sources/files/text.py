"""Plain files of posts: `.txt`, `.csv`, `.tsv`, `.jsonl` and `.json`, and `-` for standard input.

A `.txt` has one post per line. Each may be compressed (`.gz`, `.bz2`, `.xz`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Post
from popinjay.sources import Access, Findings, reading_of
from popinjay.sources.files import marked_text
from popinjay.sources.files.byte_source import PACKED, ByteSource, DiskFile, Piped
from popinjay.sources.files.container import ReadErrors, is_zip
from popinjay.sources.files.json_file import JsonFile, begins_as_json
from popinjay.sources.files.table import Table, is_table
from popinjay.sources.rows import facts
from popinjay.sources.rows.file import RowFile, open_text
from popinjay.sources.rows.keys import folded
from popinjay.sources.rows.row import Row
from popinjay.sources.rows.undated import Undated
from popinjay.text.escapes import as_typed

NAME = "text"
HELP = ".txt with one post per line, .csv, .tsv, .jsonl, .json, or - for standard input"
NEEDS = ""

_KINDS = {
    ".txt": "txt",
    ".md": "txt",
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
}
_DESCRIBED = {
    "txt": "text file, one post per line",
    "marked": "text file, posts between markers",
    "json": "JSON file",
}
_MAX_LINE = 16 * 2**20  # characters
_START = 2**14  # characters searched for markers between texts
_HINT = (
    "Give a .txt with one post per line, a .csv or .tsv with a header, or a .jsonl with one object "
    "per line."
)


def matches(spec: str) -> bool:
    """Match files with a known extension, any that hold JSON, and `-`."""
    if spec == "-":
        return True
    path = Path(spec)
    if not path.is_file() or is_zip(path):
        return False
    return kind_of(path) is not None or begins_as_json(DiskFile(path))


def read(spec: str, options: CollectOptions, access: Access) -> RowFile:
    """Open a file. Raises SpecError if it holds no text."""
    if spec == "-":
        return reading_of(Piped(sys.stdin.buffer), lambda piped: opened(piped, options))
    return opened(DiskFile(Path(spec)), options)


def opened(source: ByteSource, options: CollectOptions) -> RowFile:
    """Open a file by its content, or else by its name. Raises SpecError if it holds no text."""
    kind = kind_of(Path(source.name)) or "txt"
    if kind == "json" or begins_as_json(source):
        return JsonFile(source, options)
    return TextFile(source, kind, options)


def kind_of(path: Path) -> str | None:
    """Return the kind of a file by its extension, None if that is unknown."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return _KINDS.get(suffixes[-1]) if suffixes else None


class TextFile(RowFile):
    """The posts in one file of rows."""

    def __init__(self, source: ByteSource, kind: str, options: CollectOptions) -> None:
        self._label = source.label
        self._source = source
        self._kind = self._kind_of_text() if kind == "txt" else kind
        self._table: Table | None = None
        if self._kind in ("csv", "tsv"):
            first = "\t" if self._kind == "tsv" else ","
            with ReadErrors(self._label):
                self._table = Table(self._open, self._label, first, options.text_column)
        super().__init__(source, options)
        self.findings.notes += self._table.notes if self._table else []

    def _rows(self, findings: Findings) -> Iterator[Row]:
        undated = Undated()
        with ReadErrors(self._label):
            for number, row in enumerate(self._raw_rows(findings), 1):
                post = self._row(row, number, undated)
                if isinstance(post, str):
                    findings.left_out[post] += 1
                else:
                    yield post
        findings.notes += undated.notes(self._label)
        findings.source = self._described()

    def _raw_rows(self, findings: Findings) -> Iterator[Any]:
        if self._table is not None:
            yield from self._table.rows(findings.notes)
            return
        with self._open() as text:
            yield from _ROWS[self._kind](text, self._label)

    def _kind_of_text(self) -> str:
        """Return whether the text is a table, texts between markers, or one post per line."""
        with ReadErrors(self._label):
            with self._open() as text:
                start = text.read(_START)
            if marked_text.is_marked(start):
                return "marked"
            return "csv" if is_table(self._open, self._label) else "txt"

    def _described(self) -> str:
        """Return what the file was recognised as."""
        if self._table is None:
            return _DESCRIBED[self._kind]
        column = self._table.text_column
        return (
            f"{self._table.described}, texts in column {column!r}"
            if column
            else (self._table.described)
        )

    def _open(self) -> IO[str]:
        return open_text(self._source)

    def _row(self, row: Any, number: int, undated: Undated) -> Row | str:
        if isinstance(row, str):
            text = as_typed(row)
            return Row(number, Post("", "", text, kind=facts.kind_in({}, text)))
        named = folded(row)
        column = self._table.text_column if self._table else self._options.text_column
        if not facts.text_key(named, column):
            missing = f"no column {column!r}" if column else "no column that is plainly the text"
            names = ", ".join(str(key) for key in row if key is not None) or "none"
            raise SpecError(
                f"{self._label} has {missing} (item {number:,} has: {names}).",
                "Name it with --text-column.",
                page_hint="Rename the column with the posts to 'text', and give the file again.",
            )
        post = facts.row_in(named, number, column)
        undated.add(named, post)
        return post


# rows of each kind of file


def _lines(text: IO[str], label: str) -> Iterator[str]:
    while line := text.readline(_MAX_LINE):
        if "\x00" in line:
            raise SpecError(f"{label} is not text: it contains NUL bytes.", _HINT)
        if line.strip():
            yield line.strip()


def _marked(text: IO[str], label: str) -> Iterator[str]:
    return marked_text.texts(text, _MAX_LINE)


_ROWS: dict[str, Callable[[IO[str], str], Iterator[Any]]] = {
    "txt": _lines,
    "marked": _marked,
}
