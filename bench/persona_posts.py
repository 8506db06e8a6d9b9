"""The posts of a persona's author, which those that it writes are measured against."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from popinjay.post import read_posts, read_rows
from popinjay.text.verbatim_index import VerbatimIndex


class PersonaPosts:
    """The posts that a persona in a folder learnt, and those that were held out."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.training = [row["text"] for row in read_rows(folder / "train.jsonl")]
        self.held_out = [post.text for post in read_posts(folder / "held_out.jsonl")]

    @cached_property
    def copies(self) -> VerbatimIndex:
        """The training posts, to find copies."""
        return VerbatimIndex(self.training)
