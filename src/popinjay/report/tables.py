"""What the page says in numbers and words beside its plots: the figures at its top and its tables.

The words are in `labels.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from popinjay.metrics.measure import AUTHOR, BASE, ONLY, PERSONA
from popinjay.metrics.two_sample_test import EARLIER
from popinjay.report import labels
from popinjay.report.charts import Side
from popinjay.report.labels import BITS, BITS_TITLE, SETTINGS, SOURCES, UNKNOWN, percent, shown
from popinjay.report.schema import Report
from popinjay.report.verdict import can_be_given, plain_verdict

DRAWN = ("told_apart", "taken_for", "copying", "non_words", "habits")  # metrics that have plots
IN_OWN_SECTIONS = (*DRAWN, "variety", "names", "privacy")
AUTHORS_POSTS = "the author’s own new posts"


class Tile(NamedTuple):
    """One of the numbers at the top of the page.

    Attributes:
        number: The persona's number.
        words: What it is.
        control: What it is to be compared with.
        other: The same number of the other report, if there is one.
    """

    number: str
    words: str
    control: str
    other: str


class Table(NamedTuple):
    """Rows of words and cells, each with a remark under its first cell."""

    head: Sequence[str]
    rows: Sequence[tuple[str, str, Sequence[str]]]


def all_tables(sides: Sequence[Side]) -> dict[str, Any]:
    """Return all tables and figures by the names that the page's template has for them."""
    report = sides[0].report
    taken_for = report.measure("taken_for").counts
    return {
        "titles": labels.titles(),
        "verdicts": [
            (place, side.name, plain_verdict(side.report)) for place, side in enumerate(sides)
        ],
        "notes": [(side.name, note) for side in sides for note in side.report.notes],
        "tiles": tiles(sides),
        "classifier": report.measure("told_apart").get(PERSONA),
        "others": taken_for.get("others"),
        "same_language": taken_for.get("same_language"),
        "whys": [
            (side.name, labels.stop_reason(side.report.training.why))
            for side in sides
            if side.report.training
        ],
        "bits": bits(sides),
        "variety": compared(sides, "variety"),
        "names": compared(sides, "names"),
        "privacy": [
            (side.name, side.report.measure("privacy").counts, private(side.report))
            for side in sides
            if "privacy" in side.report.measures
        ],
        "further": [
            (labels.title(name), compared(sides, name))
            for name in report.measures
            if name not in IN_OWN_SECTIONS
        ],
        "settings": settings(sides),
        "measures": explanations(report),
    }


def explanations(report: Report) -> list[tuple[str, str]]:
    """Return the heading of each metric and what its numbers mean."""
    found = [(labels.title(name), one.what) for name, one in report.measures.items()]
    found.insert(0, (BITS_TITLE, report.bits_per_byte.what))
    return [(title, what) for title, what in found if what]


def tiles(sides: Sequence[Side]) -> list[Tile]:
    """Return the numbers that say most, each with the control that gives it meaning."""
    found: list[Tile | None] = []
    if can_be_given(sides[0].report):  # with few posts an AUC is a coin that was tossed a few times
        halves = "two halves of the author’s held-out posts"
        coin = "50% is a coin toss, and less is no better"
        earlier = sides[0].report.measure("told_apart").get(EARLIER)
        against = f"held-out posts against learnt ones: {percent(earlier.value)}" if earlier else ""
        besides = "; ".join(filter(None, (against, coin)))
        found.append(_tile(sides, "told_apart", ONLY, halves, besides))
    found.append(_tile(sides, "taken_for", ONLY, AUTHORS_POSTS))
    found.append(_tile(sides, "copying", "run", AUTHORS_POSTS))
    found.append(
        _tile(sides, "non_words", ONLY, AUTHORS_POSTS)
        if sides[0].report.measure("non_words").sources
        else _bits_tile(sides)
    )
    return [tile for tile in found if tile]


