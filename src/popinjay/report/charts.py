"""The plots of the page: which numbers of a report each shows, with its words and its table.

How a plot is drawn is in `svg.py`, what the numbers are called in `labels.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from popinjay.metrics.intervals import Estimate
from popinjay.metrics.measure import ONLY, Format, Label
from popinjay.report.labels import SOURCES, TOLD_APART_SOURCES, label, percent, rows, shown
from popinjay.report.schema import Report
from popinjay.report.svg import Bar, Line, Mark, Panel, Scale, bars, panels

SIDE_KINDS = ("persona first", "persona second")  # CSS classes of the one or two personas
BIN_CHARACTERS = 10  # that counts of lengths are kept in
MAX_BARS = 24
SMOOTHED_POINTS = 120  # that are left of a training's losses
MAX_NAME = 22  # characters of a name beside a bar


@dataclass(frozen=True)
class Side:
    """One report of the one or two that the page shows."""

    name: str
    report: Report
    metrics: Sequence[Mapping[str, Any]] = ()  # rows of metrics.jsonl
    written: Sequence[str] = ()


@dataclass(frozen=True)
class Figure:
    """A plot, the table of its numbers, and its words."""

    key: str
    title: str
    about: str
    svg: Markup
    head: Sequence[str]
    rows: Sequence[Sequence[str]] = field(default_factory=tuple)
    legend: Sequence[tuple[str, str]] = ()  # CSS class and words, if there are several lines


def all_figures(sides: Sequence[Side], real_lengths: Mapping[int, int] | None) -> dict[str, Any]:
    """Return all plots by the names that the page's template has for them."""
    return {
        "told_apart": told_apart(sides),
        "taken_for": taken_for(sides),
        "copying": copying(sides),
        "non_words": non_words(sides),
        "training": training(sides),
        "lengths": lengths(sides, real_lengths),
        "habits": habits(sides),
    }


def tick(value: float) -> str:
    """Return a round share in percent, for an axis."""
    return f"{round(100 * value, 6):g}%"


def told_apart(sides: Sequence[Side]) -> Figure | None:
    """Draw how often a classifier tells each source from the author's held-out posts."""
    found = _bars(sides, "told_apart", ONLY, TOLD_APART_SOURCES)
    low = min([0.4, *(bar.estimate.low for bar in found)])
    scale = Scale(low, 1.0, tick, start=0.5, mark=0.5, mark_words="50%: a coin toss")
    row = label("told_apart")
    return _figure("told-apart", row.title, row.remark, found, scale, row.format)


def taken_for(sides: Sequence[Side]) -> Figure | None:
    """Draw how often each source is taken for the author among others."""
    found = _bars(sides, "taken_for", ONLY, SOURCES)
    others = sides[0].report.measure("taken_for").counts.get("others", 0)
    guess = 1 / (others + 1) if others else None
    words = f"{percent(guess)}: guessing" if guess else ""
    scale = Scale(0.0, 1.0, tick, mark=guess, mark_words=words)
    row = label("taken_for")
    return _figure("taken-for", row.title, row.remark, found, scale, row.format)


def copying(sides: Sequence[Side]) -> list[Figure]:
    """Draw how much each source repeats of the training posts, in several ways."""
    figures = []
    for row in _rows(sides, "copying"):
        found = _bars(sides, "copying", row.key, SOURCES)
        top = max([0.01, *(bar.estimate.high for bar in found)])
        scale = Scale(0.0, min(1.0, top * 1.05), tick)
        figures.append(
            _figure(f"copying-{row.key}", row.title, row.remark, found, scale, row.format)
        )
    return [figure for figure in figures if figure]


def non_words(sides: Sequence[Side]) -> Figure | None:
    """Draw the share of each source's words that do not exist."""
    found = _bars(sides, "non_words", ONLY, SOURCES)
    top = max([0.01, *(bar.estimate.high for bar in found)])
    row = label("non_words")
    scale = Scale(0.0, min(1.0, top * 1.05), tick)
    return _figure("non-words", row.title, row.remark, found, scale, row.format)


def habits(sides: Sequence[Side]) -> list[Figure]:
    """Draw how far each source's habits are from the author's, all of them on one scale."""
    found = {row: _bars(sides, "habits", row.key, SOURCES) for row in _rows(sides, "habits")}
    top = max([0.05, *(bar.estimate.high for each in found.values() for bar in each)])
    scale = Scale(0.0, min(1.0, top * 1.05), lambda value: f"{value:.2g}")
    figures = [
        _figure(f"habits-{row.key}", row.title, row.remark, each, scale, row.format)
        for row, each in found.items()
    ]
    return [figure for figure in figures if figure]


