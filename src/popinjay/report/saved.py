"""The report in a persona's folder, its page, and other reports to compare it with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from popinjay.errors import PersonaError
from popinjay.post import read_authors, read_rows
from popinjay.report.charts import Side, length_counts
from popinjay.report.html import Content, fragment, render
from popinjay.report.schema import Report
from popinjay.store.run import PREVIOUS_REPORT, Run

PREVIOUS = "previous"  # what a user types for the persona as it was before its last training


def load_report(run: Run) -> Report:
    """Read what was measured. Raises PersonaError if nothing was yet."""
    if not run.file("report.json").exists():
        raise PersonaError(
            f"{run.name!r} has not been measured yet.",
            f"See how far it is: popinjay status {run.name}. Making it again goes on from there.",
            page_hint="Make it again from the same posts: it goes on from there.",
        )
    return _with_authors(Report.load(run.file("report.json")), run.file("authors.json"))


def _with_authors(report: Report, authors: Path) -> Report:
    """Return the report with the authors' names, which those of earlier versions do not have."""
    if report.authors or not authors.exists():
        return report
    return replace(report, authors=tuple(author.title for author in read_authors(authors)))


def other_report(run: Run, other: str, home_folder: Path | None = None) -> Side:
    """Read another persona's report, or this one's from before its last training.

    Raises PersonaError if there is none.
    """
    if other != PREVIOUS:
        found = Run.find(other, home_folder)
        return Side(found.name, load_report(found))
    if not run.file(PREVIOUS_REPORT).exists():
        raise PersonaError(
            f"{run.name!r} has no report from before its last training.",
            "One is kept when it is trained again. Or name another persona.",
        )
    previous = _with_authors(Report.load(run.file(PREVIOUS_REPORT)), run.file("authors.json"))
    return Side(f"{run.name} before", previous)


def page_of(
    run: Run,
    find: Callable[[str], Path] | None = None,
    *,
    to_share: bool = False,
    against: Side | None = None,
) -> str:
    """Return `report.html` of a persona that was measured; the arguments are `content_of`'s."""
    return render(content_of(run, find, to_share=to_share, against=against))


def fragment_of(
    run: Run, find: Callable[[str], Path] | None = None, *, against: Side | None = None
) -> str:
    """Return the content of `report.html`, for a shadow root of another page (see `html`)."""
    return fragment(content_of(run, find, against=against))


def content_of(
    run: Run,
    find: Callable[[str], Path] | None = None,
    *,
    to_share: bool = False,
    against: Side | None = None,
) -> Content:
    """Return what the page of a persona that was measured is about.

    Args:
        run: The persona.
        find: Where its files are, by default in its folder.
        to_share: Whether to leave out every post of the author's.
        against: Another report, to stand beside this one.
    """
    find = find or run.file
    real = [row["text"] for row in read_rows(find("held_out.jsonl"))]
    samples = list(read_rows(find("samples.jsonl")))
    report = _with_authors(Report.load(find("report.json")), find("authors.json"))
    side = Side(
        run.name,
        report,
        list(read_rows(find("metrics.jsonl"))),
        [row["text"] for row in samples],
    )
    return Content(
        side,
        report.authors,
        posts=[row["shown"] for row in samples if row.get("shown")],
        real=None if to_share else real,
        real_lengths=length_counts(real),
        against=against,
    )
