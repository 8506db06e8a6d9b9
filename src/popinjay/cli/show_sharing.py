"""Show what was published, and what would be forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from popinjay.cli.consoles import console
from popinjay.post import one_line
from popinjay.text.quantities import size

MAX_SHOWN = 10  # of the posts that would be forgotten


def show_published(published: Mapping[str, Any], place: str) -> None:
    """Show the published files, and where they are; `place` says it in words."""
    from rich.table import Table

    out = console()
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right")
    for file in published["files"]:
        table.add_row(file["name"], size(file["bytes"]))
    table.add_row("total", size(sum(file["bytes"] for file in published["files"])), style="bold")
    out.print(table)
    for line in _where(published, place):
        out.print(line, soft_wrap=True, markup=False)


def _where(published: Mapping[str, Any], place: str) -> list[str]:
    """Return where the files were published, or would be."""
    to, version, url = published["to"], published["version"], published["url"]
    place += " (private)" if published["private"] else ""
    if published["dry_run"]:
        lines = [f"This would be published to {place}. Nothing was sent."]
        if Path(to).is_absolute():
            lines.append(f"To publish it on the Hugging Face hub: --to hub:you/{Path(to).name}")
        return lines
    done = (
        f"Published to {place}" + (f", version {version}." if version else ".")
        if published["changed"]
        else f"All of this was in {place} already"
        + (f" as version {version}" if version else "")
        + "."
    )
    if url:
        return [done, url]
    return [
        done,
        *(["Its README.md says how to put it on the web."] if to.startswith("pages:") else []),
    ]


def show_renamed(old: str, new: str, path: str, again: str) -> None:
    """Say what a persona is called now, and the command that makes it `again`, if there is one."""
    out = console()
    out.print(f"{old} is now called {new}, in {path}", soft_wrap=True)
    out.print(f"Try it: popinjay say {new}")
    if again:
        out.print(f"Make it again, such as from newer posts: {again}", soft_wrap=True)


def show_removed(name: str, freed: str, elsewhere: Sequence[tuple[str, str]]) -> None:
    """Say what was deleted, and what stays elsewhere."""
    out = console()
    out.print(f"{name} was deleted: {freed} are free again.")
    for place, what in elsewhere:
        out.print(f"{what} It stays there: {place}")


def show_choice(what: str, texts: Sequence[str], also: Sequence[str], *, dry_run: bool) -> None:
    """Show the posts that would be forgotten, and in which blends and cyborgs too.

    A dry run prints them as its result on standard output; otherwise they go to standard error.
    """
    from rich.text import Text

    out = console(stderr=not dry_run)
    out.print(f"This would forget {what}:" if dry_run or len(texts) > 1 else f"Forgetting {what}:")
    for text in texts[:MAX_SHOWN]:
        out.print(Text(f"  {one_line(text)}"), overflow="ellipsis", no_wrap=True)
    if len(texts) > MAX_SHOWN:
        out.print(f"  ... and {len(texts) - MAX_SHOWN:,} more")
    if also:
        out.print(f"Also in what has the same posts: {', '.join(also)}")
    if dry_run:
        out.print("Nothing was changed.")
