"""Show the accounts that bots post to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from popinjay.cli.consoles import console

_MARKS = {True: ("yes", "green"), False: ("no", "yellow"), None: ("", "")}


def show_logged_in(name: str) -> None:
    """Say which account was logged in to."""
    _show_line(f"Logged in to {name}. Look at it: popinjay accounts")


def show_logged_out(name: str) -> None:
    """Say which account was logged out of."""
    _show_line(f"Logged out of {name}.")


def _show_line(text: str) -> None:
    from rich.text import Text

    console().print(Text(text), soft_wrap=True)


def show_accounts(rows: Sequence[Mapping[str, Any]], *, rules: bool) -> None:
    """Show accounts: their names, whether they are marked as bots, and what is the matter."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    if not rows:
        out.print(
            "No account is logged in. Log in to one: popinjay login bsky, or "
            "popinjay login mastodon"
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("account", overflow="fold")
    table.add_column("shown as", overflow="fold")
    table.add_column("marked as a bot", no_wrap=True)
    table.add_column("server", overflow="fold")
    for row in rows:
        table.add_row(
            Text(row["name"]), Text(row["shown_as"]), Text(*_MARKS[row["bot"]]), Text(row["server"])
        )
    out.print(table)
    for row in rows:
        if row["trouble"]:
            out.print(Text(f"\n{row['name']}: {row['trouble']}", "red"))
            if row["hint"]:
                out.print(Text(row["hint"]))
        if rules and "rules" in row:
            _show_rules(row["server"], row["rules"])


def _show_rules(server: str, rules: Sequence[Mapping[str, str]]) -> None:
    """Print the rules of a server, as it words them."""
    from rich.text import Text

    out = console()
    if not rules:
        out.print(f"\n{server} publishes no rules that can be read here.")
        return
    out.print(f"\nThe rules of {server}:")
    for rule in rules:
        for begin, line in zip(("- ", *["  "] * 99), rule["text"].splitlines(), strict=False):
            out.print(Text(f"{begin}{line}"))
