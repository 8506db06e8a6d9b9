"""Detect the delimiter and the quoting style of a table.

Every combination is tried on the beginning of the file. The best is the one for which most lines
are rows of one shape: as many cells as the header, and numbers or dates in the same columns.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from popinjay.sources.rows.dates import iso_time

DELIMITERS = (",", ";", "\t", "|")
WHOLE_LINE = "\x1f"  # occurs in no text: for tables of one column
_MAX_COLUMNS = 2_000  # more mean a wrong delimiter
_MIN_SHARE = 0.8  # of lines that are rows of one shape, if no column name is known
_RIGID_SHARE = 0.9  # of cells that are of one sort, for a column of that sort
_MIN_RIGID = 3  # cells


class Quoting(Enum):
    """How a cell can contain the delimiter and quotation marks."""

    DOUBLED = "doubled"  # "said ""so"""
    ESCAPED = "escaped"  # "said \\"so\\""
    SPACED = "spaced"  # doubled, with a space after each delimiter
    NONE = "none"  # "so", he said


class Sort(Enum):
    """The kind of value that a cell looks like."""

    EMPTY = "empty"
    NUMBER = "number"
    DATE = "date"
    LINK = "link"
    WORD = "word"
    TEXT = "text"


_RIGID = (Sort.NUMBER, Sort.DATE, Sort.LINK)
_NUMBER = re.compile(
    r"[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?%?|nan|null|none|true|false|na", re.IGNORECASE
)
_LINK = re.compile(r"https?://\S+$", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """A way to split lines into cells."""

    delimiter: str
    quoting: Quoting = Quoting.DOUBLED

    def options(self) -> dict[str, Any]:
        """Return it as the options of `csv.reader`."""
        if self.quoting is Quoting.NONE:
            return {"delimiter": self.delimiter, "quoting": csv.QUOTE_NONE}
        escape = "\\" if self.quoting is Quoting.ESCAPED else None
        is_spaced = self.quoting is Quoting.SPACED
        return {"delimiter": self.delimiter, "escapechar": escape, "skipinitialspace": is_spaced}


@dataclass(frozen=True)
class Chunk:
    """One parsed row, with its lines."""

    cells: list[str] | None  # None if its quoting is broken
    lines: list[str]


def chunks(lines: Iterator[str], dialect: Dialect, max_size: int) -> Iterator[Chunk]:
    """Yield the rows of a table; a row with broken quoting ends where the error is detected.

    A row has at most `max_size` characters, as an unclosed quotation mark would swallow the rest of
    the file.
    """
    while True:
        taken: list[str] = []
        size = 0

        def following(taken: list[str] = taken) -> Iterator[str]:
            nonlocal size
            for line in lines:
                taken.append(line)
                size += len(line)
                yield line
                if size > max_size:
                    return  # an error to strict readers

        reader = csv.reader(following(), strict=True, **dialect.options())
        try:
            for cells in reader:
                own = taken[:]
                size = 0
                taken.clear()
                if cells:
                    yield Chunk(cells, own)
            return
        except csv.Error:
            yield Chunk(None, taken[:])


def find_dialect(
    sample: Sequence[str],
    known: Callable[[str], bool],
    first: str = ",",
    *,
    complete: bool,
    only: str | None = None,
) -> Dialect:
    """Return the best dialect for a table.

    Args:
        sample: the lines at its beginning.
        known: whether a name is that of a known column.
        first: the delimiter to prefer if several are equally good.
        complete: whether the sample is the whole table; otherwise its last row may be cut off.
        only: the delimiter, if it is known.
    """
    delimiters = sorted(DELIMITERS, key=lambda delimiter: delimiter != first)
    if only is not None:
        delimiters = [only]
    choices = [Dialect(delimiter, quoting) for quoting in Quoting for delimiter in delimiters]
    if only is None:
        choices += [Dialect(WHOLE_LINE, quoting) for quoting in Quoting]
    return max(choices, key=lambda dialect: _score(sample, dialect, known, complete=complete))


def _score(
    sample: Sequence[str], dialect: Dialect, known: Callable[[str], bool], *, complete: bool
) -> tuple[bool, float]:
    """Return whether a dialect finds known columns, and the share of lines of one shape."""
    rows = list(chunks(iter(sample), dialect, max_size=sum(map(len, sample)) + 1))
    if not complete and len(rows) > 2 and rows[-1].cells is None:
        rows.pop()  # it ends after the sample
    width = next((len(row.cells) for row in rows if row.cells is not None), 0)
    if not 0 < width <= _MAX_COLUMNS:
        return False, 0.0
    header = next(row.cells for row in rows if row.cells is not None)
    is_known = any(map(known, header)) and (width > 1 or dialect.delimiter == WHOLE_LINE)
    rigid = rigid_columns([row.cells for row in rows[1:] if row.cells is not None], width)
    lines = 0
    good = 0
    for row in rows:
        lines += len(row.lines)
        if row.cells is None or len(row.cells) != width or _is_cut_in_quotes(row.cells, dialect):
            continue
        if not swallowed(row, dialect, rigid):
            good += len(row.lines) if row is rows[0] or fits(row.cells, rigid) else 0
    share = good / max(1, lines)
    if width == 1:  # then every line is a row of one shape, which means little
        return is_known, share if dialect.delimiter == WHOLE_LINE and is_known else share * 0.8
    return is_known, share if is_known or share >= _MIN_SHARE else 0.0


def _is_cut_in_quotes(cells: Sequence[str], dialect: Dialect) -> bool:
    """Return whether quotation marks enclose several cells although quoting is off."""
    if dialect.quoting is not Quoting.NONE:
        return False
    begins = [index for index, cell in enumerate(cells) if cell.lstrip().startswith('"')]
    ends = [index for index, cell in enumerate(cells) if cell.rstrip().endswith('"')]
    return bool(begins and ends) and begins[0] < ends[-1] and begins[0] not in ends


def sort_of(cell: str) -> Sort:
    """Return the kind of value that a cell looks like."""
    cell = cell.strip()
    if not cell:
        return Sort.EMPTY
    if _LINK.match(cell):
        return Sort.LINK
    if _NUMBER.fullmatch(cell):
        return Sort.NUMBER
    if cell[0].isalnum() and len(cell) < 60 and iso_time(cell):
        return Sort.DATE
    return Sort.TEXT if len(cell.split()) > 2 else Sort.WORD


def rigid_columns(rows: Sequence[Sequence[str]], width: int) -> dict[int, Sort]:
    """Return the columns whose cells are nearly all of one sort: numbers, dates or links."""
    counts = [Counter[Sort]() for _ in range(width)]
    for row in rows:
        if len(row) == width:
            for column, cell in enumerate(row):
                counts[column][sort_of(cell)] += 1
    rigid = {}
    for column, found in enumerate(counts):
        filled = found.total() - found[Sort.EMPTY]
        for sort in _RIGID:
            if found[sort] >= max(_MIN_RIGID, _RIGID_SHARE * filled):
                rigid[column] = sort
    return rigid


def fits(cells: Sequence[str], rigid: dict[int, Sort]) -> bool:
    """Return whether a row has values of the right sorts in the rigid columns."""
    return all(sort_of(cells[column]) in (sort, Sort.EMPTY) for column, sort in rigid.items())


def swallowed(row: Chunk, dialect: Dialect, rigid: dict[int, Sort]) -> bool:
    """Return whether a row contains lines that are rows themselves: a quote was not closed."""
    if row.cells is None or len(row.lines) < 2 or not rigid:
        return False
    return any(_is_row(line, len(row.cells), dialect, rigid) for line in row.lines[1:])


def _is_row(line: str, width: int, dialect: Dialect, rigid: dict[int, Sort]) -> bool:
    cells = split(line, dialect)
    if len(cells) != width or not cells[min(rigid)].strip():  # the start of a row is never empty
        return False
    return fits(cells, rigid)


def split(line: str, dialect: Dialect) -> list[str]:
    """Return the cells of one line, even if its quoting is broken."""
    try:
        return next(csv.reader([line], **dialect.options()), [])
    except csv.Error:
        return line.rstrip("\r\n").split(dialect.delimiter)
