"""Show what a persona can be made from: base models, and sources of posts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from popinjay.cli.progress import console
from popinjay.text.quantities import size


def show_bases(bases: Sequence[Mapping[str, Any]]) -> None:
    """Show the base models that have a name, how to get them, and how they were made."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("base", "parameters", "languages", "license", "here", "download", "what it is"):
        table.add_column(
            column,
            justify="right" if column in ("parameters", "here", "download") else "left",
            overflow="fold",
        )
    for base in bases:
        table.add_row(
            base["name"],
            f"{base['parameters'] / 1e6:,.0f} M" if base["parameters"] else "",
            ", ".join(base["languages"]).replace("mul", "many"),
            base["license"],
            Text(size(base["bytes"] or 0), "green") if base["here"] else Text("no", "dim"),
            size(base["download_bytes"]) if base["download_bytes"] else "",
            base["summary"],
        )
    out.print(table)
    out.print("\nDownload one: popinjay bases get NAME. Use it: popinjay make SPEC --base NAME")
    for base in bases:
        if base["terms"] and not base["terms"]["accepted"]:
            terms = base["terms"]
            out.print(
                f"{base['name']} is subject to the {terms['title']} ({terms['url']}): "
                f"popinjay bases get {base['name']} --accept {terms['name']}"
            )
    for base in bases:
        record = base["record"]
        if record and "source" in record:
            scheme = record["quantization"]
            quantized = f", from a file quantized to {scheme}" if scheme else ""
            out.print(f"\n{base['name']} comes from {record['source']}{quantized}.")
        elif record:
            losses = ", ".join(
                f"{name} {bits:.3f}" for name, bits in record["held_out_bits_per_byte"].items()
            )
            out.print(
                f"\n{base['name']} is {record['name']} version {record['version']}, "
                f"SHA-256 {record['sha256']}:"
            )
            out.print(
                f"{record['tokens_seen']:,} tokens in {record['seconds'] / 60:,.0f} minutes; "
                f"held-out bits per byte: {losses}."
            )
    out.print(
        "\nAny other model on the Hugging Face hub (ORGANISATION/NAME) or in a folder can be a "
        "base too: popinjay make SPEC --base MODEL"
    )


def show_sources(sources: Sequence[Mapping[str, Any]]) -> None:
    """Show what posts can be read from, and what each needs."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("source", "give", "needs"):
        table.add_column(column, overflow="fold")
    for source in sources:
        table.add_row(source["name"], source["give"], source["needs"] or Text("nothing", "dim"))
    out.print(table)
    out.print(
        "\nSee what one contains: popinjay inspect SPEC. Your own archive or export is always "
        "complete, and needs no network."
    )
