"""Curves for the guides, as SVG: a grid of panels, one line an author, readable on any page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#555555")  # Okabe and Ito
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 2", "4 4")
WIDTH, HEIGHT = 280, 200  # of a panel, in pixels
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 34, 40

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Curves:
    """A panel: what is to be seen, and a line for each name."""

    title: str
    across: str
    lines: Mapping[str, Points]
    low: float | None = None  # the least value of the upright axis; None for the data's own
    high: float | None = None


def write_svg(path: Path, title: str, grid: Sequence[Curves], columns: int = 3) -> None:
    """Draw panels side by side, with a legend of all lines below."""
    names = list(dict.fromkeys(name for one in grid for name in one.lines))
    rows = -(-len(grid) // columns)
    width, height = columns * WIDTH, rows * HEIGHT + 18 * -(-len(names) // columns) + 12
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" role="img" font-family="sans-serif" font-size="11">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for place, one in enumerate(grid):
        x, y = place % columns * WIDTH, place // columns * HEIGHT
        drawn.append(f'<g transform="translate({x} {y})">{_panel(one, names)}</g>')
    for place, name in enumerate(names):
        x = place % columns * WIDTH + LEFT
        y = rows * HEIGHT + 14 + place // columns * 18
        drawn.append(_line([(x, y - 4), (x + 26, y - 4)], place))
        drawn.append(f'<text x="{x + 32}" y="{y}">{escape(name)}</text>')
    path.write_text("\n".join([*drawn, "</svg>", ""]), encoding="utf-8")


def _panel(one: Curves, names: Sequence[str]) -> str:
    points = [point for line in one.lines.values() for point in line]
    if not points:
        return f'<text x="{LEFT}" y="18">{escape(one.title)}: not measured</text>'
    across = sorted({x for x, _ in points})
    values = [y for _, y in points]
    low = min(values) if one.low is None else one.low
    high = max(values) if one.high is None else one.high
    high = high if high > low else low + 1
    inner = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM)

    def at(x: float, y: float) -> tuple[float, float]:
        right = (x - across[0]) / ((across[-1] - across[0]) or 1)
        return LEFT + right * inner[0], TOP + (1 - (y - low) / (high - low)) * inner[1]

    drawn = [f'<text x="{LEFT}" y="18" font-weight="bold">{escape(one.title)}</text>']
    for y in (low, (low + high) / 2, high):
        _, down = at(across[0], y)
        drawn.append(_line([(LEFT, down), (WIDTH - RIGHT, down)], None))
        drawn.append(f'<text x="{LEFT - 5}" y="{down + 4}" text-anchor="end">{y:.3g}</text>')
    for x in across:
        right, _ = at(x, low)
        drawn.append(
            f'<text x="{right:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{x:g}</text>'
        )
    drawn.append(f'<text x="{LEFT}" y="{HEIGHT - 8}" fill="#555">{escape(one.across)}</text>')
    for name, line in one.lines.items():
        place = names.index(name)
        drawn.append(_line([at(*point) for point in line], place))
        drawn += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{COLOURS[place % len(COLOURS)]}"/>'
            for x, y in (at(*point) for point in line)
        ]
    return "".join(drawn)


def _line(points: Points, place: int | None) -> str:
    """Return a line through points; without a place it is one of the grid."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    if place is None:
        return f'<polyline points="{path}" fill="none" stroke="#ddd"/>'
    dash = DASHES[place % len(DASHES)]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    colour = COLOURS[place % len(COLOURS)]
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>'
