"""The report as a table for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

Report = Mapping[str, Any]
COLUMNS = {
    "author": "the author",
    "base": "base",
    "markov": "Markov chain",
}  # beside the persona, by their name in the report
COPYING = {
    "exact": "copies whole posts",
    "run": "repeats eight words",
    "near": "nearly says the same",
    "longest": "longest run it shares",
}
NAMES = {
    "handles": "handles the author never used",
    "of_base": "names only its base writes",
}
VARIETY = {
    "distinct_1": "different words",
    "distinct_2": "different pairs",
    "distinct_3": "different triples",
    "self_bleu": "self-BLEU",
    "repeats": "said before",
}


WIDE = 118  # characters of a terminal that has room for intervals


def report_table(
    name: str, report: Report, other: tuple[str, Report] | None = None, *, width: int = WIDE
) -> Table:
    """Every number, with its interval where there is room; two personas side by side where there is another."""
    from rich.table import Table

    reports = [(name, report), *([other] if other else [])]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", overflow="fold")
    for title in (*(title for title, _ in reports), *COLUMNS.values()):
        table.add_column(title, justify="right", overflow="fold")
    for group, rows in _groups(
        list(report["habits"]["persona"]), intervals=width >= WIDE + 20 * (len(reports) - 1)
    ):
        table.add_row(group, style="bold")
        for label, find in rows:
            cells = [find(one, "persona") for _, one in reports] + [
                find(report, source) for source in COLUMNS
            ]
            table.add_row(f"  {label}", *cells)
    return table


Row = tuple[str, Callable[[Report, str], str]]


def _groups(habits: Sequence[str], *, intervals: bool) -> Iterator[tuple[str, Sequence[Row]]]:
    """The rows under their headings."""
    percent = _shown("{:.1%}", intervals=intervals)
    plain = _shown("{:.2f}", intervals=intervals)
    yield "How well it foresees the author", [("bits per byte, less is better", _bits)]
    apart = [
        ("told apart: AUC, 0.5 is chance", _reader("told_apart", plain)),
        ("taken for the author", _reader("taken_for", percent)),
    ]
    yield "Does it sound like the author?", apart
    yield (
        "Does it copy?",
        [(label, _reader("copying", percent, key)) for key, label in COPYING.items()],
    )
    yield (
        "Does it name strangers?",
        [(label, _reader("names", percent, key)) for key, label in NAMES.items()],
    )
    yield (
        "Does it repeat itself?",
        [(label, _reader("variety", "{:.3f}".format, key)) for key, label in VARIETY.items()],
    )
    yield (
        "Habits: distance from the author's",
        [(key, _reader("habits", plain, key)) for key in habits],
    )


def _reader(
    measure: str, show: Callable[[Any], str], key: str | None = None
) -> Callable[[Report, str], str]:
    def read(report: Report, source: str) -> str:
        found = report.get(measure, {}).get(source)
        if found is not None and key is not None:
            found = found.get(key)
        return "" if found is None else show(found)

    return read


def _bits(report: Report, source: str) -> str:
    found = report["bits_per_byte"].get(source)
    return f"{found['all']:.3f}" if found else ""


def _shown(form: str, *, intervals: bool) -> Callable[[Mapping[str, float]], str]:
    whole = f"{form} ({form}–{form})"
    return lambda found: (
        whole.format(found["value"], found["low"], found["high"])
        if intervals
        else form.format(found["value"])
    )
