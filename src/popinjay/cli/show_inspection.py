"""Show in the terminal what specs contain, and what `make` would do with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from popinjay.cli.consoles import console
from popinjay.cli.show_posts import print_rows
from popinjay.text.quantities import plural, roughly, size

Author = Mapping[str, Any]  # a row of what `popinjay inspect --json` prints

MASKED = {  # sort of personal data -> one, several
    "email": ("e-mail address", "e-mail addresses"),
    "phone": ("phone number", "phone numbers"),
    "card": ("card number", "card numbers"),
    "iban": ("account number", "account numbers"),
    "ip": ("IP address", "IP addresses"),
    "key": ("secret key", "secret keys"),
}
LABELS = 9  # columns, at least, of the reasons beside dropped posts


def show_inspection(authors: Sequence[Author], command: str) -> None:
    """Show each author's part of the specs, what `make` would do, and the command for it."""
    if len(authors) > 1:
        _show_overview(authors)
    for author in authors:
        _show_author(author)
    _show_plan(authors, command)


def _show_overview(authors: Sequence[Author]) -> None:
    """Show a line for each of several authors."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("author", overflow="fold")
    for column in ("downloaded", "used", "characters"):
        table.add_column(column, justify="right")
    table.add_column("")
    for one in authors:
        numbers = (f"{one[key]:,}" for key in ("downloaded", "used", "characters"))
        table.add_row(f"@{one['author']}", *numbers, one["amount"])
    out = console()
    out.print(table)
    out.print()


def _show_author(author: Author) -> None:
    """Show what is in there of one author, with examples."""
    from rich.text import Text

    out = console()
    handle = f"@{author['author']}"
    name = author["name"]
    is_named = name not in ("", author["author"])
    title = [(name, "bold"), f" {handle}"] if is_named else [(handle, "bold")]
    out.print(Text.assemble(*title))
    out.print(_origin(author))
    out.print()
    _show_counts(author)
    out.print()
    if remarks := [*_remarks(author), *author["notes"]]:
        out.print("\n".join(remarks))
        out.print()
    _show_examples(author)
    out.print(Text(author["verdict"], "bold"))
    if author["hint"]:
        out.print(author["hint"])
    out.print()


def _origin(author: Author) -> str:
    """Return what the spec was taken for, with the dates and languages of the posts."""
    first, last = (str(author[end] or "")[:10] for end in ("first", "last"))
    dates = f"{first} to {last}" if first != last else first
    languages = ", ".join(f"{code} {share:.0%}" for code, share in author["languages"].items())
    return "; ".join(part for part in (author["source"], dates or "no dates", languages) if part)


def _show_counts(author: Author) -> None:
    """Show how many posts there are, and what becomes of them; lines of zero are left out."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    table.add_row("downloaded", f"{author['downloaded']:,}")
    for label, key in (("reposts", "reposts"), ("short posts", "short")):
        if author[key]:
            table.add_row(label, f"- {author[key]:,}")
    if author["further"]:
        table.add_row("kept", f"{author['kept']:,}")
    for reason, count in author["further"].items():
        table.add_row(reason, f"- {count:,}")
    table.add_row("used" if author["further"] else "kept", f"{author['used']:,}", style="bold")
    console().print(table)


def _remarks(author: Author) -> list[str]:
    """Return what was left out, never opened or masked, a sentence each."""
    remarks = []
    if author["left_out"]:
        counted = (f"{what} ({count:,})" for what, count in author["left_out"].items())
        remarks.append(f"Left out by the source: {', '.join(counted)}.")
    if author["unread"]:
        remarks.append(f"Private, never opened: {', '.join(author['unread'])}.")
    if author["masked"]:
        counted = (
            plural(count, *MASKED.get(sort, (sort,))) for sort, count in author["masked"].items()
        )
        remarks.append(f"Masked: {', '.join(counted)}.")
    return remarks


def _show_examples(author: Author) -> None:
    """Show posts that would be kept, and dropped ones with their reasons."""
    out = console()
    kept, dropped = author["examples"]["kept"], author["examples"]["dropped"]
    if kept:
        out.print("Kept, for example:")
        print_rows([("  +", one["text"]) for one in kept])
        out.print()
    if dropped:
        width = max(LABELS, *(len(one["reason"]) for one in dropped))
        out.print("Dropped, for example:")
        print_rows([(f"  {one['reason']:<{width}}", one["text"]) for one in dropped])
        out.print()


def _show_plan(authors: Sequence[Author], command: str) -> None:
    """Show what `make` would say to all of this, how long it would take, and what to type."""
    out = console()
    if short := [one for one in authors if one["amount"] == "too little"]:
        who = "" if len(authors) == 1 else f" of {' and '.join(one['author'] for one in short)}"
        out.print(f"popinjay make refuses this: there is too little{who} to learn from.")
        return
    for author in authors:
        if author["refusal"]:
            out.print(
                f"popinjay make refuses this unless the posts are your own: {author['refusal']}"
            )
    for line in _times(authors[0]["estimate"], authors[0]["alternative"]):
        out.print(line)
    if all(author["anonymous"] for author in authors):
        out.print("The file does not say whose posts these are: make asks for a name.")
    out.print(f"\nNext:\n  {command}", soft_wrap=True)


def _times(estimate: Mapping[str, Any] | None, alternative: Mapping[str, Any] | None) -> list[str]:
    """Return how long `make` would take, with the base it would choose and without a download."""
    if estimate is None:
        return []
    took = "" if estimate["is_measured"] else ", judging by the speed of this machine"
    base = estimate["base"]
    if not estimate["download_bytes"]:
        return [f"Making it takes {roughly(estimate['seconds'])} with the base model {base}{took}."]
    lines = [
        f"Making it takes {roughly(estimate['seconds'])} with the base model {base}{took}, after a "
        f"download of {size(estimate['download_bytes'])}, which is asked for first."
    ]
    if alternative is not None:
        lines.append(
            f"Without the download: {roughly(alternative['seconds'])} with the base model "
            f"{alternative['base']}, whose English is rough."
        )
    return lines
