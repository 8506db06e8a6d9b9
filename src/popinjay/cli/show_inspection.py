"""Show in the terminal what specs contain, and what `make` would do with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from popinjay.cli.progress import console


def show_inspection(authors: Sequence[Mapping[str, Any]]) -> None:
    """Show what specs contain, as a table with a column per author."""
    from rich.table import Table

    out = console()
    table = Table(box=None, pad_edge=False, show_header=True, header_style="bold")
    table.add_column("")
    for row in authors:
        table.add_column(f"@{row['author']}", justify="right")
    lines = [
        ("downloaded", "downloaded"),
        ("reposts", "reposts"),
        ("short posts", "short"),
        ("kept", "kept"),
    ]
    for label, key in lines:
        table.add_row(
            label, *(f"{row[key]:,}" for row in authors), style="bold" if key == "kept" else ""
        )
    reasons = list(dict.fromkeys(reason for row in authors for reason in row["further"]))
    for reason in reasons:
        table.add_row(
            f"further dropped: {reason}", *(f"{row['further'].get(reason, 0):,}" for row in authors)
        )
    table.add_row("used", *(f"{row['used']:,}" for row in authors), style="bold")
    table.add_row("characters", *(f"{row['characters']:,}" for row in authors))
    table.add_row("first", *((row["first"] or "no dates")[:10] for row in authors))
    table.add_row("last", *((row["last"] or "no dates")[:10] for row in authors))
    table.add_row(
        "languages",
        *(
            ", ".join(f"{code} {share:.0%}" for code, share in row["languages"].items())
            for row in authors
        ),
    )
    out.print(table)
    for row in authors:
        for title, facts in (
            ("Left out at the source", row["left_out"]),
            ("Private, never opened", row["unread"]),
            ("Masked", row["masked"]),
        ):
            if facts:
                out.print(
                    f"{title} (@{row['author']}): "
                    + ", ".join(f"{count:,} × {what}" for what, count in facts.items())
                )
        for note in [*row["notes"], row["verdict"]]:
            if note:
                out.print(f"@{row['author']}: {note}")
