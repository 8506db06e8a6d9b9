"""The report as a table for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from popinjay.metrics.measure import AUTHOR, BASE, MARKOV, PERSONA, Label
from popinjay.metrics.two_sample_test import EARLIER
from popinjay.report import labels
from popinjay.report.labels import BITS, BITS_TITLE, SOURCES, shown
from popinjay.report.schema import Report

if TYPE_CHECKING:
    from rich.table import Table

CONTROLS = (AUTHOR, BASE, MARKOV)  # columns beside the persona
WIDE = 118  # characters of a terminal that has room for intervals

Cell = Callable[[Report, str], str]  # from a report and a source to what the table shows


def report_table(
    name: str, report: Report, other: tuple[str, Report] | None = None, *, width: int = WIDE
) -> Table:
    """Return a table of the persona's numbers beside those of its controls.

    Args:
        name: The persona.
        report: Its report.
        other: The name and the report of another one, to stand beside it.
        width: Characters of the terminal; intervals are left out if it is narrow.
    """
    from rich.table import Table

    reports = [(name, report), *([other] if other else [])]
    has_intervals = width >= WIDE + 20 * (len(reports) - 1)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", overflow="fold")
    for title in (*(title for title, _ in reports), *(SOURCES[source] for source in CONTROLS)):
        table.add_column(title, justify="right", overflow="fold")
    for group, rows in _groups(report, intervals=has_intervals):
        table.add_row(group, style="bold")
        for title, cell in rows:
            personas = [cell(one, PERSONA) for _, one in reports]
            table.add_row(f"  {title}", *personas, *(cell(report, one) for one in CONTROLS))
    return table


def table_rows(report: Report) -> Iterator[dict[str, str]]:
    """Yield the rows of the table, each with its metric, its title and a cell for each source."""
    for group, rows in _groups(report, intervals=False):
        for title, cell in rows:
            cells = {source: cell(report, source) for source in (PERSONA, *CONTROLS)}
            yield {"metric": group, "number": title, **cells}


def closing_lines(report: Report) -> Iterator[str]:
    """Yield what stands under the table: counts, the course of training, and notes."""
    posts = report.posts
    if None not in (posts.samples, posts.held_out, posts.train):
        yield (
            f"{posts.samples:,} posts written, {posts.held_out:,} of the author's held out, "
            f"{posts.train:,} learnt. The page has plots and 95% intervals."
        )
    if earlier := report.measure("told_apart").get(EARLIER):
        found = shown(earlier, labels.label("told_apart").format)
        yield f"The author's newest posts against older ones: told apart {found}."
    if training := report.training:
        yield (
            f"Training: {training.steps:,} steps, step {training.best_step:,} kept; it ended "
            f"because {training.why}."
        )
    yield from (f"Note: {note}" for note in report.notes)


def _groups(report: Report, *, intervals: bool) -> Iterator[tuple[str, Sequence[tuple[str, Cell]]]]:
    """Yield the heading of each metric, and its rows.

    Rows without any control are left out: there is nothing to compare the persona's number with.
    """
    yield BITS_TITLE, [(BITS.title, _bits)]
    for name, measure in report.measures.items():
        rows = [
            (row.title, _reader(name, row, intervals=intervals))
            for row in labels.rows(name, measure)
            if any(measure.get(source, row.key) for source in CONTROLS)
        ]
        if rows:
            yield labels.title(name), rows


def _reader(name: str, label: Label, *, intervals: bool) -> Cell:
    def read(report: Report, source: str) -> str:
        found = report.measure(name).get(source, label.key)
        return shown(found, label.format, interval=intervals) if found else ""

    return read


def _bits(report: Report, source: str) -> str:
    found = report.bits_per_byte.of(source).get(BITS.key)
    return "" if found is None else f"{found:.3f}"
