"""Read posts from files and accounts, and write tables to read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from popinjay import sources
from popinjay.options import CollectOptions
from popinjay.post import Post
from popinjay.sources import Reading


def read(path: Path, **options: Any) -> tuple[list[Post], Reading]:
    """Return the posts of a file or folder, and its reading."""
    reading = sources.read(str(path), CollectOptions(**options))
    return list(reading.posts()), reading


def fetch(reading: Reading, folder: Path) -> tuple[list[Post], Reading]:
    """Return the posts of an account after an update in the folder, and its reading."""
    reading.fetch(folder, lambda author, id: False)
    return list(reading.posts()), reading


def texts(posts: Iterable[Post]) -> list[str]:
    """Return the texts of posts."""
    return [post.text for post in posts]


def table(rows: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    """Return rows as CSV."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()
