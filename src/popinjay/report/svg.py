"""Plots as SVG that keeps its letters' size at every width: across in shares of the width, down in pixels, colours from the page's classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from markupsafe import Markup

from popinjay.metrics.intervals import Estimate

ROW, BARE_ROW, FOOT = (
    40,
    34,
    22,
)  # pixels: a bar with its words, one without, the words under the plot
HEAD = {True: 20, False: 2}  # over the bars, by whether a line's words stand there
GUTTER = 11.0  # percent of a panel's width, for the numbers beside it
GAP = 30  # between panels, for the words over each


class Bar(NamedTuple):
    """One measured number: what it is of, whose where there are several, and the class that colours it."""

    label: str
    kind: str
    estimate: Estimate
    owner: str = ""
    is_bare: bool = False  # the bar before it says the label already

    @property
    def height(self) -> int:
        """How many pixels of the plot it takes."""
        return BARE_ROW if self.is_bare else ROW


@dataclass(frozen=True)
class Scale:
    """What lies at the ends of an axis, where bars start, and the line that they are held against."""

    low: float
    high: float
    form: Callable[[float], str]
    start: float = 0.0
    mark: float | None = None
    mark_words: str = ""
    gutter: float = 0.0  # percent of the width left free before it

    def at(self, value: float) -> float:
        """Where a value lies, from 0 to 1."""
        return min(1.0, max(0.0, (value - self.low) / ((self.high - self.low) or 1.0)))

    def across(self, value: float) -> str:
        """Where a value lies across the plot, in percent."""
        return f"{self.gutter + (100 - self.gutter) * self.at(value):.2f}%"


class Line(NamedTuple):
    """A line through points, with the class that colours it."""

    kind: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """One of the plots that stand over each other along the same axis."""

    words: str
    lines: Sequence[Line]
    height: int
    form: Callable[[float], str]
    has_dots: bool = False
    from_zero: bool = False
    areas: Sequence[Line] = field(default_factory=tuple)  # filled down to zero


class Mark(NamedTuple):
    """A point on the shared axis that a line through all panels shows."""

    at: float
    words: str
    kind: str


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers from low to high, some `about` steps apart."""
    if not high > low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 10) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def bars(
    key: str,
    title: str,
    about: str,
    rows: Sequence[Bar],
    scale: Scale,
    say: Callable[[Estimate], str],
) -> Markup:
    """Bars over each other with their intervals, each under its own words."""
    head = HEAD[scale.mark is not None]
    bottom = head + sum(row.height for row in rows)
    values = ticks(scale.low, scale.high)
    drawn = [
        Markup('<line class="grid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
            scale.across(value), head, bottom
        )
        for value in values
    ]
    if scale.mark is not None:
        where = scale.across(scale.mark)
        drawn.append(
            Markup('<line class="mark" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
                where, head - 4, bottom
            )
        )
        drawn.append(
            _text(where, head - 8, scale.mark_words, "mark-words", _anchor(scale.at(scale.mark)))
        )
    below = head
    for row in rows:
        below += row.height
        drawn += _bar(row, below, scale, say)
    return _svg(key, title, about, bottom + FOOT, drawn + _axis(scale, values, bottom))


def panels(
    key: str,
    title: str,
    about: str,
    stack: Sequence[Panel],
    across: tuple[float, float],
    marks: Sequence[Mark],
    unit: str,
    digits: int = 0,
) -> Markup:
    """Panels over each other along one axis, and the lines that go through all of them.

    The axis runs from the first to the second number of `across`; its numbers have so many `digits`
    behind the point.
    """
    scale = Scale(*across, form=lambda value: f"{value:,.{digits}f}", gutter=GUTTER)
    top = 20 * len(marks)
    height = top + sum(GAP + panel.height for panel in stack) + FOOT
    drawn: list[Markup] = []
    for number, mark in enumerate(marks):
        where, y = scale.across(mark.at), 14 + 20 * number
        drawn.insert(
            number,
            Markup('<line class="stop {3}" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
                where, y + 4, height - FOOT, mark.kind
            ),
        )
        drawn.append(
            _text(where, y, mark.words, f"mark-words {mark.kind}", _anchor(scale.at(mark.at)))
        )
    y = top
    for panel in stack:
        drawn += _panel(panel, scale, y + GAP)
        y += GAP + panel.height
    drawn += _axis(scale, ticks(*across, about=5), height - FOOT)
    drawn.append(_text("100%", height + 10, unit, "tick", "end"))
    return _svg(key, title, about, height + 16, drawn)


# parts


