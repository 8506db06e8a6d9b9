"""The report as a table for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

Report = Mapping[str, Any]
COLUMNS = {"author": "the author", "base": "base", "markov": "Markov chain"}  # beside the persona, by their name in the report
COPYING = {"exact": "copies whole posts", "run": "repeats eight words", "near": "nearly says the same", "longest": "longest run it shares"}
VARIETY = {
    "distinct_1": "different words",
    "distinct_2": "different pairs",
    "distinct_3": "different triples",
    "self_bleu": "self-BLEU",
    "repeats": "said before",
}


def report_table(name: str, report: Report, other: tuple[str, Report] | None = None) -> Table:
    """Every number with its interval; two personas side by side where there is another."""
    from rich.table import Table

    reports = [(name, report), *([other] if other else [])]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", overflow="fold")
    for title in (*(title for title, _ in reports), *COLUMNS.values()):
        table.add_column(title, justify="right", overflow="fold")
    for group, rows in _groups(report):
        table.add_row(group, style="bold", end_section=False)
        for label, find in rows:
            cells = [find(one, "persona") for _, one in reports] + [find(report, source) for source in COLUMNS]
            table.add_row(f"  {label}", *cells)
    return table


Row = tuple[str, Callable[[Report, str], str]]


def _groups(report: Report) -> Iterator[tuple[str, Sequence[Row]]]:
    """The rows under their headings."""
    yield "How well it foresees the author", [("bits per byte, less is better", lambda one, source: _bits(one, source))]
    yield (
        "Does it sound like the author?",
        [
            ("told apart: AUC, 0.5 is chance", _reader("told_apart", _plain)),
            ("taken for the author", _reader("taken_for", _percent)),
        ],
    )
    yield "Does it copy?", [(label, _reader("copying", _percent, key)) for key, label in COPYING.items()]
    yield "Does it repeat itself?", [(label, _reader("variety", _share, key)) for key, label in VARIETY.items()]
    habits = list(report["habits"]["persona"]) if "persona" in report["habits"] else []
    yield "Habits: distance from the author's, 0 to 1", [(key, _reader("habits", _plain, key)) for key in habits]


def _reader(measure: str, show: Callable[[Any], str], key: str | None = None) -> Callable[[Report, str], str]:
    def read(report: Report, source: str) -> str:
        found = report[measure].get(source)
        if found is not None and key is not None:
            found = found.get(key)
        return "" if found is None else show(found)

    return read


def _bits(report: Report, source: str) -> str:
    found = report["bits_per_byte"].get(source)
    return f"{found['all']:.3f}" if found else ""


def _plain(estimate: Mapping[str, float]) -> str:
    return f"{estimate['value']:.2f} ({estimate['low']:.2f}–{estimate['high']:.2f})"


def _percent(estimate: Mapping[str, float]) -> str:
    return f"{estimate['value']:.1%} ({estimate['low']:.1%}–{estimate['high']:.1%})"


def _share(value: float) -> str:
    return f"{value:.3f}"
