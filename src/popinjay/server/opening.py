"""What a persona's page opens with: posts that it wrote, and how to begin others."""

from __future__ import annotations

import functools
import itertools
import random
from pathlib import Path

from popinjay.options import SayOptions
from popinjay.persona import Persona
from popinjay.post import printable, read_rows
from popinjay.stages.picture import usual_prompts
from popinjay.store.run import Run
from popinjay.text.beginnings import beginnings

POSTS = 10
OWN_BEGINNINGS = 4  # of the author's, beside the usual ones
MAX_READ = 20_000  # posts that beginnings are counted in


def written_posts(run: Run, count: int = POSTS) -> list[str]:
    """Return posts that the persona wrote when it was measured, unpicked, other ones every time.

    They were written without filters, so what would not be shown now is left out. None are
    returned if it was trained again since.
    """
    if not _are_of_this_model(run):
        return []
    options = SayOptions()
    rows = list(read_rows(run.file("samples.jsonl")))
    random.shuffle(rows)
    filters = Persona(run).filters
    verdicts = (
        filters.judge(printable(str(row["text"])), bool(row["finished"]), "", options)
        for row in rows
    )
    shown = (verdict.text for verdict in verdicts if verdict.rejection is None)
    return list(itertools.islice(shown, count))


def _are_of_this_model(run: Run) -> bool:
    trained, measured = run.record.made("train"), run.record.made("evaluate")
    return (
        trained is not None
        and measured is not None
        and measured.needs.get("model") == (trained.makes or {}).get("model")
        and run.file("samples.jsonl").is_file()
    )


def prompts(run: Run) -> list[str]:
    """Return beginnings to choose from: the usual ones, and those that the author often used."""
    usual = usual_prompts(run)
    own = _own_beginnings(run.file("train.jsonl"))
    known = {text.casefold() for text in usual}
    return [*usual, *(text for text in own if text.casefold() not in known)]


def _own_beginnings(posts: Path) -> tuple[str, ...]:
    try:
        stat = posts.stat()
    except OSError:
        return ()
    return _counted(posts, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=256)
def _counted(posts: Path, changed: int, size: int) -> tuple[str, ...]:
    """Return the beginnings of a file; `changed` and `size` tell its versions apart."""
    rows = itertools.islice(read_rows(posts), MAX_READ)
    return tuple(beginnings((printable(str(row["text"])) for row in rows), OWN_BEGINNINGS))
