"""Show what was exported, and the kinds of exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from popinjay.cli.consoles import console
from popinjay.text.quantities import size


def show_exported(exported: Mapping[str, Any]) -> None:
    """Show the files that were written, and what loads them."""
    from rich.table import Table

    out = console()
    if exported["files"]:
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(overflow="fold")
        table.add_column(justify="right")
        for file in exported["files"]:
            table.add_row(file["name"], size(file["bytes"]))
        total = sum(file["bytes"] for file in exported["files"])
        table.add_row("total", size(total), style="bold")
        out.print(table)
        out.print(f"Exported to {exported['folder']}", soft_wrap=True, markup=False)
    else:
        out.print(
            f"Nothing had to be written: {exported['path']} is loaded as it is.",
            soft_wrap=True,
            markup=False,
        )
    out.print("Load it with:")
    for line in exported["loaded_by"].splitlines():
        out.print(f"  {line}", soft_wrap=True, markup=False, highlight=False)


def show_kinds(kinds: Sequence[Mapping[str, Any]], persona: str) -> None:
    """Show the kinds of exports: what each is for, how large it gets and what it needs."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    models = list(dict.fromkeys(model for kind in kinds for model in kind["sizes"]))
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("kind", no_wrap=True)
    table.add_column("quant", no_wrap=True)
    for model in models:
        table.add_column(model, justify="right", no_wrap=True)
    table.add_column("what it is")
    for kind in kinds:
        for place, quant in enumerate(kind["quants"] or ("",)):
            sizes = [_size(kind["sizes"].get(model, {}).get(quant)) for model in models]
            table.add_row(
                Text(kind["name"] if place == 0 else ""),
                Text(quant or "-"),
                *map(Text, sizes),
                Text(_description(kind) if place == 0 else "", overflow="fold"),
            )
    out.print(table)
    out.print()
    if not persona:
        out.print("Sizes are those of personas with these base models; of one: NAME --list")
    out.print("The first quant of a kind is its default.")
    out.print(f"Export: popinjay export {persona or 'NAME'} --to KIND", markup=False)


def _size(bytes_: int | None) -> str:
    """Return the size of an export; of those that write nothing, a word."""
    if bytes_ is None:
        return ""
    return size(bytes_) if bytes_ else "nothing"


def _description(kind: Mapping[str, Any]) -> str:
    parts = [kind["help"]]
    if kind["needs"]:
        parts.append(f"needs {kind['needs']}")
    if kind["problem"]:
        parts.append(kind["problem"])
    return "; ".join(part for part in parts if part)
