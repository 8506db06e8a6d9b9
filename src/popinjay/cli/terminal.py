"""What a person sees of a result: tables, posts and sentences."""

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
from popinjay.sampling.request import Tally
from popinjay.standard_streams import tell
from popinjay.text.quantities import size

if TYPE_CHECKING:
    from popinjay.report.schema import Report

MOST_SHOWN = 10  # posts that are to be forgotten


def show_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def show_inspection(authors: Sequence[Mapping[str, Any]]) -> None:
    """What is in some specs, as a table with a column an author."""
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
    """Each persona and how each of its stages stands."""
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
    """Show which engine computes a persona's model, and why it is not the fast one."""
    out = console()
    if engine["name"] is None:
        out.print(f"{name} can't speak now. {engine['why_slow']}", markup=False, highlight=False)
    elif engine["why_slow"] is None:
        out.print(f"{name} speaks through ONNX Runtime, in 8 bits.", markup=False, highlight=False)
    else:
        out.print(
            f"{name} speaks through PyTorch, not through the fast engine: {engine['why_slow']}.",
            markup=False,
            highlight=False,
        )


def show_published(published: Mapping[str, Any]) -> None:
    """What was published, file by file, and how it stands."""
    from rich.table import Table

    out = console()
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right")
    for file in published["files"]:
        table.add_row(file["name"], f"{file['bytes']:,} bytes")
    table.add_row(
        "together", f"{sum(file['bytes'] for file in published['files']):,} bytes", style="bold"
    )
    out.print(table)
    private = " (private)" if published["private"] else ""
    if published["dry_run"]:
        out.print(f"This would go to {published['to']}{private}. Nothing was sent.")
    elif published["changed"]:
        out.print(
            f"It lies in {published['to']}{private}"
            + (f", version {published['version']}." if published["version"] else ".")
        )
    else:
        out.print(
            f"All of this lay in {published['to']}{private} already"
            + (f" as version {published['version']}" if published["version"] else "")
            + "."
        )


def show_choice(what: str, texts: Sequence[str], *, dry_run: bool) -> None:
    """Show the posts that would be forgotten: as a result on standard output, before it is done on standard error."""
    from rich.text import Text

    out = console(stderr=not dry_run)
    out.print(f"This would forget {what}:" if dry_run or len(texts) > 1 else f"Forgetting {what}:")
    for text in texts[:MOST_SHOWN]:
        out.print(Text(f"  {one_line(text)}"), overflow="ellipsis", no_wrap=True)
    if len(texts) > MOST_SHOWN:
        out.print(f"  ... and {len(texts) - MOST_SHOWN:,} more")
    if dry_run:
        out.print("Nothing was changed.")


def show_still_known(name: str, what: str) -> None:
    """That a model still knows what it was told to forget, if it does, and the command that mends it."""
    if what:
        tell(
            f"popinjay: warning: {name} was told to forget {what}, but its model learnt from it and knows it until it is trained again."
        )
        tell(f"          Train it again: popinjay forget {name} --retrain")


def show_lineage(name: str, artifacts: Sequence[Mapping[str, Any]]) -> None:
    """What a persona came from: each version under the job that made it, that under what it used; then what there was before."""
    from rich.text import Text
    from rich.tree import Tree

    out = console()
    now = [one for one in artifacts if one["state"] != "earlier"]
    if not now:
        out.print(f"{name} has no lineage yet: see popinjay status {name}")
        return

    def line(one: Mapping[str, Any]) -> Text:
        changed = ("  ", f"({one['state']})") if one["state"] != "fresh" else ("",)
        return Text.assemble(
            (one["artifact"], "bold"),
            "  ",
            (f"{one['type']}  {one['hash'][:12]}  {one['made'][:10]}", "dim"),
            *changed,
        )

    tree = Tree(line(now[0]), guide_style="dim")
    branch, others = tree, {one["artifact"]: one for one in artifacts}
    drawn = [now[0]["artifact"]]
    for one in now[1:]:
        if one["job"]:
            job = branch.add(Text(one["job"], "cyan"))
            for used in one["uses"]:
                if used != drawn[-1]:
                    job.add(
                        Text.assemble(
                            ("with ", "dim"), used if used in drawn else line(others[used])
                        )
                    )
            branch = job.add(line(one))
            drawn.append(one["artifact"])
    out.print(tree)
    for one in artifacts:
        if one["state"] == "earlier":
            came = f" from {', '.join(one['uses'])}" if one["uses"] else ""
            out.print(
                Text(
                    f"earlier: {one['artifact']}  {one['hash'][:12]}  {one['made'][:10]}{came}",
                    "dim",
                )
            )


