"""What was measured, as tables for a note."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def speed(found: dict[str, Any]) -> str:
    """Peers and the ceiling."""
    least, most = found["ceiling, least and most"]
    head = [
        "",
        "tokens/s",
        "x recipe (from, to)",
        "by processor time",
        "GFLOP a token",
        "of the ceiling",
        "by processor time",
        "peak GB",
    ]
    rows = [
        [
            name,
            f"{one['tokens a second']:,.0f}",
            f"{one['x recipe']:.2f} ({one['x recipe, least and most'][0]:.2f}, {one['x recipe, least and most'][1]:.2f})",
            f"{one['x recipe by processor time']:.2f}",
            f"{one['GFLOP a token']:.2f}",
            f"{one['share of ceiling']:.0%}",
            f"{one['share of ceiling by processor time']:.0%}",
            f"{one['peak GB']:.1f}",
        ]
        for name, one in found["peers"].items()
    ]
    return f"{table(head, rows)}\n\nMedians of {found['pairs']} pairs; ceiling {found['ceiling GFLOP/s']:,.0f} GFLOP/s ({least:,.0f} to {most:,.0f})."


def quality(found: dict[str, dict[str, Any]], means: dict[str, float | None]) -> str:
    """Time to quality, and what is copied."""
    head = [
        "author (posts)",
        "recipe: s",
        "held-out",
        "ours: s until as good",
        "of epochs",
        "times less",
        "by processor time",
        "s in all",
        "held-out",
        "copies; 8-word runs: recipe",
        "ours",
        "author",
    ]
    rows = []
    for author, one in found.items():
        theirs, mine = one["recipe"], one["ours"]
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
    """A number, or that it never came."""
    return "never" if number is None else f"{number:.1f}"


def growth(found: Sequence[dict[str, Any]]) -> str:
    """Seconds and memory by posts."""
    head = [
        "posts",
        "tokens learnt",
        "seconds",
        "tokens/s, looks and loading of posts included",
        "peak GB",
    ]
    return table(
        head,
        [
            [
                f"{one['posts']:,}",
                f"{one['tokens']:,}",
                f"{one['seconds']:.1f}",
                f"{one['tokens'] / one['seconds']:,.0f}",
                f"{one['peak GB']:.2f}",
            ]
            for one in found
        ],
    )


def promises(found: Sequence[dict[str, Any]]) -> str:
    """Seconds said or given beside seconds taken."""
    head = ["", "seconds meant", "taken", "taken / meant", "tokens learnt", "held-out"]
    rows = [
        [
            f"budget {one['budget']}" if one["budget"] else "said before it starts",
            f"{one['meant']:.1f}",
            f"{one['seconds']:.1f}",
            f"{one['seconds'] / one['meant']:.2f}",
            f"{one['tokens']:,}",
            f"{one['held-out']:.3f}",
        ]
        for one in found
    ]
    return table(head, rows)
