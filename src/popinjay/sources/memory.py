"""Posts in Python's memory: lists of texts, rows as dicts, Series, data frames, data sets.

They are recognised by what they offer, so that neither pandas nor datasets is imported. They become
JSON lines, and are read as a file of such lines is.
"""

from __future__ import annotations

import io
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, time
from os import PathLike
from pathlib import Path
from typing import IO, Any

from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.sources import Access, Findings
from popinjay.sources.files.byte_source import ByteSource
from popinjay.sources.files.json_file import JsonFile
from popinjay.sources.rows.columns import text_by_content
from popinjay.sources.rows.facts import text_key
from popinjay.sources.rows.keys import folded
from popinjay.sources.rows.row import Row

NAME = "memory"  # which the record has in place of a file's name
HELP = "in Python: popinjay.make(posts), with a list, Series, data frame or data set"
NEEDS = ""
_STEM = "posts"  # names no author: the persona's name does
_SAMPLE = 500  # rows that the text column is found in
_MAX_NAMES = 30  # columns named in a message
_MAX_FILES = 1_000  # names that are checked on the disk
_MAX_DEPTH = 40  # of lists in lists
_TAKES = "Give texts, rows such as {'text': ..., 'created_at': ...}, or a data frame."
_AGAIN = (
    "Give them again in Python: popinjay.make(posts, name=...). "
    "To train on those in the persona's folder: popinjay forget NAME --retrain"
)


class PostsInMemory(str):
    """A spec that carries its posts; as text it is "memory"."""

    kind: str  # the type of what was given, for messages
    data: bytes  # the posts as JSON lines
    sample: list[dict[str, Any]]  # the first of them

    def __new__(cls, kind: str, data: bytes, sample: list[dict[str, Any]]) -> PostsInMemory:
        """Return the spec of posts."""
        spec = super().__new__(cls, NAME)
        spec.kind = kind
        spec.data = data
        spec.sample = sample
        return spec


def spec_of(given: object) -> str:
    """Return the spec of a path, an account, or posts in memory, which are read now, once.

    Raises SpecError for what holds no posts. No message contains any of it.
    """
    if isinstance(given, str):
        return str(given)  # a numpy.str_ too
    if isinstance(given, PathLike):
        return str(Path(given))
    kind = type(given).__name__
    sample: list[dict[str, Any]] = []
    data = io.BytesIO()
    for row in _rows_of(given, kind):
        if len(sample) < _SAMPLE:
            sample.append(row)
        data.write(json.dumps(row, ensure_ascii=True).encode() + b"\n")
    if not sample:
        raise SpecError(f"This {kind} is empty.", _TAKES)
    _check_texts(sample, kind)
    return PostsInMemory(kind, data.getvalue(), sample)


def matches(spec: str) -> bool:
    """Match posts in memory, and what the record has in their place."""
    return isinstance(spec, PostsInMemory) or (spec == NAME and not Path(spec).exists())


def read(spec: str, options: CollectOptions, access: Access) -> JsonFile:
    """Open posts in memory. Raises SpecError if they are not there, or have no texts."""
    if not isinstance(spec, PostsInMemory):
        raise SpecError(
            "Posts that were in Python's memory can't be read from there again.", _AGAIN
        )
    return _Posts(_Lines(spec), replace(options, text_column=_text_column(spec, options)))


class _Posts(JsonFile):
    """The posts of one person in memory."""

    def _rows(self, findings: Findings) -> Iterator[Row]:
        yield from super()._rows(findings)
        findings.source = f"{self.label.removeprefix('this ')} in memory"


class _Lines(ByteSource):
    """Posts in memory as a file of JSON lines."""

    def __init__(self, spec: PostsInMemory) -> None:
        self.label = f"this {spec.kind}"
        self.name = "posts.jsonl"
        self.stem = _STEM
        self.encoding = "utf-8"
        self._data = spec.data

    def _open(self) -> IO[bytes]:
        return io.BytesIO(self._data)

    def _size(self) -> int:
        return len(self._data)


