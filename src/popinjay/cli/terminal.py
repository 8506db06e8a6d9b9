"""Show results in the terminal: tables, posts and sentences."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from popinjay.cli.progress import console, counting, waiting
from popinjay.post import one_line
from popinjay.sampling.events import Finished, Missing, Piece, PostEvent, Restart
from popinjay.standard_streams import print_error
from popinjay.text.quantities import size

if TYPE_CHECKING:
    from popinjay.report.schema import Report
    from popinjay.sampling.request import Tally

MAX_SHOWN = 10  # of the posts that would be forgotten


def show_json(value: Any) -> None:
    """Print a JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def show_inspection(authors: Sequence[Mapping[str, Any]]) -> None:
    """Show what specs contain, as a table with a column per author."""
    from rich.table import Table

    out = console()
    table = Table(box=None, pad_edge=False, show_header=True, header_style="bold")
    table.add_column("")
    for row in authors:
        table.add_column(f"@{row['author']}", justify="right")
    lines = [
        ("downloaded", "downloaded"),
        ("reposts", "reposts"),
        ("short posts", "short"),
        ("kept", "kept"),
    ]
    for label, key in lines:
        table.add_row(
            label, *(f"{row[key]:,}" for row in authors), style="bold" if key == "kept" else ""
        )
    reasons = list(dict.fromkeys(reason for row in authors for reason in row["further"]))
    for reason in reasons:
        table.add_row(
            f"further dropped: {reason}", *(f"{row['further'].get(reason, 0):,}" for row in authors)
        )
    table.add_row("used", *(f"{row['used']:,}" for row in authors), style="bold")
    table.add_row("characters", *(f"{row['characters']:,}" for row in authors))
    table.add_row("first", *((row["first"] or "no dates")[:10] for row in authors))
    table.add_row("last", *((row["last"] or "no dates")[:10] for row in authors))
    table.add_row(
        "languages",
        *(
            ", ".join(f"{code} {share:.0%}" for code, share in row["languages"].items())
            for row in authors
        ),
    )
    out.print(table)
    for row in authors:
        for title, facts in (
            ("Left out at the source", row["left_out"]),
            ("Private, never opened", row["unread"]),
            ("Masked", row["masked"]),
        ):
            if facts:
                out.print(
                    f"{title} (@{row['author']}): "
                    + ", ".join(f"{count:,} × {what}" for what, count in facts.items())
                )
        for note in [*row["notes"], row["verdict"]]:
            if note:
                out.print(f"@{row['author']}: {note}")


def show_status(personas: Sequence[Mapping[str, Any]]) -> None:
    """Show the state of each stage of each persona."""
    from rich.table import Table
    from rich.text import Text

    styles = {"fresh": "green", "stale": "yellow", "missing": "dim", "failed": "red"}
    out = console()
    if not personas:
        out.print("No personas yet. Make one: popinjay make SPEC, or try: popinjay demo")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("persona", *(stage["stage"] for stage in personas[0]["stages"])):
        table.add_column(column)
    for persona in personas:
        table.add_row(
            persona["name"],
            *(Text(stage["state"], styles[stage["state"]]) for stage in persona["stages"]),
        )
    out.print(table)
    for persona in personas:
        for stage in persona["stages"]:
            if stage.get("error"):
                out.print(f"{persona['name']}: {stage['stage']} failed: {stage['error']}")


def show_engine(name: str, engine: Mapping[str, Any]) -> None:
    """Show which engine runs a persona's model, and why it is not the fast one."""
    out = console()
    if engine["name"] is None:
        out.print(f"{name} can't write now. {engine['why_slow']}", markup=False, highlight=False)
    elif engine["why_slow"] is None:
        out.print(f"{name} runs on ONNX Runtime, in 8 bits.", markup=False, highlight=False)
    else:
        out.print(
            f"{name} runs on PyTorch, not on the faster ONNX Runtime: {engine['why_slow']}.",
            markup=False,
            highlight=False,
        )


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


def show_still_known(name: str, what: str) -> None:
    """Warn that a model still knows what was forgotten, unless `what` is empty."""
    if what:
        print_error(
            f"popinjay: warning: {name} was told to forget {what}, but its model learnt from it "
            "and knows it until it is trained again."
        )
        print_error(f"          Train it again: popinjay forget {name} --retrain")


def show_lineage(name: str, artifacts: Sequence[Mapping[str, Any]]) -> None:
    """Show what a persona was made from, as a tree, and then the earlier versions.

    Each artifact is below the job that made it, and the job below the artifact that it used.
    """
    from rich.text import Text
    from rich.tree import Tree

    out = console()
    current = [artifact for artifact in artifacts if artifact["state"] != "earlier"]
    if not current:
        out.print(f"{name} has no lineage yet: see popinjay status {name}")
        return

    def line(artifact: Mapping[str, Any]) -> Text:
        state = artifact["state"]
        details = f"{artifact['type']}  {artifact['hash'][:12]}  {artifact['made'][:10]}"
        suffix = ("  ", f"({state})") if state != "fresh" else ("",)
        return Text.assemble((artifact["artifact"], "bold"), "  ", (details, "dim"), *suffix)

    tree = Tree(line(current[0]), guide_style="dim")
    branch = tree
    by_name = {artifact["artifact"]: artifact for artifact in artifacts}
    shown = [current[0]["artifact"]]
    for artifact in current[1:]:
        if artifact["job"]:
            job = branch.add(Text(artifact["job"], "cyan"))
            for used in artifact["uses"]:
                if used != shown[-1]:
                    label = used if used in shown else line(by_name[used])
                    job.add(Text.assemble(("with ", "dim"), label))
            branch = job.add(line(artifact))
            shown.append(artifact["artifact"])
    out.print(tree)
    for artifact in artifacts:
        if artifact["state"] == "earlier":
            uses = f" from {', '.join(artifact['uses'])}" if artifact["uses"] else ""
            details = f"{artifact['artifact']}  {artifact['hash'][:12]}  {artifact['made'][:10]}"
            out.print(Text(f"earlier: {details}{uses}", "dim"))


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


