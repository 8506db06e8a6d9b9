"""Show what a persona can be made from: base models, and sources of posts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from popinjay.cli.consoles import console
from popinjay.text.quantities import size

MOST_LANGUAGES = 3  # that are named


def show_bases(bases: Sequence[Mapping[str, Any]], *, details: bool = False) -> None:
    """Show the base models that have a name, how large they are, and which suits which posts.

    `details` adds how each was made, with its hashes.
    """
    from rich.table import Table
    from rich.text import Text

    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("base", no_wrap=True)
    for column in ("here", "download"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("languages", max_width=16)
    table.add_column("what it is")
    for base in bases:
        download = base["download_bytes"]
        table.add_row(
            base["name"],
            Text(size(base["bytes"] or 0), "green") if base["here"] else Text("no", "dim"),
            size(download) if download else Text("none", "dim"),
            _languages(base["languages"]),
            base["summary"] + (f" ({base['license']})" if details else ""),
        )
    out.print(table)
    out.print()
    for line in (*_advice(bases), *(_origins(bases) if details else ())):
        out.print(line)


def _languages(codes: Sequence[str]) -> str:
    """Return languages by their codes; of many only how many."""
    if list(codes) == ["mul"]:
        return "140"
    if len(codes) <= MOST_LANGUAGES:
        return ", ".join(codes)
    return f"{', '.join(codes[:MOST_LANGUAGES])} and {len(codes) - MOST_LANGUAGES} more"


def _advice(bases: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return which base suits which posts, and what to type."""
    lines = [
        "For posts in English take smollm2, for other languages gemma3; without --base, make does "
        "so if they are here. builtin needs no download, and its language is rough.",
        "Download one: popinjay bases get NAME",
        "Use it: popinjay make SPEC --base NAME",
        "Always use it: popinjay config set base NAME",
    ]
    for base in bases:
        if (terms := base["terms"]) and not terms["accepted"]:
            lines.append(
                f"{base['name']} has terms of use, the {terms['title']} ({terms['url']}): "
                f"popinjay bases get {base['name']} --accept {terms['name']}"
            )
    lines.append(
        "Any other model on the Hugging Face hub (ORGANISATION/NAME) or in a folder can be a base "
        "too: popinjay make SPEC --base MODEL"
    )
    return lines


def _origins(bases: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return how each base was made, as far as that is known."""
    lines = []
    for base in bases:
        record = base["record"]
        if record and "source" in record:
            scheme = record["quantization"]
            quantized = f", from a file quantized to {scheme}" if scheme else ""
            lines.append(f"\n{base['name']} comes from {record['source']}{quantized}.")
        elif record:
            losses = ", ".join(
                f"{name} {bits:.3f}" for name, bits in record["held_out_bits_per_byte"].items()
            )
            lines.append(
                f"\n{base['name']} is {record['name']} version {record['version']}, "
                f"SHA-256 {record['sha256']}:\n"
                f"{record['tokens_seen']:,} tokens in {record['seconds'] / 60:,.0f} minutes; "
                f"held-out bits per byte: {losses}."
            )
    return lines


def show_sources(sources: Sequence[Mapping[str, Any]]) -> None:
    """Show what posts can be read from, and what each needs: first what needs nothing."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    for title, needs_nothing in (
        ("Files: they need no network, and your own archive is complete", True),
        ("Accounts", False),
    ):
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for source in sources:
            if (source["needs"] is None) is needs_nothing:
                needs = f"\nneeds {source['needs']}" if source["needs"] else ""
                table.add_row(f"  {source['name']}", Text.assemble(source["give"], (needs, "dim")))
        if table.row_count:
            out.print(title, style="bold")
            out.print(table)
            out.print()
    out.print("See what one contains: popinjay inspect SPEC")
