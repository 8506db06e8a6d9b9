"""How a table is cut into cells: its delimiter and its quotation marks, found out by trying.

Every delimiter and style of quoting is tried on the beginning of the file, and the one counts
under which most lines are rows of one shape: as many cells as the header, numbers where other
rows have numbers, dates where they have dates.
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
WHOLE_LINE = "\x1f"  # in no text: a table of one column has no delimiter
_MAX_COLUMNS = 2_000  # more are no table of posts, but a delimiter that is none
_MIN_SHARE = 0.8  # of lines that are rows of one shape, without a header that is known
_RIGID_SHARE = 0.9  # of cells that are of one sort, for a column of that sort
_MIN_RIGID = 3  # cells


class Quoting(Enum):
    """How a cell may hold the delimiter and quotation marks."""

    DOUBLED = "doubled"  # "said ""so"""
    ESCAPED = "escaped"  # "said \\"so\\""
    SPACED = "spaced"  # doubled, and a blank behind each delimiter
    NONE = "none"  # "so", he said


class Sort(Enum):
    """What a cell looks like."""

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
    """A way to cut lines into rows."""

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
    """One row as it was cut, with its lines; None as cells if its quotation marks are broken."""

    cells: list[str] | None
    lines: list[str]


def chunks(lines: Iterator[str], dialect: Dialect, most: int) -> Iterator[Chunk]:
    """Yield the rows of a table; a row with broken quotation marks ends where that shows.

    No row takes in more than `most` characters: an open mark would swallow the rest of the file.
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
                if size > most:
                    return  # strict readers take the end of their input for an error

        reader = csv.reader(following(), strict=True, **dialect.options())
        try:
            for cells in reader:
                own, size = taken[:], 0
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
    """Return how the lines at the beginning of a table are best cut.

    `known` tells names of columns, and `first` is the delimiter that is taken if several are as
    good; `only` is the one to take in any case. The sample is the whole table if it is `complete`;
    otherwise its last row may be cut.
    """
    tried = sorted(DELIMITERS, key=lambda one: one != first) if only is None else [only]
    choices = [Dialect(delimiter, quoting) for quoting in Quoting for delimiter in tried]
    if only is None:
        choices += [Dialect(WHOLE_LINE, quoting) for quoting in Quoting]
    return max(choices, key=lambda one: _score(sample, one, known, complete=complete))


def _score(
    sample: Sequence[str], dialect: Dialect, known: Callable[[str], bool], *, complete: bool
) -> tuple[bool, float]:
    """Return how well a dialect suits: whether it finds known columns, and the share of lines."""
    rows = list(chunks(iter(sample), dialect, most=sum(map(len, sample)) + 1))
    if not complete and len(rows) > 2 and rows[-1].cells is None:
        rows.pop()  # its end lies behind the sample
    width = next((len(row.cells) for row in rows if row.cells is not None), 0)
    if not 0 < width <= _MAX_COLUMNS:
        return False, 0.0
    header = next(row.cells for row in rows if row.cells is not None)
    is_known = any(map(known, header)) and (width > 1 or dialect.delimiter == WHOLE_LINE)
    rigid = rigid_columns([row.cells for row in rows[1:] if row.cells is not None], width)
    lines = good = 0
    for row in rows:
        lines += len(row.lines)
        if row.cells is None or len(row.cells) != width or _is_cut_in_quotes(row.cells, dialect):
            continue
        if not swallowed(row, dialect, rigid):
            good += len(row.lines) if row is rows[0] or fits(row.cells, rigid) else 0
    share = good / max(1, lines)
    if width == 1:  # every line is a row of one shape then: a poor sign
        return is_known, share if dialect.delimiter == WHOLE_LINE and is_known else share * 0.8
    return is_known, share if is_known or share >= _MIN_SHARE else 0.0


def _is_cut_in_quotes(cells: Sequence[str], dialect: Dialect) -> bool:
    """Whether quotation marks that were to be none of a table's own hold several cells together."""
    if dialect.quoting is not Quoting.NONE:
        return False
    begins = [place for place, cell in enumerate(cells) if cell.lstrip().startswith('"')]
    ends = [place for place, cell in enumerate(cells) if cell.rstrip().endswith('"')]
    return bool(begins and ends) and begins[0] < ends[-1] and begins[0] not in ends


def sort_of(cell: str) -> Sort:
    """Return what a cell looks like."""
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
    """Return the columns whose cells are all of one sort: numbers, dates or links."""
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
    """Whether a row has what the rigid columns have in others."""
    return all(sort_of(cells[column]) in (sort, Sort.EMPTY) for column, sort in rigid.items())


def swallowed(row: Chunk, dialect: Dialect, rigid: dict[int, Sort]) -> bool:
    """Whether a row holds lines that are rows themselves: a quotation mark was left open."""
    if row.cells is None or len(row.lines) < 2 or not rigid:
        return False
    return any(_is_row(line, len(row.cells), dialect, rigid) for line in row.lines[1:])


def _is_row(line: str, width: int, dialect: Dialect, rigid: dict[int, Sort]) -> bool:
    cells = split(line, dialect)
    if len(cells) != width or not cells[min(rigid)].strip():  # a row is whole at its beginning
        return False
    return fits(cells, rigid)


def split(line: str, dialect: Dialect) -> list[str]:
    """Return the cells of one line, whatever its quotation marks are like."""
    try:
        return next(csv.reader([line], **dialect.options()), [])
    except csv.Error:
        return line.rstrip("\r\n").split(dialect.delimiter)