def show_persona(name: str, path: str, samples: Sequence[str]) -> None:
    """Show a new persona: a few of its posts, unselected, and what to run next."""
    from rich.padding import Padding

    out = console()
    out.print(f"\n{name} is ready in {path}. Its first posts, unselected:\n")
    for text in samples:
        out.print(Padding(text, (0, 0, 0, 2), expand=False))
    out.print(
        f"\nMore:    popinjay say {name}\n"
        f'Prompt:  popinjay say {name} "My dream is"\n'
        f"Card:    {path}/README.md"
    )


def show_report(
    name: str,
    report: Report,
    other: tuple[str, Report] | None,
    page: str,
    *,
    everything: bool = False,
) -> None:
    """Print the verdict, numbers beside their controls, and where the page is.

    Args:
        name: The persona.
        report: Its report.
        other: The name and the report of another one, to stand beside it.
        page: The path of the page.
        everything: Whether to print every number instead of the ten that say most.
    """
    from popinjay.report.terminal_table import closing_lines, report_table
    from popinjay.report.verdict import plain_verdict

    out = console()
    for title, one in ((name, report), *([other] if other else [])):
        verdict = plain_verdict(one)
        out.print(f"{title}: {verdict}" if other else verdict, style="bold")
    out.print()
    out.print(report_table(name, report, other, width=out.width, everything=everything))
    out.print()
    for line in closing_lines(name, report, other[0] if other else None, everything=everything):
        out.print(line)
    out.print(f"\nPage: {page}")


def show_posts(posts: Iterator[str], count: int, doing: str) -> None:
    """Print posts as they are finished, one per line, with a progress bar if they go to a file.

    `doing` describes the wait for the first post.
    """
    with waiting(doing):
        first = next(posts, None)
    if first is None:
        return
    print(first, flush=True)
    with counting(count) as show_count:
        for number, post in enumerate(posts, 2):
            print(post, flush=True)
            show_count(number)


def show_events(events: Iterator[PostEvent], doing: str) -> None:
    """Print posts one after another, each in pieces as it is written.

    A rejected draft is erased from a terminal; elsewhere only complete posts are printed.
    """
    show = _show_live if sys.stdout.isatty() else _show_whole
    while True:
        with waiting(doing):
            first = next(events, None)
        if first is None:
            return
        if not isinstance(first, Missing):
            show(chain([first], events))


def _show_live(events: Iterator[PostEvent]) -> None:
    """Show one post on a terminal, piece by piece."""
    shown = ""
    try:
        for event in events:
            match event:
                case Piece(_, text):
                    print(text, end="", flush=True)
                    shown += text
                case Restart():
                    _erase(shown)
                    shown = ""
                case Finished() | Missing():
                    return
    finally:
        print(flush=True)  # also after Ctrl-C


def _show_whole(events: Iterator[PostEvent]) -> None:
    """Print one post once it is finished."""
    for event in events:
        if isinstance(event, Finished):
            print(event.post.text, flush=True)
        if isinstance(event, Finished | Missing):
            return


def _erase(shown: str) -> None:
    """Erase the text that was printed last from the terminal, over all lines that it fills."""
    from rich.cells import cell_len

    lines_up = max(0, cell_len(shown) - 1) // shutil.get_terminal_size().columns
    print("\r" + (f"\x1b[{lines_up}A" if lines_up else "") + "\x1b[J", end="", flush=True)


def show_missing(tally: Tally) -> None:
    """Warn that fewer posts were written than requested."""
    if tally.missing:
        reasons = ", ".join(f"{count} {reason}" for reason, count in tally.redrawn.most_common())
        print_error(
            f"{tally.missing:,} fewer than requested: every draft of them was rejected ({reasons})."
        )


def show_predictions(texts: Sequence[str], pick: int) -> None:
    """Print numbered predictions with a mark at the chosen one."""
    for number, text in enumerate(texts, 1):
        print(f"{'→' if number == pick else ' '} {number:>2}  {text}")


def show_picture(path: str) -> None:
    """Print where the picture is, and how to choose another."""
    print(f"\nPicture: {path} (another: --pick NUMBER, --prompt or --seed)")


def show_error(message: str, hint: str) -> None:
    """Print an error and a hint on standard error."""
    print_error(f"popinjay: {message}")
    if hint:
        print_error(f"          {hint}")