def _rows_of(given: Any, kind: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of anything that holds posts. Raises SpecError for anything else."""
    for item in _items_of(given, kind):
        if isinstance(item, str) or item is None:
            yield {"text": item}
        elif isinstance(item, Mapping):
            yield {str(key): _plain(value) for key, value in item.items()}
        elif hasattr(item, "to_json") and isinstance(row := item.to_json(), Mapping):  # a Post
            yield {str(key): _plain(value) for key, value in row.items()}
        elif isinstance(item, PathLike):
            raise _names_files(kind)
        elif _plain(item) is None:  # a Series has NaN for a missing text
            yield {"text": None}
        else:
            raise SpecError(
                f"This {kind} holds a {type(item).__name__} in place of a post.", _TAKES
            )


def _items_of(given: Any, kind: str) -> Iterable[Any]:
    """Return what to take for the posts, one after the other."""
    if isinstance(given, bytes | bytearray | memoryview) or not _is_iterable(given):
        raise SpecError(f"A {kind} is neither posts nor the name of a file.", _TAKES)
    if hasattr(given, "to_pylist"):  # of pyarrow
        return iter(given.to_pylist())
    if hasattr(given, "iter_rows"):  # of polars
        return iter(given.iter_rows(named=True))
    if hasattr(given, "itertuples") and hasattr(given, "columns"):  # of pandas
        names = [str(name) for name in given.columns]
        return (
            dict(zip(names, row, strict=True)) for row in given.itertuples(index=False, name=None)
        )
    if isinstance(given, Mapping):
        return _rows_of_columns(given, kind)
    return iter(given)


def _is_iterable(given: Any) -> bool:
    return hasattr(given, "__iter__") or hasattr(given, "__getitem__")


def _rows_of_columns(given: Mapping[Any, Any], kind: str) -> Iterable[dict[str, Any]]:
    """Return the rows of a dict with a list for each column; a dict of texts is a single row."""
    if any(hasattr(part, "column_names") for part in given.values()):
        raise SpecError(
            f"This {kind} holds several data sets: {_names(given)}.",
            "Give one of them, such as data['train'].",
        )
    columns = {
        name: list(column)
        for name, column in given.items()
        if _is_iterable(column) and not isinstance(column, str | bytes | Mapping)
    }
    if not columns:
        return [dict(given)]
    if len(columns) != len(given) or len({len(column) for column in columns.values()}) > 1:
        raise SpecError(f"The columns of this {kind} are not of one length.", _TAKES)
    return (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


def _plain(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON has it; NaN, NaT and their kind are None."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping) and depth < _MAX_DEPTH:
        return {str(key): _plain(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list | tuple) and depth < _MAX_DEPTH:
        return [_plain(part, depth + 1) for part in value]
    try:
        if value != value:  # NaN and NaT are unlike themselves
            return None
    except (TypeError, ValueError):  # pandas.NA can't be compared, arrays have many answers
        return _plain(value.tolist(), depth + 1) if hasattr(value, "tolist") else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date | time):
        return value.isoformat()
    if hasattr(value, "item"):  # of numpy
        return _plain(value.item(), depth + 1) if depth < _MAX_DEPTH else None
    return str(value)


def _check_texts(sample: list[dict[str, Any]], kind: str) -> None:
    """Raise SpecError if the texts are names of files."""
    texts = [row.get("text") for row in itertools.islice(sample, _MAX_FILES)]
    if all(isinstance(text, str) and 0 < len(text) < 200 and _is_there(text) for text in texts):
        raise _names_files(kind)


def _is_there(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False


def _names_files(kind: str) -> SpecError:
    return SpecError(
        f"This {kind} holds names of files in place of posts.",
        "Give each file as an argument of its own: popinjay.make(*files)",
    )


def _text_column(spec: PostsInMemory, options: CollectOptions) -> str | None:
    """Return the column with the texts, found as in tables; None if its name is a usual one."""
    named = folded({key: value for row in reversed(spec.sample) for key, value in row.items()})
    if text_key(named, options.text_column):
        return options.text_column
    names = list(dict.fromkeys(key for row in spec.sample for key in row))
    if options.text_column is None:
        rows = [[_cell(row.get(name)) for name in names] for row in spec.sample]
        found = text_by_content(names, rows)
        if found is not None:
            return names[found]
        if any(isinstance(cell, dict | list) for row in spec.sample for cell in row.values()):
            return None  # rows may lie within rows, as in files of JSON
    missing = (
        f"no column {options.text_column!r}"
        if options.text_column
        else "no column that is plainly the text"
    )
    raise SpecError(
        f"This {spec.kind} has {missing}; it has: {_names(names)}.",
        "Name the column: text_column='...'",
    )


def _cell(value: Any) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _names(names: Iterable[Any]) -> str:
    return ", ".join(str(name) for name in itertools.islice(names, _MAX_NAMES)) or "none"