def show_bases(bases: Sequence[Mapping[str, Any]]) -> None:
    """The base models known by name and how to get them, then how the built-in one came about."""
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
    out.print("\nGet one: popinjay bases get NAME. Take it: popinjay make SPEC --base NAME")
    for base in bases:
        if base["terms"] and not base["terms"]["accepted"]:
            terms = base["terms"]
            out.print(
                f"{base['name']} comes under the {terms['title']} ({terms['url']}): popinjay bases get {base['name']} --accept {terms['name']}"
            )
    for base in bases:
        record = base["record"]
        if record and "source" in record:
            rounded = (
                f", from a file rounded to {record['quantization']}"
                if record["quantization"]
                else ""
            )
            out.print(f"\n{base['name']} comes from {record['source']}{rounded}.")
        elif record:
            losses = ", ".join(
                f"{name} {bits:.3f}" for name, bits in record["held_out_bits_per_byte"].items()
            )
            out.print(
                f"\n{base['name']} is {record['name']} version {record['version']}, SHA-256 {record['sha256']}:"
            )
            out.print(
                f"{record['tokens_seen']:,} tokens in {record['seconds'] / 60:,.0f} minutes; held-out bits a byte: {losses}."
            )
    out.print(
        "\nAny other model of the Hugging Face hub (organisation/name) or in a folder can be a base too: popinjay make SPEC --base IT"
    )


def show_sources(sources: Sequence[Mapping[str, Any]]) -> None:
    """What posts can be read from, and what each takes besides."""
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
        "\nSee what is in one: popinjay inspect SPEC. Your own archive or export is always the whole of it, and asks nobody."
    )


def show_persona(name: str, path: str, samples: Sequence[str]) -> None:
    """A persona that has just been made: a few posts as they came, and what to type next."""
    from rich.padding import Padding

    out = console()
    out.print(f"\n{name} is ready in {path}. It says, unpicked:\n")
    for text in samples:
        out.print(Padding(text, (0, 0, 0, 2), expand=False))
    out.print(
        f'\nMore:    popinjay say {name}\nPrompt:  popinjay say {name} "My dream is"\nCard:    {path}/README.md'
    )


def show_report(name: str, report: Report, other: tuple[str, Report] | None, page: str) -> None:
    """Print the verdict, every number beside its controls, and where the page is."""
    from popinjay.report.terminal_table import closing_lines, report_table

    out = console()
    for title, one in ((name, report), *([other] if other else [])):
        out.print(f"{title}: {one.verdict}" if other else one.verdict, style="bold")
    out.print()
    out.print(report_table(name, report, other, width=out.width))
    out.print()
    for line in closing_lines(report):
        out.print(line)
    out.print(f"\nPage: {page}")


def show_posts(posts: Iterator[str], count: int, finding: str) -> None:
    """Posts, one a line, as they come; how many are done where they go to a file and somebody watches."""
    with waiting(finding):
        first = next(posts, None)
    if first is None:
        return
    print(first, flush=True)
    with counting(count) as tell:
        for number, post in enumerate(posts, 2):
            print(post, flush=True)
            tell(number)


def show_events(events: Iterator[PostEvent], finding: str) -> None:
    """Show posts one after another, each as it is written.

    A rejected draft is wiped off a terminal, and never written anywhere else.
    """
    show = _show_live if sys.stdout.isatty() else _show_whole
    while True:
        with waiting(finding):
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
                    _wipe(shown)
                    shown = ""
                case Finished() | Missing():
                    return
    finally:
        print(flush=True)  # a post that was interrupted ends its line too


def _show_whole(events: Iterator[PostEvent]) -> None:
    """Print one post once it is finished."""
    for event in events:
        if isinstance(event, Finished):
            print(event.post.text, flush=True)
        if isinstance(event, Finished | Missing):
            return


def _wipe(shown: str) -> None:
    """Take back what stands at the end of the terminal, however many lines it fills."""
    from rich.cells import cell_len

    above = max(0, cell_len(shown) - 1) // shutil.get_terminal_size().columns
    print("\r" + (f"\x1b[{above}A" if above else "") + "\x1b[J", end="", flush=True)


def show_missing(tally: Tally) -> None:
    """That fewer posts came than were asked for."""
    if tally.missing:
        why = ", ".join(f"{count} {reason}" for reason, count in tally.redrawn.most_common())
        tell(
            f"{tally.missing:,} fewer than asked for: no draft of them was fit to be seen ({why})."
        )


def show_predictions(texts: Sequence[str], pick: int) -> None:
    """Predictions with their numbers, the one that is picked marked."""
    for number, text in enumerate(texts, 1):
        print(f"{'→' if number == pick else ' '} {number:>2}  {text}")


def show_picture(path: str) -> None:
    """Where the picture is, and how another one is chosen."""
    print(f"\nPicture: {path} (another: --pick NUMBER, --prompt or --seed)")


def show_error(message: str, hint: str) -> None:
    """One clear sentence, and a hint."""
    tell(f"popinjay: {message}")
    if hint:
        tell(f"          {hint}")
