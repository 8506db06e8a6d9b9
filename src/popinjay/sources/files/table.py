"""Read tables: their format is detected, and rows that look damaged are counted and reported."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import IO

from popinjay.errors import SpecError
from popinjay.sources.files.delimiters import (
    DELIMITERS,
    WHOLE_LINE,
    Chunk,
    Dialect,
    Quoting,
    Sort,
    chunks,
    find_dialect,
    fits,
    rigid_columns,
    split,
    swallowed,
)
from popinjay.sources.files.table_damage import (
    BROKEN,
    JOINED,
    LONGER,
    MERGED,
    REPEATED,
    SHORTER,
    TableDamage,
)
from popinjay.sources.rows.columns import (
    holds_texts,
    is_count,
    is_header,
    is_known,
    is_text_name,
    names_of,
    text_by_content,
)
from popinjay.sources.rows.dates import Order, OrderFinder, iso_time
from popinjay.sources.rows.facts import FLAGS, TEXTS, TIMES
from popinjay.sources.rows.keys import fold

_SAMPLE = 2**18  # characters at the beginning that the format is detected from
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_MAX_LINE = 16 * 2**20  # characters
_MAX_ROW = 2**20  # characters, as a quotation mark may not be closed
_SEPARATOR = re.compile(r"\s*\"?sep=(.|\\t)\"?\s*", re.IGNORECASE)  # Excel's first line
_HINT = "Give a .csv or .tsv with a header, or a .txt with one post per line."
_MAX_TITLE = 8  # lines
_MAX_HEADER = 20_000  # characters
_ESCAPED_LINE = re.compile(r"(?:\\r)?\\n")
_MIN_TABLE = 0.9  # share of lines of one shape that make any file a table


class Table:
    """A table, whose format is detected when it is opened."""

    def __init__(
        self, open_text: Callable[[], IO[str]], label: str, first: str, text_column: str | None
    ) -> None:
        """Open a table.

        Args:
            open_text: opens it from the beginning.
            label: its name in messages.
            first: the usual delimiter of files with its extension.
            text_column: the name of the column with the texts, if the user gave one.

        Raises SpecError if it is empty, or lacks a necessary header.
        """
        self._open = open_text
        self._label = label
        self.notes: list[str] = []
        self.text_column = text_column
        with open_text() as text:
            sample, complete = _sample(text, label)
        self._skipped = 0  # lines before the header
        separator = None
        if sample and (found := _SEPARATOR.fullmatch(sample[0].strip("\r\n"))):
            separator = found[1].replace("\\t", "\t")
            self._skipped = 1
            sample = sample[1:]
        if title := _lines_before_header(sample):
            self._skipped += title
            sample = sample[title:]
            lines = "line" if title == 1 else "lines"
            self.notes.append(
                f"{label} begins with a title of {title:,} {lines}, which is skipped."
            )
        self._dialect = find_dialect(sample, is_known, first, complete=complete, only=separator)
        whole = _cells(sample, self._dialect, complete=complete)
        if not whole:
            raise SpecError(f"{label} is empty.", _HINT)
        self._header = whole[0]
        rows = [row for row in whole[1:] if len(row) == len(self._header)]
        self._has_header = is_header(self._header, rows, text_column)
        if self._has_header:
            self._names, repeated = names_of(self._header, rows)
            self._note_repeated(repeated)
        else:
            self._names = self._names_without_header(rows)
        self._rigid = rigid_columns(rows, len(self._header))
        self._text = self._find_text(rows)
        self._times = [column for column, name in enumerate(self._names) if fold(name) in TIMES]
        self._order = Order.UNKNOWN  # until all dates have been read
        self._rename_counts(rows)
        self._has_escaped_lines = self._text is not None and _has_escaped_lines(rows, self._text)

    @property
    def described(self) -> str:
        """What separates its columns, in words."""
        delimiter = self._dialect.delimiter
        return f"table, columns separated by {_DELIMITERS.get(delimiter, repr(delimiter))}"

    def rows(self, notes: list[str]) -> Iterator[dict[str, str]]:
        """Yield the rows as dictionaries by column name; damage is reported in `notes`."""
        damage = TableDamage()
        line = 1 + self._skipped
        finder = OrderFinder()
        with self._open() as text:
            lines = _lines(text, self._label)
            for _ in range(self._skipped):
                next(lines)
            max_size = _MAX_LINE if self._dialect.quoting is Quoting.NONE else _MAX_ROW
            is_first = True
            for chunk in chunks(lines, self._dialect, max_size):
                for cells in self._repaired(chunk, line, damage):
                    if not (is_first and self._has_header):
                        for row in self._shaped(cells, line, damage):
                            yield dict(zip(self._names, self._read(row, finder), strict=True))
                    is_first = False
                line += len(chunk.lines)
        notes += damage.notes(self._label)
        self._order = finder.order
        if finder.example and self._order is Order.UNKNOWN and "." not in finder.example:
            notes.append(
                f"The dates of {self._label}, such as {finder.example!r}, don't show which number "
                "is the month: the first is taken for it."
            )

    def _repaired(self, chunk: Chunk, line: int, damage: TableDamage) -> Iterator[list[str]]:
        """Yield the rows in a parsed one: more than one if a quotation mark was not closed."""
        if chunk.cells is not None and not swallowed(chunk, self._dialect, self._rigid):
            yield chunk.cells
            return
        damage.add(MERGED if len(chunk.lines) > 1 else BROKEN, line)
        for content in chunk.lines:
            if content.strip():
                yield self._cells_of_line(content.rstrip("\r\n"))

    def _cells_of_line(self, line: str) -> list[str]:
        """Return the cells of a single line, ignoring quotation marks if they hide delimiters."""
        cells = split(line, self._dialect)
        if len(cells) != len(self._names):
            bare = line.split(self._dialect.delimiter)
            if len(bare) == len(self._names):
                return [cell.removeprefix('"') for cell in bare]
        return cells

    def _shaped(self, cells: list[str], line: int, damage: TableDamage) -> Iterator[list[str]]:
        """Yield a row with as many cells as there are columns, unless it repeats the header."""
        width = len(self._names)
        if cells == self._header and self._has_header:
            damage.add(REPEATED, line)
            return
        surplus = len(cells) - width
        if surplus > 0 and not any(cell.strip() for cell in cells[width:]):
            cells = cells[:width]  # spreadsheets end rows with empty cells
            surplus = 0
        if surplus > 0:
            joined = self._joined(cells, surplus)
            damage.add(LONGER if joined is None else JOINED, line)
            cells = cells[:width] if joined is None else joined
        elif surplus < 0:
            damage.add(SHORTER, line)
            cells = cells + [""] * -surplus
        yield cells

    def _read(self, cells: list[str], finder: OrderFinder) -> list[str]:
        """Return a row with dates and line breaks in standard form."""
        if self._has_escaped_lines and self._text is not None:
            cells = cells[:]
            cells[self._text] = _ESCAPED_LINE.sub("\n", cells[self._text])
        for column in self._times:
            if finder.add(cells[column]):
                cells = cells[:]
                iso = iso_time(cells[column], self._order)
                cells[column] = iso or f"{cells[column]} (day or month first?)"
        return cells

    def _joined(self, cells: list[str], surplus: int) -> list[str] | None:
        """Rejoin a text that was split at delimiters; None if that is ambiguous."""
        if self._text is None:
            return None
        text = self._text
        end = text + surplus + 1
        whole = self._dialect.delimiter.join(cells[text:end])
        if len(whole) > 1 and whole[0] == whole[-1] == '"':
            whole = whole[1:-1].replace('""', '"')
        joined = [*cells[:text], whole, *cells[end:]]
        has_rigid_after = any(column > text for column in self._rigid)
        if text < len(self._names) - 1 and not has_rigid_after:
            return None
        return joined if fits(joined, self._rigid) else None

    def _names_without_header(self, rows: Sequence[Sequence[str]]) -> list[str]:
        """Return the column names of a table without a header.

        Raises SpecError, with a suggested header, unless it has a single column.
        """
        if len(self._header) == 1:
            self.notes.append(f"{self._label} has no header: its first line is read as a post too.")
            return ["text"]
        text = text_by_content([str(cell) for cell in self._header], [self._header, *rows])
        sorts = rigid_columns([self._header, *rows], len(self._header))
        names = [f"column{column + 1}" for column in range(len(self._header))]
        for column, sort in sorts.items():
            if sort is Sort.DATE:
                names[column] = "date"
        if text is not None:
            names[text] = "text"
        delimiter = {"\t": "tabs"}.get(self._dialect.delimiter, f"{self._dialect.delimiter!r}")
        raise SpecError(
            f"{self._label} seems to have no header: its first row looks like a post.",
            f"Add a first line that names its {len(names)} columns, separated by {delimiter}, such "
            f"as: {self._dialect.delimiter.join(names)}",
        )

    def _find_text(self, rows: Sequence[Sequence[str]]) -> int | None:
        """Return the column of the texts, None if it is unclear; add a note if it is a guess."""
        folded = [fold(name) for name in self._names]
        if self.text_column is not None:
            wanted = fold(self.text_column)
            return folded.index(wanted) if wanted in folded else None
        usual = [folded.index(name) for name in TEXTS if name in folded]
        for column in usual:
            if holds_texts(rows, column):
                if column != usual[0]:
                    self.text_column = self._names[column]
                return column
        found = text_by_content(self._names, rows) if len(self._names) > 1 else None
        if found is None:
            return usual[0] if usual else (0 if len(self._names) == 1 else None)
        self.text_column = self._names[found]
        self.notes.append(
            f"The texts of {self._label} are taken from its column {self._names[found]!r}, which "
            "holds sentences; use --text-column for another."
        )
        return found

    def _rename_counts(self, rows: Sequence[Sequence[str]]) -> None:
        """Rename columns with numbers of reposts, so that they are not taken for repost flags."""
        for column, name in enumerate(self._names):
            if fold(name) in FLAGS and is_count(rows, column):
                self._names[column] = f"number of {name}"

    def _note_repeated(self, names: Sequence[str]) -> None:
        for name in names:
            which = "the one with more words" if is_text_name(name) else "one of them"
            self.notes.append(f"{self._label} has several columns named {name!r}: {which} is read.")


def _lines_before_header(sample: Sequence[str]) -> int:
    """Return the number of lines of a title or a remark before the header."""
    for number, line in enumerate(sample[:_MAX_TITLE]):
        if len(line) > _MAX_HEADER:
            return 0
        for delimiter in DELIMITERS:
            cells = split(line, Dialect(delimiter))
            if len(cells) > 1 and any(map(is_text_name, cells)) and sum(map(is_known, cells)) > 1:
                return number
    return 0


def _has_escaped_lines(rows: Sequence[Sequence[str]], column: int) -> bool:
    r"""Return whether line breaks are written as `\n`: in several texts, with none real."""
    texts = [row[column] for row in rows if column < len(row)]
    escaped = sum(1 for text in texts if _ESCAPED_LINE.search(text))
    return escaped >= max(2, 0.02 * len(texts)) and not any("\n" in text for text in texts)


def is_table(open_text: Callable[[], IO[str]], label: str) -> bool:
    """Return whether a text is a table, whatever the name of its file.

    Its first line must name a column of texts and another known one, and the following lines must
    have as many cells.
    """
    with open_text() as text:
        sample, complete = _sample(text, label, 2**14)
    if sample and _SEPARATOR.fullmatch(sample[0].strip("\r\n")):
        return True
    if len(sample) < 2 or len(sample[0]) > _MAX_HEADER:
        return False
    dialect = find_dialect(sample, is_known, complete=complete)
    rows = _cells(sample, dialect, complete=complete)
    if len(rows) < 2 or dialect.delimiter == WHOLE_LINE:
        return False
    header = rows[0]
    if not any(map(is_text_name, header)) or sum(map(is_known, header)) < 2:
        return False
    return sum(len(row) == len(header) for row in rows) >= _MIN_TABLE * len(rows)


def _sample(text: IO[str], label: str, max_size: int = _SAMPLE) -> tuple[list[str], bool]:
    """Return the complete lines at the beginning, and whether these are all."""
    sample: list[str] = []
    size = 0
    for line in _lines(text, label):
        sample.append(line)
        size += len(line)
        if size > max_size:
            return sample, False
    return sample, True


def _cells(sample: Sequence[str], dialect: Dialect, *, complete: bool) -> list[list[str]]:
    rows = list(chunks(iter(sample), dialect, sum(map(len, sample)) + 1))
    if not complete and len(rows) > 2:
        rows.pop()
    split_up = ([split(line, dialect) for line in row.lines] for row in rows if row.cells is None)
    return [row.cells for row in rows if row.cells is not None] or list(chain(*split_up))


def _lines(text: IO[str], label: str) -> Iterator[str]:
    """Yield lines with their ends. Raises SpecError for one that is too long or not text."""
    csv.field_size_limit(_MAX_LINE)
    while line := text.readline(_MAX_LINE):
        if "\x00" in line:
            raise SpecError(f"{label} is not text: it contains NUL bytes.", _HINT)
        if len(line) == _MAX_LINE:
            raise SpecError(f"{label} is not a readable table: a line has no end.", _HINT)
        yield line
