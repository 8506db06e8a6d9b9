"""Show what was published, and what would be forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from popinjay.cli.progress import console
from popinjay.post import one_line

MAX_SHOWN = 10  # of the posts that would be forgotten


def show_published(published: Mapping[str, Any]) -> None:
    """Show the published files, and where they are."""
    from rich.table import Table

    out = console()
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right")
    for file in published["files"]:
        table.add_row(file["name"], f"{file['bytes']:,} bytes")
    table.add_row(
        "total", f"{sum(file['bytes'] for file in published['files']):,} bytes", style="bold"
    )
    out.print(table)
    private = " (private)" if published["private"] else ""
    if published["dry_run"]:
        out.print(f"This would be published to {published['to']}{private}. Nothing was sent.")
    elif published["changed"]:
        out.print(
            f"Published to {published['to']}{private}"
            + (f", version {published['version']}." if published["version"] else ".")
        )
    else:
        out.print(
            f"All of this was in {published['to']}{private} already"
            + (f" as version {published['version']}" if published["version"] else "")
            + "."
        )


def show_choice(what: str, texts: Sequence[str], *, dry_run: bool) -> None:
    """Show the posts that would be forgotten.

    A dry run prints them as its result on standard output; otherwise they go to standard error.
    """
    from rich.text import Text

    out = console(stderr=not dry_run)
    out.print(f"This would forget {what}:" if dry_run or len(texts) > 1 else f"Forgetting {what}:")
    for text in texts[:MAX_SHOWN]:
        out.print(Text(f"  {one_line(text)}"), overflow="ellipsis", no_wrap=True)
    if len(texts) > MAX_SHOWN:
        out.print(f"  ... and {len(texts) - MAX_SHOWN:,} more")
    if dry_run:
        out.print("Nothing was changed.")
