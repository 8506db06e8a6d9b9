"""The report of a persona's folder, as a page; and other reports to hold it against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from popinjay.errors import PersonaError
from popinjay.post import read_authors, read_json, read_rows
from popinjay.report.charts import Side, length_counts
from popinjay.report.html import render
from popinjay.store.run import PREVIOUS_REPORT, Run

PREVIOUS = "previous"  # what a user types for what the persona was before its last training


def load_report(run: Run) -> dict[str, Any]:
    """What was measured. Raises PersonaError where nothing was yet."""
    if not run.file("report.json").exists():
        raise PersonaError(
            f"{run.name!r} has not been measured yet.",
            f"See how far it is: popinjay status {run.name}. Making it again goes on from there.",
        )
    found: dict[str, Any] = read_json(run.file("report.json"))
    return found


def other_report(run: Run, other: str, home_folder: Path | None = None) -> Side:
    """Another persona's report, or this one's from before its last training. Raises PersonaError where there is none."""
    if other != PREVIOUS:
        found = Run.find(other, home_folder)
        return Side(found.name, load_report(found))
    if not run.file(PREVIOUS_REPORT).exists():
        raise PersonaError(
            f"{run.name!r} has no report from before its last training.",
            "One is kept when it is trained anew. Or name another persona.",
        )
    return Side(f"{run.name} before", read_json(run.file(PREVIOUS_REPORT)))


def page_of(
    run: Run,
    find: Callable[[str], Path] | None = None,
    *,
    to_share: bool = False,
    against: Side | None = None,
) -> str:
    """`report.html` of a persona that was measured; `to_share` without a post of the author's. `find` says where its files are."""
    find = find or run.file
    real = [row["text"] for row in read_rows(find("held_out.jsonl"))]
    return render(
        read_json(find("report.json")),
        list(read_rows(find("metrics.jsonl"))),
        name=run.name,
        people=" & ".join(
            author.name or author.handle for author in read_authors(find("authors.json"))
        ),
        written=[row["text"] for row in read_rows(find("samples.jsonl"))],
        real=None if to_share else real,
        real_lengths=length_counts(real),
        against=against,
    )