def _bar(row: Bar, below: int, scale: Scale, say: Callable[[Estimate], str]) -> list[Markup]:
    value, low, high = row.estimate
    left, right = sorted((scale.at(scale.start), scale.at(value)))
    middle = below - 12
    parts = [] if row.is_bare else [_text("0", middle - 12, row.label, "label", "start")]
    parts += [
        _text("100%", middle - 12, say(row.estimate), "value", "end"),
        Markup(
            '<rect class="bar {}" x="{:.2f}%" y="{}" width="{:.2f}%" height="8" rx="2"/>'
        ).format(row.kind, 100 * left, middle - 4, 100 * (right - left)),
    ]
    if high > low:
        ends = scale.across(low), scale.across(high)
        parts.append(
            Markup('<line class="reach" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                *ends, middle, middle
            )
        )
        parts += [
            Markup('<line class="reach" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
                end, middle - 4, middle + 4
            )
            for end in ends
        ]
    parts.append(
        Markup('<circle class="dot {}" cx="{}" cy="{}" r="4.5"/>').format(
            row.kind, scale.across(value), middle
        )
    )
    return parts


def _panel(panel: Panel, across: Scale, top: int) -> list[Markup]:
    """One panel: words, grid, areas, lines, dots. Lines are drawn in a box of 1000 by 100 that stretches; their strokes do not."""
    up = _upright(panel)
    bottom = top + panel.height
    parts = [_text("0", top - 10, panel.words, "label", "start")]
    for tick in ticks(up.low, up.high, 3):
        y = bottom - panel.height * up.at(tick)
        parts.append(
            Markup('<line class="grid" x1="{1}%" x2="100%" y1="{0:.1f}" y2="{0:.1f}"/>').format(
                y, across.gutter
            )
        )
        parts.append(_text("0", round(y) + 4, panel.form(tick), "tick", "start"))
    box = [
        Markup(
            '<svg x="0" y="{}" width="100%" height="{}" viewBox="0 0 1000 100" preserveAspectRatio="none" overflow="visible">'
        ).format(top, panel.height)
    ]
    for area in panel.areas:
        points = _points(area.points, across, up)
        box.append(
            Markup('<polygon class="area {}" points="{} {} {}"/>').format(
                area.kind, f"{points[0][0]},100", _joined(points), f"{points[-1][0]},100"
            )
        )
    box += [
        Markup('<polyline class="line {}" points="{}"/>').format(
            line.kind, _joined(_points(line.points, across, up))
        )
        for line in panel.lines
    ]
    parts += [*box, Markup("</svg>")]
    if panel.has_dots:
        parts += [
            Markup('<circle class="dot {}" cx="{}" cy="{:.1f}" r="3.5"/>').format(
                line.kind, across.across(x), bottom - panel.height * up.at(y)
            )
            for line in panel.lines
            for x, y in line.points
        ]
    return parts


def _upright(panel: Panel) -> Scale:
    """From the lowest of a panel's values, or zero, to the highest."""
    values = [y for line in (*panel.lines, *panel.areas) for _, y in line.points]
    low, high = (0.0 if panel.from_zero else min(values)), max(values)
    if not high > low:
        high = low + (abs(low) or 1.0) * 0.1
    return Scale(
        low - (0 if panel.from_zero else (high - low) * 0.08),
        high + (high - low) * 0.05,
        panel.form,
    )


def _points(
    points: Sequence[tuple[float, float]], across: Scale, up: Scale
) -> list[tuple[float, float]]:
    return [
        (
            round(10 * across.gutter + (1000 - 10 * across.gutter) * across.at(x), 1),
            round(100 - 100 * up.at(y), 2),
        )
        for x, y in points
    ]


def _joined(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _axis(scale: Scale, values: Sequence[float], bottom: int) -> list[Markup]:
    return [
        _text(scale.across(value), bottom + 16, scale.form(value), "tick", _anchor(scale.at(value)))
        for value in values
    ]


def _anchor(at: float) -> str:
    """Which end of some words stands at a point, so that they stay within the plot."""
    return "start" if at < 0.12 else "end" if at > 0.85 else "middle"


def _text(x: str, y: float, words: str, kind: str, anchor: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, words
    )


def _svg(key: str, title: str, about: str, height: int, drawn: Sequence[Markup]) -> Markup:
    head = Markup(
        '<svg class="plot" role="img" width="100%" height="{0}" aria-labelledby="{1}-title {1}-about"><title id="{1}-title">{2}</title>'
    )
    whole = head + Markup('<desc id="{1}-about">{3}</desc>')
    return whole.format(height, key, title, about) + Markup("").join(drawn) + Markup("</svg>")
