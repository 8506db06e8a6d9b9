"""Posts that somebody kept of what a persona said, and which of them repeat what is forgotten. No stage makes `kept.jsonl`, so no making removes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from popinjay.errors import PersonaError
from popinjay.store.files import append_json_line, storage_errors
from popinjay.store.journal import finish
from popinjay.store.run import RECORD, Run
from popinjay.text.verbatim_index import VerbatimIndex
from popinjay.text.words import words

FILE = "kept.jsonl"


def keep(run: Run, row: Mapping[str, Any]) -> None:
    """Add a line, whole or not at all.

    Raises PersonaError where the persona is gone, PersonaBusy where another process is changing it, StorageError where the disk refuses.
    """
    if not run.file(RECORD).is_file():
        raise PersonaError(f"{run.name!r} is not there any more.", "It was removed meanwhile.")
    with run.locked():
        finish(run)
        path = run.file(FILE)
        with storage_errors(str(path)):
            append_json_line(path, row)


def lines(run: Run) -> list[str]:
    """The lines of kept posts, each with its end, also where somebody's editor left something else between them."""
    with run.file(FILE).open(encoding="utf-8", errors="replace") as file:
        return [line.rstrip("\n") + "\n" for line in file if line.strip()]


def repeating_none(lines: Sequence[str], texts: Iterable[str]) -> list[str]:
    """The lines that repeat none of these texts: say the same, hold the whole of it, or eight words of it in a row."""
    said = {text.strip() for text in texts}
    copies = VerbatimIndex(
        text for text in said if words(text)
    )  # those of signs alone would all be one
    return [
        line
        for line in lines
        if not (
            (text := _text(line)).strip() in said
            or copies.is_copied(text)
            or copies.is_around(text)
        )
    ]


def _text(line: str) -> str:
    """What a line of kept posts says; the line itself where somebody changed it into something else."""
    try:
        return str(json.loads(line)["text"])
    except (ValueError, KeyError, TypeError):
        return line