def _rows(sides: Sequence[Side], name: str) -> list[Label]:
    return rows(name, sides[0].report.measure(name))


def _bars(sides: Sequence[Side], name: str, key: str, sources: Mapping[str, str]) -> list[Bar]:
    """Return a bar for each source that was measured, those of two reports beside each other."""
    found = []
    for source, words in sources.items():
        is_labelled = False
        for side, place in zip(sides, ("first", "second"), strict=False):
            known = side.report.measure(name).get(source, key)
            if known:
                owner = side.name if len(sides) > 1 else ""
                found.append(Bar(words, f"{source} {place}", known, owner, is_bare=is_labelled))
                is_labelled = True
    return found


def _figure(
    key: str,
    title: str,
    about: str,
    found: Sequence[Bar],
    scale: Scale,
    form: Format,
) -> Figure | None:
    """Return the plot of some bars with its table; None if there are no bars."""
    if not found:
        return None
    table = [
        [bar.label + (f" · {short(bar.owner)}" if bar.owner else ""), *_cells(bar.estimate)]
        for bar in found
    ]
    owners = {bar.kind.split()[-1]: bar.owner for bar in found if bar.owner}
    legend = [(f"round persona {number}", owner) for number, owner in owners.items()]
    return Figure(
        key,
        title,
        about,
        bars(key, title, about, found, scale, lambda estimate: shown(estimate, form)),
        ("", "measured", "at least", "at most"),
        table,
        legend,
    )


def _cells(found: Estimate) -> list[str]:
    """Return the cells of a number and its interval; dashes if it has no interval."""
    has_interval = found.high > found.low
    ends = [f"{end:.4f}" for end in (found.low, found.high)] if has_interval else ["–", "–"]
    return [f"{found.value:.4f}", *ends]


def short(name: str) -> str:
    """Return a name short enough to stand beside a bar.

    It is put in Unicode's isolating marks, so that its neighbours keep their order.
    """
    return f"\u2068{name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + '…'}\u2069"


# training


def training(sides: Sequence[Side]) -> Figure | None:
    """Draw the course of training: validation, loss and copying by step, and the kept step."""
    validated = [_points(side, "validation_bits_per_byte") for side in sides]
    if not any(len(points) > 1 for points in validated):
        return None
    stack = _training_panels(sides, validated)
    last = max(x for panel in stack for line in panel.lines for x, _ in line.points)
    course = _course(sides)
    svg = panels(
        "training", "The course of training", course, stack, (0.0, last), _kept(sides), "steps"
    )
    table = [
        _validation_row(side, row)
        for side in sides
        for row in side.metrics
        if row.get("validation_bits_per_byte") is not None
    ]
    return Figure(
        "training",
        "The course of training",
        course,
        svg,
        ("", "step", "bits per byte, validation", "share copied"),
        table,
        [(kind, side.name) for kind, side in _kinds(sides)] if len(sides) > 1 else [],
    )


def _training_panels(
    sides: Sequence[Side], validated: Sequence[Sequence[tuple[float, float]]]
) -> list[Panel]:
    stack = [
        Panel(
            "Bits per byte on validation posts",
            _lines(validated),
            150,
            lambda value: f"{value:.2f}",
            has_dots=max(map(len, validated)) <= 60,
        )
    ]
    losses = [smoothed(_points(side, "loss")) for side in sides]
    if any(losses):
        thin = [Line(f"{line.kind} thin", line.points) for line in _lines(losses)]
        words = "Loss on training posts (nats a token, smoothed)"
        stack.append(Panel(words, thin, 80, lambda value: f"{value:.2g}"))
    copied = [_points(side, "copied") for side in sides]
    if any(copied):
        words = "Share copied: a whole post or 8 words"
        stack.append(Panel(words, _lines(copied), 60, tick, has_dots=True, from_zero=True))
    return stack


def _validation_row(side: Side, row: Mapping[str, Any]) -> list[str]:
    copied = row.get("copied")
    return [
        short(side.name),
        f"{row['step']:,}",
        f"{row['validation_bits_per_byte']:.4f}",
        "–" if copied is None else f"{copied:.4f}",
    ]


