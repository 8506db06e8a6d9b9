"""Show the list of personas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from popinjay.cli.consoles import console
from popinjay.text.quantities import size

if TYPE_CHECKING:
    from popinjay.summary import Summary

STATES = {  # for people: the states of `Summary`, and their styles
    "ready": ("ready", "green"),
    "stale": ("out of date", "yellow"),
    "unfinished": ("unfinished", "yellow"),
    "making": ("being made", "cyan"),
    "failed": ("failed", "red"),
}


def show_list(personas: Sequence[Summary], folder: Path) -> None:
    """Show the personas of a folder: when made, base, posts, size, state and how good."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    if not personas:
        out.print("No personas yet. Make one: popinjay make SPEC, or try: popinjay demo")
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("persona", overflow="fold", min_width=8)
    for column in ("made", "base"):
        table.add_column(column, no_wrap=True)
    for column in ("posts", "size"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("how good")
    for persona in personas:
        state, style = STATES[persona.state]
        table.add_row(
            persona.name,
            f"{persona.made_at:%Y-%m-%d}" if persona.made_at else Text("not yet", "dim"),
            _base(persona.base),
            "" if persona.posts is None else f"{persona.posts:,}",
            "" if persona.bytes is None else size(persona.bytes),
            Text(state, style),
            persona.short_verdict,
        )
    out.print(table)
    total = size(sum(persona.bytes or 0 for persona in personas))
    count = f"{len(personas):,} persona{'s' if len(personas) > 1 else ''}"
    out.print(f"\n{count}, {total}, in {folder}", soft_wrap=True)
    for persona in personas:
        if persona.state not in ("ready", "making"):
            out.print(f"What is missing: popinjay status {persona.name}", soft_wrap=True)
            break


def _base(base: str | None) -> str:
    """Return a base's name, of one in a folder or on the hub only the last part."""
    return PurePath(base).name[:20] if base else ""
