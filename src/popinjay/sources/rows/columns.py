"""Identify the columns of a table by their names, in any spelling, and by their content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from popinjay.sources.files.delimiters import Sort, fits, rigid_columns, sort_of
from popinjay.sources.rows.authors import ACCOUNTS, HANDLES, NAMES
from popinjay.sources.rows.facts import FLAGS, LANGUAGES, REPLIES, REPOSTS, TEXTS, TIMES
from popinjay.sources.rows.ids import KEYS as IDS
from popinjay.sources.rows.keys import fold, is_nothing

_KNOWN = frozenset(
    (*TEXTS, *TIMES, *IDS, *HANDLES, *ACCOUNTS, *NAMES, *FLAGS, *LANGUAGES, *REPOSTS, *REPLIES)
)
_MORE_KNOWN = frozenset(
    ("likes", "favorites", "retweets", "url", "link", "source", "permalink", "title")
)
_SENTENCE = 4  # words per cell, on average, in a column of texts
_MARGIN = 2  # factor of words over the next column, for a column to be clearly the text
_MIN_DISTINCT = 0.5  # share of distinct cells: fewer mean labels


def is_known(name: str) -> bool:
    """Return whether a cell is a usual column name."""
    return fold(name) in _KNOWN or fold(name) in _MORE_KNOWN


def is_text_name(name: str) -> bool:
    """Return whether a cell is a usual name of the column with the texts."""
    return fold(name) in TEXTS


def is_header(first: Sequence[str], rows: Sequence[Sequence[str]], text_column: str | None) -> bool:
    """Return whether the first row is a header rather than a post."""
    if text_column is not None and fold(text_column) in map(fold, first):
        return True
    if any(map(is_known, first)) and not any(_is_sentence(cell) for cell in first):
        return True
    if len(first) == 1:
        return not _is_sentence(first[0])
    rigid = rigid_columns(rows, len(first))
    if rigid:
        return not fits(first, rigid)
    return not any(_is_sentence(cell) for cell in first)


def names_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[str]]:
    """Return unique names for the columns, and the names that several columns shared.

    Of columns with the same name, the one with the most words keeps it.
    """
    columns_of: dict[str, list[int]] = {}
    for column, name in enumerate(header):
        columns_of.setdefault(fold(name), []).append(column)
    names = [name.strip() or f"column {column}" for column, name in enumerate(header, 1)]
    repeated = []
    for folded, columns in columns_of.items():
        if folded and len(columns) > 1:
            repeated.append(header[columns[0]].strip())
            best = max(columns, key=lambda column: _words(rows, column))
            for column in columns:
                if column != best:
                    names[column] = f"{names[column]} (column {column + 1})"
    return names, repeated


def text_by_content(names: Sequence[str], rows: Sequence[Sequence[str]]) -> int | None:
    """Return the only column that clearly holds sentences, None if there is no such column."""
    words = {column: _words(rows, column) for column in range(len(names)) if _varies(rows, column)}
    ranked = sorted(words, key=lambda column: -words[column])
    if not ranked or words[ranked[0]] < _SENTENCE:
        return None
    if len(ranked) > 1 and words[ranked[0]] < _MARGIN * words[ranked[1]]:
        return None
    return ranked[0]


def holds_texts(rows: Sequence[Sequence[str]], column: int) -> bool:
    """Return whether a column may hold posts: not just numbers, dates, links or single words."""
    sorts = Counter(sort_of(row[column]) for row in rows if column < len(row))
    filled = sorts.total() - sorts[Sort.EMPTY]
    return not filled or sorts[Sort.TEXT] > 0.1 * filled


def is_count(rows: Sequence[Sequence[str]], column: int) -> bool:
    """Return whether a column that could be a flag holds counts: numbers greater than 1."""
    cells = [row[column].strip() for row in rows if column < len(row)]
    numbers = [float(cell) for cell in cells if cell.replace(".", "", 1).isdecimal()]
    filled = sum(1 for cell in cells if not is_nothing(cell))
    return len(numbers) == filled and any(number > 1 for number in numbers)


def _words(rows: Sequence[Sequence[str]], column: int) -> float:
    """Return the average number of words per cell of a column; links and dates have none."""
    cells = [row[column] for row in rows if column < len(row)]
    counts = [len(cell.split()) for cell in cells if sort_of(cell) in (Sort.TEXT, Sort.WORD)]
    return sum(counts) / max(1, len(cells))


def _varies(rows: Sequence[Sequence[str]], column: int) -> bool:
    cells = [row[column] for row in rows if column < len(row) and row[column].strip()]
    return len(set(cells)) >= _MIN_DISTINCT * len(cells)


def _is_sentence(cell: str) -> bool:
    marks = any(mark in cell for mark in (". ", "! ", "? ", "http", "@", "#", "…"))
    ends = cell.rstrip().endswith((".", "!", "?", "…"))
    return len(cell.split()) > _SENTENCE or ((marks or ends) and len(cell.split()) > 2)