def smoothed(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return means of neighbouring points, so that some hundred are left."""
    width = max(1, -(-len(points) // SMOOTHED_POINTS))
    chunks = [points[start : start + width] for start in range(0, len(points), width)]
    return [
        (sum(x for x, _ in chunk) / len(chunk), sum(y for _, y in chunk) / len(chunk))
        for chunk in chunks
    ]


def _points(side: Side, key: str) -> list[tuple[float, float]]:
    return [
        (float(row["step"]), float(row[key])) for row in side.metrics if row.get(key) is not None
    ]


def _kinds(sides: Sequence[Side]) -> list[tuple[str, Side]]:
    return list(zip(SIDE_KINDS, sides, strict=False))


def _lines(series: Sequence[Sequence[tuple[float, float]]]) -> list[Line]:
    return [Line(kind, points) for kind, points in zip(SIDE_KINDS, series, strict=False) if points]


def _kept(sides: Sequence[Side]) -> list[Mark]:
    """Return a mark at each training's kept step."""
    marks = []
    for kind, side in _kinds(sides):
        if known := side.report.training:
            owner = "" if len(sides) == 1 else f" of {short(side.name)}"
            words = f"step {known.best_step:,}{owner} is kept"
            marks.append(Mark(float(known.best_step), words, kind))
    return marks


def _course(sides: Sequence[Side]) -> str:
    return " ".join(
        f"{known.steps:,} steps, of which step {known.best_step:,} is kept. "
        f"Training ended because {known.why}."
        for known in (side.report.training for side in sides)
        if known
    )


# lengths


def length_counts(texts: Iterable[str]) -> Counter[int]:
    """Return how many texts have which length in characters, rounded down to tens.

    As these are counts only, they may be shared even if the texts may not.
    """
    return Counter(len(text) // BIN_CHARACTERS * BIN_CHARACTERS for text in texts)


def lengths(sides: Sequence[Side], real: Mapping[int, int] | None) -> Figure | None:
    """Draw how long posts are: the author's as an area, the persona's as a line."""
    written = [length_counts(side.written) for side in sides]
    if not any(written):
        return None
    known = {int(length): count for length, count in (real or {}).items()}
    width, starts = _bins([*written, known])
    shares = [_shares(counts, starts, width) for counts in (*written, known)]
    lines = [
        Line(kind, _stairs(starts, width, own))
        for kind, own, side in zip(SIDE_KINDS, shares, sides, strict=False)
        if side.written
    ]
    areas = [Line("author", _stairs(starts, width, shares[-1]))] if known else []
    panel = Panel("Share of posts", lines, 160, tick, from_zero=True, areas=areas)
    title = "How long posts are"
    about = (
        f"Share of posts by their length, in bars of {width} characters; the last holds all that "
        "are longer."
    )
    across = (0.0, float(starts[-1] + width))
    svg = panels("lengths", title, about, [panel], across, (), "characters")
    owners = [side.name if len(sides) > 1 else SOURCES["persona"] for side in sides if side.written]
    table = [
        [
            _span(start, width, start == starts[-1]),
            *(percent(own[place]) for own in shares if any(own)),
        ]
        for place, start in enumerate(starts)
    ]
    head = ("characters", *owners, *([SOURCES["author"]] if known else []))
    legend = [
        *zip(SIDE_KINDS, owners, strict=False),
        *([("author", "The author, posts never seen in training")] if known else []),
    ]
    return Figure("lengths", title, about, svg, head, table, legend)


def _bins(counts: Sequence[Mapping[int, int]]) -> tuple[int, list[int]]:
    """Return the width of the bars and where each starts, up to the 99th percentile."""
    ends = []
    for own in counts:
        left = sum(own.values()) * 0.99
        for length in sorted(own):
            left -= own[length]
            if left <= 0:
                ends.append(length + BIN_CHARACTERS)
                break
    width = BIN_CHARACTERS * max(1, -(-max(ends) // (BIN_CHARACTERS * MAX_BARS)))
    return width, list(range(0, max(max(ends), width), width))


def _shares(counts: Mapping[int, int], starts: Sequence[int], width: int) -> list[float]:
    found = [0] * len(starts)
    for length, count in counts.items():
        found[min(length // width, len(starts) - 1)] += count
    return [count / max(1, sum(found)) for count in found]


def _stairs(
    starts: Sequence[int], width: int, heights: Sequence[float]
) -> list[tuple[float, float]]:
    """Return the outline of bars."""
    return [
        (float(x), height)
        for start, height in zip(starts, heights, strict=True)
        for x in (start, start + width)
    ]


def _span(start: int, width: int, is_last: bool) -> str:
    return f"{start:,} or more" if is_last else f"{start:,}–{start + width - 1:,}"
