"""The measurements as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def speed(found: dict[str, Any]) -> str:
    """Return the table of the peers' speeds, and the ceiling."""
    lowest, highest = found["ceiling, least and most"]
    head = [
        "",
        "tokens/s",
        "x recipe (from, to)",
        "by CPU time",
        "GFLOP a token",
        "of the ceiling",
        "by CPU time",
        "peak GB",
    ]
    rows = [
        [
            name,
            f"{one['tokens a second']:,.0f}",
            "{:.2f} ({:.2f}, {:.2f})".format(one["x recipe"], *one["x recipe, least and most"]),
            f"{one['x recipe by processor time']:.2f}",
            f"{one['GFLOP a token']:.2f}",
            f"{one['share of ceiling']:.0%}",
            f"{one['share of ceiling by processor time']:.0%}",
            f"{one['peak GB']:.1f}",
        ]
        for name, one in found["peers"].items()
    ]
    ceiling = f"{found['ceiling GFLOP/s']:,.0f} GFLOP/s ({lowest:,.0f} to {highest:,.0f})"
    return f"{table(head, rows)}\n\nMedians of {found['pairs']} pairs; ceiling {ceiling}."


def quality(found: dict[str, dict[str, Any]], means: dict[str, float | None]) -> str:
    """Return the table of time to quality and of copying."""
    head = [
        "author (posts)",
        "recipe: s",
        "held-out",
        "ours: s until as good",
        "of epochs",
        "times less",
        "by CPU time",
        "s in all",
        "held-out",
        "copies; 8-word runs: recipe",
        "ours",
        "author",
    ]
    rows: list[list[str]] = []
    for author, one in found.items():
        theirs = one["recipe"]
        mine = one["ours"]
        reached = [
            one["seconds until as good"],
            one["times less"],
            one["times less by processor time"],
        ]
        shares = [
            f"{copied['copies']:.1%}; {copied['runs']:.1%}"
            for copied in (theirs, mine, one["author"])
        ]
        seconds = f"{theirs['seconds']:.0f}{' (kept)' if theirs['is kept'] else ''}"
        first, *ratios = map(some, reached)
        planned = (
            "default" if one["epochs until as good"] is None else f"{one['epochs until as good']:g}"
        )
        ends = [
            f"{theirs['held-out']:.3f}",
            first,
            planned,
            *ratios,
            f"{mine['seconds']:.0f}",
            f"{mine['held-out']:.3f}",
        ]
        rows.append([f"{author} ({one['posts']:,})", seconds, *ends, *shares])
    rows.append(
        [
            "mean",
            "",
            f"{means['recipe']:.3f}",
            "",
            "",
            some(means["times less"]),
            some(means["times less by processor time"]),
            "",
            f"{means['ours']:.3f}",
            "",
            "",
            "",
        ]
    )
    return table(head, rows)


def some(number: float | None) -> str:
    """Format a number, or say that it was never reached."""
    return "never" if number is None else f"{number:.1f}"


def growth(found: Sequence[dict[str, Any]]) -> str:
    """Return the table of seconds and memory by posts."""
    head = [
        "posts",
        "training tokens",
        "seconds",
        "tokens/s, including validation and encoding",
        "peak GB",
    ]
    rows = [
        [
            f"{one['posts']:,}",
            f"{one['tokens']:,}",
            f"{one['seconds']:.1f}",
            f"{one['tokens'] / one['seconds']:,.0f}",
            f"{one['peak GB']:.2f}",
        ]
        for one in found
    ]
    return table(head, rows)


def promises(found: Sequence[dict[str, Any]]) -> str:
    """Return the table of seconds expected and taken."""
    head = ["", "seconds expected", "taken", "taken / expected", "training tokens", "held-out"]
    rows = [
        [
            f"budget {one['budget']}" if one["budget"] else "estimate before the start",
            f"{one['meant']:.1f}",
            f"{one['seconds']:.1f}",
            f"{one['seconds'] / one['meant']:.2f}",
            f"{one['tokens']:,}",
            f"{one['held-out']:.3f}",
        ]
        for one in found
    ]
    return table(head, rows)
