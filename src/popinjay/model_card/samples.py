"""The posts that a card shows: the first ones that were written to be measured, unselected.

They pass the same filters as all posts that people are shown, so none repeats a post or holds
personal data. Nobody chooses among those that pass: how many did not is on the card.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popinjay.post import one_line, read_rows
from popinjay.sampling.filters import OutputFilters
from popinjay.store.run import Run

SHOWN = 10


@dataclass(frozen=True)
class Excerpt:
    """Some posts that a model wrote, in the order of writing.

    Attributes:
        posts: The posts that pass the filters.
        left_out: How many between them do not.
    """

    posts: Sequence[str] = ()
    left_out: int = 0


def excerpt(run: Run, samples: Path, trained_on: Path) -> Excerpt:
    """Return the first posts of `samples.jsonl` that may be shown.

    Args:
        run: The persona.
        samples: The file of generated posts.
        trained_on: The file of the posts that the model learnt from.
    """
    return first_shown(read_rows(samples), OutputFilters.of_run(run, trained_on))


def first_shown(rows: Iterable[dict[str, Any]], filters: OutputFilters) -> Excerpt:
    """Return the first ten posts that pass the filters; handles of strangers are masked."""
    posts: list[str] = []
    left_out = 0
    for row in rows:
        shown = filters.shown(one_line(str(row["text"])), bool(row["finished"]))
        if shown is None:
            left_out += 1
        else:
            posts.append(shown)
        if len(posts) == SHOWN:
            break
    return Excerpt(tuple(posts), left_out)
