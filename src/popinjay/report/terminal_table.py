"""The report as a table for the terminal: ten rows in plain words, or every number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from popinjay.metrics.measure import AUTHOR, BASE, MARKOV, PERSONA, Label
from popinjay.metrics.two_sample_test import EARLIER
from popinjay.report import labels
from popinjay.report.labels import BITS, BITS_TITLE, SOURCES, UNKNOWN, shown
from popinjay.report.schema import Report

if TYPE_CHECKING:
    from rich.table import Table

CONTROLS = (AUTHOR, BASE, MARKOV)  # columns beside the persona
WIDE = 118  # characters of a terminal that has room for intervals
COIN = "Told from the author's posts: 50% is a coin toss, and less than that is luck as well."

Cell = Callable[[Report, str], str]  # from a report and a source to what the table shows
Group = tuple[str, Sequence[tuple[str, Cell]]]  # a heading, empty for none, and its rows


def report_table(
    name: str,
    report: Report,
    other: tuple[str, Report] | None = None,
    *,
    width: int = WIDE,
    everything: bool = False,
) -> Table:
    """Return a table of the persona's numbers beside those of its controls.

    Args:
        name: The persona.
        report: Its report.
        other: The name and the report of another one, to stand beside it.
        width: Characters of the terminal; intervals are left out if it is narrow.
        everything: Whether to show every number, with intervals, instead of the ten that say most.
    """
    from rich.table import Table

    reports = [(name, report), *([other] if other else [])]
    has_intervals = width >= WIDE + 20 * (len(reports) - 1)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", overflow="fold")
    for title in (*(title for title, _ in reports), *(SOURCES[source] for source in CONTROLS)):
        table.add_column(title, justify="right", overflow="fold")
    groups = _groups(report, has_intervals) if everything else _plain(report)
    for group, rows in groups:
        if group:
            table.add_row(group, style="bold")
        for title, cell in rows:
            personas = [cell(one, PERSONA) for _, one in reports]
            controls = [cell(report, one) for one in CONTROLS]
            table.add_row(f"  {title}" if group else title, *personas, *controls)
    return table


def table_rows(report: Report) -> Iterator[dict[str, str]]:
    """Yield the rows of the table, each with its metric, its title and a cell for each source."""
    for group, rows in _groups(report, intervals=False):
        for title, cell in rows:
            cells = {source: cell(report, source) for source in (PERSONA, *CONTROLS)}
            yield {"metric": group, "number": title, **cells}


def closing_lines(
    name: str, report: Report, other: str | None = None, *, everything: bool = False
) -> Iterator[str]:
    """Yield what stands under the table: how to read it, counts, the training, and notes.

    Args:
        name: The persona.
        report: Its report.
        other: The name of the one beside it, if there is one.
        everything: Whether the table shows every number.
    """
    if other:
        yield f"The author, the base model and the Markov chain are those of {name}."
    told_apart = report.measure("told_apart")
    if told_apart.get(PERSONA):
        yield COIN
    if earlier := told_apart.get(EARLIER):
        found = shown(earlier, labels.label("told_apart").format, interval=everything)
        yield (
            "Two controls: the author's number in that row is for two halves of the held-out "
            f"posts; the held-out posts are told from those it learnt {found}."
        )
    posts = report.posts
    if None not in (posts.samples, posts.held_out, posts.train):
        yield (
            f"{posts.samples:,} posts written, {posts.held_out:,} of the author's held out, "
            f"{posts.train:,} learnt."
        )
    if everything and (training := report.training):
        yield (
            f"Training: {training.steps:,} steps, step {training.best_step:,} kept; it ended "
            f"because {training.why}."
        )
    yield from (f"Note: {note}" for note in report.notes)
    if not everything:
        yield f"Every number: popinjay report {name} --all"


def _plain(report: Report) -> Iterator[Group]:
    """Yield the rows that say most, without headings; unknown numbers are shown as such."""
    yield (
        "",
        [
            (row.plain, _or_unknown(_reader(name, row, intervals=False)))
            for name, measure in report.measures.items()
            for row in labels.rows(name, measure)
            if row.plain
        ],
    )


def _groups(report: Report, intervals: bool) -> Iterator[Group]:
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


def _or_unknown(cell: Cell) -> Cell:
    return lambda report, source: cell(report, source) or UNKNOWN


def _bits(report: Report, source: str) -> str:
    found = report.bits_per_byte.of(source).get(BITS.key)
    return "" if found is None else f"{found:.3f}"
