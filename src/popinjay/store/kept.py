"""Generated posts that the user kept, and which of them repeat what is forgotten.

No stage makes `kept.jsonl`, so `make` never removes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from popinjay.errors import PersonaError
from popinjay.store.files import append_json_line, atomic_write, storage_errors
from popinjay.store.journal import finish
from popinjay.store.run import RECORD, Run
from popinjay.text.verbatim_index import VerbatimIndex
from popinjay.text.words import words

FILE = "kept.jsonl"


def keep(run: Run, row: Mapping[str, Any]) -> None:
    """Add a line, with the time in UTC, to the second.

    Raises PersonaError if the persona is gone, PersonaBusy if another process is changing it, and
    StorageError if the line can't be written.
    """
    if not run.file(RECORD).is_file():
        raise PersonaError(f"{run.name!r} is not there any more.", "It was removed meanwhile.")
    with run.locked():
        finish(run)
        path = run.file(FILE)
        with storage_errors(str(path)):
            time = datetime.now(UTC).isoformat(timespec="seconds")
            append_json_line(path, {**row, "time": time})


def remove(run: Run, id: str) -> bool:
    """Remove the first line with this `line_id`; return whether there was one.

    Raises PersonaBusy if another process is changing the persona, and StorageError if the file
    can't be written.
    """
    with run.locked():
        finish(run)
        path = run.file(FILE)
        found = lines(run) if path.is_file() else []
        place = next((place for place, line in enumerate(found) if line_id(line) == id), None)
        if place is None:
            return False
        with storage_errors(str(path)):
            atomic_write(path, "".join(found[:place] + found[place + 1 :]))
    return True


def line_id(line: str) -> str:
    """Return what a line is known by as long as its content stays the same."""
    return hashlib.sha256(line.strip().encode("utf-8", "replace")).hexdigest()[:16]


def rows(run: Run) -> Iterator[dict[str, Any]]:
    """Yield the kept posts; lines that were edited into something else are skipped."""
    for line in lines(run):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("text"), str):
            yield row


def lines(run: Run) -> list[str]:
    """Return the lines of kept posts, each with its newline; blank lines are skipped."""
    with run.file(FILE).open(encoding="utf-8", errors="replace") as file:
        return [line.rstrip("\n") + "\n" for line in file if line.strip()]


def repeating_none(lines: Sequence[str], texts: Iterable[str]) -> list[str]:
    """Return the lines that repeat none of these texts."""
    repeats = repeating(texts)
    return [line for line in lines if not repeats(_text(line))]


def repeating(texts: Iterable[str]) -> Callable[[str], bool]:
    """Return a function that tells whether a text repeats one of these.

    It does if it is the same, contains all of one, or eight words of it in a row.
    """
    said = {text.strip() for text in texts}
    index = VerbatimIndex(text for text in said if words(text))  # without words all are the same
    return lambda text: text.strip() in said or index.is_copied(text) or index.is_around(text)


def _text(line: str) -> str:
    """Return the text of a line; the line itself if it was edited into something else."""
    try:
        return str(json.loads(line)["text"])
    except (ValueError, KeyError, TypeError):
        return line
