"""Plots as SVG whose letters keep their size at every width.

Horizontal places are shares of the width, vertical ones are pixels, colours come from the page's
CSS classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from markupsafe import Markup

from popinjay.metrics.intervals import Estimate

# Pixels:
ROW = 40  # a bar with its words
BARE_ROW = 34  # a bar without words
FOOT = 22  # the words under the plot
HEAD = {True: 20, False: 2}  # over the bars, by whether a line's words stand there
GAP = 30  # between panels, for the words over each
GUTTER = 11.0  # percent of a panel's width, for the numbers beside it


class Bar(NamedTuple):
    """One measured number.

    Attributes:
        label: What it is of.
        kind: The CSS classes that colour it.
        estimate: The number.
        owner: The persona, if there are several.
        is_bare: Whether the bar before it has the label already.
    """

    label: str
    kind: str
    estimate: Estimate
    owner: str = ""
    is_bare: bool = False

    @property
    def height(self) -> int:
        """How many pixels of the plot it takes."""
        return BARE_ROW if self.is_bare else ROW


@dataclass(frozen=True)
class Scale:
    """An axis.

    Attributes:
        low: The value at its beginning.
        high: The value at its end.
        form: How its values are written.
        start: The value that bars start from.
        mark: A value that a line marks, for comparison.
        mark_words: What the line says.
        gutter: Percent of the width that is left free before the axis.
    """

    low: float
    high: float
    form: Callable[[float], str]
    start: float = 0.0
    mark: float | None = None
    mark_words: str = ""
    gutter: float = 0.0

    def at(self, value: float) -> float:
        """Return where a value lies, from 0 to 1."""
        return min(1.0, max(0.0, (value - self.low) / ((self.high - self.low) or 1.0)))

    def across(self, value: float) -> str:
        """Return where a value lies across the plot, in percent."""
        return f"{self.gutter + (100 - self.gutter) * self.at(value):.2f}%"


class Line(NamedTuple):
    """A line through points, with the CSS classes that colour it."""

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
    """A value on the shared axis that a line through all panels marks."""

    at: float
    words: str
    kind: str


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Return round numbers from low to high, about so many steps of them."""
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
    """Return bars over each other with their intervals, each under its own words.

    Args:
        key: Prefix of the element ids.
        title: The plot's title, for screen readers.
        about: Its description, for screen readers.
        rows: The bars.
        scale: Their axis.
        say: How a number is written.
    """
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
    """Return panels over each other along one axis, and the lines that go through all of them.

    Args:
        key: Prefix of the element ids.
        title: The plot's title, for screen readers.
        about: Its description, for screen readers.
        stack: The panels.
        across: The values at the ends of the axis.
        marks: The values that lines mark.
        unit: What the axis counts.
        digits: How many digits its numbers have after the point.
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
    """Return one panel: words, grid, areas, lines and dots.

    Lines are drawn in a box of 1000 by 100 that is stretched; their strokes are not.
    """
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
            '<svg x="0" y="{}" width="100%" height="{}" viewBox="0 0 1000 100" '
            'preserveAspectRatio="none" overflow="visible">'
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
    """Return the vertical scale: from the lowest of a panel's values, or zero, to the highest."""
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
    """Return which end of some words is at a point, so that they stay within the plot."""
    return "start" if at < 0.12 else "end" if at > 0.85 else "middle"


def _text(x: str, y: float, words: str, kind: str, anchor: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, words
    )


def _svg(key: str, title: str, about: str, height: int, drawn: Sequence[Markup]) -> Markup:
    head = Markup(
        '<svg class="plot" role="img" width="100%" height="{0}" '
        'aria-labelledby="{1}-title {1}-about"><title id="{1}-title">{2}</title>'
    )
    whole = head + Markup('<desc id="{1}-about">{3}</desc>')
    return whole.format(height, key, title, about) + Markup("").join(drawn) + Markup("</svg>")
