"""Which column of a table is what: by its name, however it is spelled, and by what it holds."""

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
_SENTENCE = 4  # words, on average, in a column of texts
_PLAIN = 2  # times as many words as in the next column make a column plainly the text
_FEW_DIFFERENT = 0.5  # share of different cells: fewer are labels


def is_known(name: str) -> bool:
    """Whether a cell is a usual name of a column."""
    return fold(name) in _KNOWN or fold(name) in _MORE_KNOWN


def is_text_name(name: str) -> bool:
    """Whether a cell is a usual name of the column with the texts."""
    return fold(name) in TEXTS


def is_header(first: Sequence[str], rows: Sequence[Sequence[str]], asked: str | None) -> bool:
    """Whether the first row names the columns, rather than being a post itself."""
    if asked is not None and fold(asked) in map(fold, first):
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
    """Return a name of its own for each column, and the names that several columns had.

    Of columns of one name the one keeps it that holds most words.
    """
    places: dict[str, list[int]] = {}
    for column, name in enumerate(header):
        places.setdefault(fold(name), []).append(column)
    names = [name.strip() or f"column {column}" for column, name in enumerate(header, 1)]
    twice = []
    for folded, columns in places.items():
        if folded and len(columns) > 1:
            twice.append(header[columns[0]].strip())
            best = max(columns, key=lambda column: _words(rows, column))
            for column in columns:
                if column != best:
                    names[column] = f"{names[column]} (column {column + 1})"
    return names, twice


def text_by_content(names: Sequence[str], rows: Sequence[Sequence[str]]) -> int | None:
    """Return the column that plainly holds sentences, none of the others doing so; or None."""
    words = {column: _words(rows, column) for column in range(len(names)) if _varies(rows, column)}
    ranked = sorted(words, key=lambda column: -words[column])
    if not ranked or words[ranked[0]] < _SENTENCE:
        return None
    if len(ranked) > 1 and words[ranked[0]] < _PLAIN * words[ranked[1]]:
        return None
    return ranked[0]


def holds_texts(rows: Sequence[Sequence[str]], column: int) -> bool:
    """Whether a column may hold posts: not just numbers, dates, links or single words."""
    sorts = Counter(sort_of(row[column]) for row in rows if column < len(row))
    filled = sorts.total() - sorts[Sort.EMPTY]
    return not filled or sorts[Sort.TEXT] > 0.1 * filled


def is_count(rows: Sequence[Sequence[str]], column: int) -> bool:
    """Whether a column that could say yes or no holds numbers beyond 1: how often, not whether."""
    cells = [row[column].strip() for row in rows if column < len(row)]
    numbers = [float(cell) for cell in cells if cell.replace(".", "", 1).isdecimal()]
    filled = sum(1 for cell in cells if not is_nothing(cell))
    return len(numbers) == filled and any(number > 1 for number in numbers)


def _words(rows: Sequence[Sequence[str]], column: int) -> float:
    """Return how many words a cell of this column has on average; links and dates have none."""
    cells = [row[column] for row in rows if column < len(row)]
    counts = [len(cell.split()) for cell in cells if sort_of(cell) in (Sort.TEXT, Sort.WORD)]
    return sum(counts) / max(1, len(cells))


def _varies(rows: Sequence[Sequence[str]], column: int) -> bool:
    cells = [row[column] for row in rows if column < len(row) and row[column].strip()]
    return len(set(cells)) >= _FEW_DIFFERENT * len(cells)


def _is_sentence(cell: str) -> bool:
    marks = any(mark in cell for mark in (". ", "! ", "? ", "http", "@", "#", "…"))
    ends = cell.rstrip().endswith((".", "!", "?", "…"))
    return len(cell.split()) > _SENTENCE or ((marks or ends) and len(cell.split()) > 2)