def _tile(
    sides: Sequence[Side], name: str, key: str, control: str, besides: str = ""
) -> Tile | None:
    """Return the tile of one of a metric's numbers; None if the persona has none.

    Args:
        sides: One or two reports.
        name: The metric.
        key: Which of its numbers.
        control: What the author's number is, to compare it with.
        besides: What else helps to understand it.
    """
    ours, *others = [side.report.measure(name).get(PERSONA, key) for side in sides]
    if not ours:
        return None
    author = sides[0].report.measure(name).get(AUTHOR, key)
    controls = [f"{control}: {percent(author.value)}" if author else "", besides]
    return Tile(
        percent(ours.value),
        labels.label(name, key).plain.capitalize(),
        "; ".join(part for part in controls if part),
        "".join(
            f"{side.name}: {percent(found.value)}"
            for side, found in zip(sides[1:], others, strict=True)
            if found
        ),
    )


def _bits_tile(sides: Sequence[Side]) -> Tile | None:
    ours, *others = [side.report.bits_per_byte.persona.get(BITS.key) for side in sides]
    if ours is None:
        return None
    base = sides[0].report.bits_per_byte.of(BASE).get(BITS.key)
    return Tile(
        f"{ours:.2f}",
        f"{BITS.title}: {BITS.remark}",
        "" if base is None else f"base model: {base:.2f}",
        "".join(
            f"{side.name}: {found:.2f}"
            for side, found in zip(sides[1:], others, strict=True)
            if found is not None
        ),
    )


def bits(sides: Sequence[Side]) -> Table | None:
    """Return the bits per byte of all held-out posts, and of each author's if they are several."""
    authors = [name for name in sides[0].report.bits_per_byte.persona if name != BITS.key]
    rows = [BITS.key, *(authors if len(authors) > 1 else [])]
    columns = {
        _column(sides, side, source): side.report.bits_per_byte.of(source)
        for side in sides
        for source in (PERSONA, BASE)
        if side.report.bits_per_byte.of(source)
    }
    cells = [
        (
            "All held-out posts" if row == BITS.key else row,
            "",
            [f"{own[row]:.3f}" if row in own else UNKNOWN for own in columns.values()],
        )
        for row in rows
    ]
    return Table(list(columns), cells) if columns else None


def compared(sides: Sequence[Side], name: str) -> Table | None:
    """Return a metric's numbers, a row each, with a column for each source of each report."""
    measures = [(side, side.report.measure(name)) for side in sides]
    sources = [*SOURCES, *(one for one in measures[0][1].sources if one not in SOURCES)]
    columns = [
        (_column(sides, side, source), measure, source)
        for side, measure in measures
        for source in sources
        if source in measure.sources
    ]
    rows = [
        (
            row.title,
            row.remark,
            [shown(measure.get(source, row.key), row.format) for _, measure, source in columns],
        )
        for row in labels.rows(name, measures[0][1])
    ]
    return Table([head for head, *_ in columns], rows) if columns else None


def _column(sides: Sequence[Side], side: Side, source: str) -> str:
    title = SOURCES.get(source, source)
    return title if len(sides) == 1 else f"{title} · {side.name}"


def private(report: Report) -> list[tuple[str, int]]:
    """Return how many of each sort of personal data the samples held."""
    measure = report.measure("privacy")
    found = [(row.title, measure.get(PERSONA, row.key)) for row in labels.rows("privacy", measure)]
    return [(title, int(count.value) if count else 0) for title, count in found]


def settings(sides: Sequence[Side]) -> Table:
    """Return what was measured on, and how it was written."""
    rows = [(title, "", [_plain(read(side.report)) for side in sides]) for title, read in SETTINGS]
    known = [row for row in rows if any(cell != UNKNOWN for cell in row[2])]
    return Table([side.name for side in sides], known)


def _plain(found: float | None) -> str:
    if found is None:
        return UNKNOWN
    return f"{found:,}" if isinstance(found, int) else str(found)
