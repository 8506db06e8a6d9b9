"""Show the user's defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from popinjay.cli.consoles import console


def show_settings(rows: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Show every default that is set, and where."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    if rows:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("key", no_wrap=True)
        table.add_column("value", overflow="fold")
        table.add_column("set in", overflow="fold")
        for row in rows:
            where = "the file" if row["from"] == "file" else f"the variable {row['from']}"
            if not row["used"]:
                where += " (not used: the variable counts)"
            table.add_row(row["key"], Text(_shown(row["value"])), where)
        out.print(table)
        out.print()
    else:
        out.print("Nothing is set: every command uses its own defaults.\n")
    out.print(f"File: {file}{'' if file.exists() else ' (not there yet)'}", soft_wrap=True)
    out.print("Set a default, such as: popinjay config set base smollm2")


def show_set(key: str, value: Any, file: Path) -> None:
    """Say what was set."""
    console().print(f"{key} = {_shown(value)} in {file}", soft_wrap=True)


def show_unset(key: str, file: Path) -> None:
    """Say what was removed."""
    console().print(f"{key} is no longer set in {file}", soft_wrap=True)


def _shown(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
