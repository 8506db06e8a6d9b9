"""Show drafts: one as a card to decide about, and lists of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from popinjay.cli.consoles import console
from popinjay.cli.show_posts import GAP, labelled

if TYPE_CHECKING:
    from rich.panel import Panel

    from popinjay.bots.checking import Check
    from popinjay.store.post_queue import Draft, DraftState

WIDEST = 76  # columns of a card
STYLES = {
    "approved": "green",
    "posted": "green",
    "sending": "cyan",
    "rejected": "dim",
    "superseded": "dim",
    "failed": "red",
}


def show_card(draft: Draft, check: Check, left: int) -> None:
    """Show a draft as it would be posted, with its lengths and what was found in it."""
    from rich.text import Text

    out = console()
    out.print()
    out.print(card(draft, check, left, out.width))
    came_back = [f"It came back: {draft.error}"] if draft.error else []
    for warning in (*came_back, *check.warnings):
        out.print(Text(f"! {warning}", "yellow"), width=min(out.width, WIDEST), overflow="fold")


def card(draft: Draft, check: Check, left: int, width: int) -> Panel:
    """Return the card of a draft."""
    from rich.panel import Panel
    from rich.text import Text

    return Panel(
        Text(check.shown, overflow="fold"),
        title=Text(f"draft {draft.id}", "bold"),
        title_align="left",
        subtitle=Text.assemble(_lengths(check), (f" · {left:,} left", "dim")),
        subtitle_align="left",
        width=min(width, WIDEST),
        padding=(1, 2),
    )


def _lengths(check: Check) -> Any:
    """Return the length on each network, in red where it is too long."""
    from rich.text import Text

    from popinjay.bots.lengths import NETWORKS

    parts = [
        (
            f"{network.name} {check.lengths[key]}/{network.limit}",
            "red" if key in check.too_long_for else "dim",
        )
        for key, network in NETWORKS.items()
    ]
    return Text(" · ", "dim").join(Text(text, style) for text, style in parts)


def show_drafts(drafts: Sequence[Draft]) -> None:
    """List drafts: id, state and text; in a file or pipe one per line, separated by tabs."""
    if not sys.stdout.isatty():
        for draft in drafts:
            print(f"{draft.id}\t{draft.state}\t{' '.join(draft.text.split())}")
        return
    from rich.text import Text

    out = console()
    ids = max((len(str(draft.id)) for draft in drafts), default=1)
    states = max((len(draft.state) for draft in drafts), default=1)
    for draft in drafts:
        style = STYLES.get(draft.state, "")
        text = Text(draft.text or "(its text was forgotten)", "" if draft.text else "dim")
        if more := "deleted" if draft.deleted_at else draft.url or draft.error:
            text.append(f"  {more}", "dim")
        label = f"{draft.id:>{ids}}{' ' * GAP}{draft.state:<{states}}"
        row = labelled(label, text, width=len(label))
        row.columns[0].style = style or "cyan"
        out.print(row)


def show_counts(counts: Mapping[DraftState, int], name: str) -> None:
    """Say in a terminal how many drafts are in each state, and what to do next."""
    out = console()
    said = ", ".join(f"{number:,} {state}" for state, number in counts.items() if number)
    if not said:
        out.print(f"The queue of {name} is empty. Fill it: popinjay queue {name} --write 50")
        return
    if not sys.stdout.isatty():
        return
    out.print(f"\n{said}")
    if any(number for state, number in counts.items() if state == "draft"):
        out.print(f"Decide about the drafts, one key each: popinjay queue {name}", style="dim")
    else:
        out.print(f"Write more: popinjay queue {name} --write 50", style="dim")


def draft_to_json(draft: Draft) -> dict[str, Any]:
    """Return a draft for JSON, without what is sent: that is between popinjay and the server."""
    from dataclasses import fields

    found = {field.name: getattr(draft, field.name) for field in fields(draft)}
    for name in ("content", "key"):
        found.pop(name)
    return {**found, "made_with": dict(draft.made_with)}
