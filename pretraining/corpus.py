"""The corpus: general documents, and posts by author, cleaned as a persona's are."""

from __future__ import annotations

import hashlib
import json
import lzma
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILES = ("general.txt.xz", "posts.jsonl.xz")
# Never trained on: they stand for authors that the base has not seen.
HELD_OUT_AUTHORS = ("number10gov", "rthon_johnkey", "queennoor")
# Those who write mainly in English.
ENGLISH_AUTHORS = frozenset(
    [
        "amamambabazi",
        "drwaheedh",
        "eucopresident",
        "ilvestoomas",
        "jdmahama",
        "jmdbarroso",
        "jmkikwete",
        "medvedevrussiae",
        "noynoyaquino",
        "number10gov",
        "pmoindia",
        "putinrf_eng",
        "queennoor",
        "rthon_johnkey",
        "samiralrifai",
        "stephenharper",
    ]
)


@dataclass(frozen=True)
class Corpus:
    """The texts for training, and those for validation only."""

    general: list[str]
    general_validation: list[str]
    posts: dict[str, list[str]]  # by author
    posts_validation: dict[str, list[str]]


def read(folder: Path, seed: int) -> Corpus:
    """Read the corpus files in a folder and shuffle the documents.

    A two-hundredth of the documents and three authors are held out.
    """
    general = list(documents(folder / "general.txt.xz"))
    random.Random(seed).shuffle(general)
    cut = len(general) - len(general) // 200
    posts = posts_by_author(folder / "posts.jsonl.xz")
    held_out = {name: posts.pop(name) for name in HELD_OUT_AUTHORS}
    return Corpus(general[:cut], general[cut:], posts, held_out)


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each corpus file."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}


def documents(path: Path) -> Iterator[str]:
    """Yield the documents of a file, which blank lines separate."""
    lines: list[str] = []
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip():
                lines.append(line)
            elif lines:
                yield "".join(lines).strip()
                lines = []
    if lines:
        yield "".join(lines).strip()


def posts_by_author(path: Path) -> dict[str, list[str]]:
    """Read a file of `{"author", "text"}` lines; return the posts by author, without links.

    Posts that had nothing else are dropped.
    """
    authors: dict[str, list[str]] = defaultdict(list)
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if text := without_links(row["text"]):
                authors[row["author"]].append(text)
    return dict(authors)


def without_links(text: str) -> str:
    """Return a post on one line, without its links."""
    return " ".join(word for word in text.split() if "http" not in word)
