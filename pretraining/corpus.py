"""The corpus: general documents, and posts by author as a persona's cleaning would leave them."""

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
HELD_OUT_AUTHORS = (
    "number10gov",
    "rthon_johnkey",
    "queennoor",
)  # never trained on: they stand for the stranger
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
)  # mainly English


@dataclass(frozen=True)
class Corpus:
    """What is trained on, and what only validates."""

    general: list[str]
    general_validation: list[str]
    posts: dict[str, list[str]]  # by author
    posts_validation: dict[str, list[str]]


def read(folder: Path, seed: int) -> Corpus:
    """The corpus files in a folder, documents shuffled, a two-hundredth of them and three authors held out."""
    general = list(documents(folder / "general.txt.xz"))
    random.Random(seed).shuffle(general)
    cut = len(general) - len(general) // 200
    posts = posts_by_author(folder / "posts.jsonl.xz")
    held_out = {name: posts.pop(name) for name in HELD_OUT_AUTHORS}
    return Corpus(general[:cut], general[cut:], posts, held_out)


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each corpus file."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}


def documents(path: Path) -> Iterator[str]:
    """Documents parted by a blank line, one at a time."""
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
    """`{"author", "text"}` a line; links left out, posts that were nothing else dropped."""
    authors: dict[str, list[str]] = defaultdict(list)
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if text := without_links(row["text"]):
                authors[row["author"]].append(text)
    return dict(authors)


def without_links(text: str) -> str:
    """A post on one line, without its links."""
    return " ".join(word for word in text.split() if "http" not in word)
