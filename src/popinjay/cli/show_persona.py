"""Show what is known about a persona: its stages, its report, and what it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from popinjay.cli.consoles import console
from popinjay.store.lineage import KINDS
from popinjay.text.quantities import plural, size

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

    from popinjay.report.schema import Report
    from popinjay.store.post_queue import Draft
    from popinjay.summary import Summary


def show_status(personas: Sequence[Mapping[str, Any]]) -> None:
    """Show the state of each stage of each persona."""
    from rich.table import Table
    from rich.text import Text

    styles = {"done": "green", "stale": "yellow", "missing": "dim", "failed": "red"}
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
            *(Text(state, styles[state]) for state in map(_in_words, persona["stages"])),
        )
    out.print(table)
    for persona in personas:
        for stage in persona["stages"]:
            if stage.get("error"):
                out.print(f"{persona['name']}: {stage['stage']} failed: {stage['error']}")


def _in_words(stage: Mapping[str, Any]) -> str:
    """Return the state of a stage as people read it: what JSON calls `fresh` is done."""
    return "done" if stage["state"] == "fresh" else str(stage["state"])


def show_summary(summary: Summary) -> None:
    """Show when a persona was made and of what, how large it is, and where."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    rows = {
        "made": f"{summary.made_at:%Y-%m-%d %H:%M} UTC" if summary.made_at else "",
        "authors": " & ".join(f"@{handle}" for handle in summary.handles),
        "blend of": ", ".join(summary.blend),
        "whose": summary.whose or "not on record",
        "base": summary.base or "",
        "posts": "" if summary.posts is None else f"{summary.posts:,}",
        "size": "" if summary.bytes is None else size(summary.bytes),
        "verdict": summary.verdict or "",
        "folder": str(summary.path),
    }
    for label, value in rows.items():
        if value:
            table.add_row(label, value)
    out = console()
    out.print()
    out.print(table)


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


def show_report(
    name: str,
    report: Report,
    other: tuple[str, Report] | None,
    page: str,
    liked: Sequence[Draft] = (),
    *,
    everything: bool = False,
) -> None:
    """Print the verdict, numbers beside their controls, and where the page is.

    Args:
        name: The persona.
        report: Its report.
        other: The name and the report of another one, to stand beside it.
        page: The path of the page.
        liked: The posts that people liked, the most liked first.
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
    if liked:
        _show_liked(liked)
    out.print(f"\nPage: {page}")


def _show_liked(drafts: Sequence[Draft]) -> None:
    """Show the posts that people liked, each with its likes and reposts."""
    from popinjay.cli.show_posts import labelled

    out = console()
    out.print("\nWhat people liked", style="bold")
    labels = [
        f"{plural(draft.likes or 0, 'like')}, {plural(draft.reposts or 0, 'repost')}"
        for draft in drafts
    ]
    for label, draft in zip(labels, drafts, strict=True):
        out.print(labelled(label, draft.text, width=max(map(len, labels))))


def show_lineage(
    name: str, artifacts: Sequence[Mapping[str, Any]], kept: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Show what a persona was made from, as a tree, then the earlier versions, and those kept.

    Each artifact is below the job that made it, and the job below the artifact that it used.
    """
    from rich.text import Text

    out = console()
    # In the order in which they are made from one another: a base model can be older than posts.
    order = [kind.type for kind in KINDS]
    current = sorted(
        (artifact for artifact in artifacts if artifact["state"] not in ("earlier", "member")),
        key=lambda artifact: order.index(artifact["type"]),
    )
    if not current:
        out.print(f"{name} has no lineage yet: see popinjay status {name}")
        return

    out.print(_lineage_tree(current, artifacts))
    for artifact in artifacts:
        if artifact["state"] == "earlier":
            uses = f" from {', '.join(artifact['uses'])}" if artifact["uses"] else ""
            details = f"{artifact['artifact']}  {artifact['hash'][:12]}  {artifact['made'][:10]}"
            out.print(Text(f"earlier: {details}{uses}", "dim"))
    for version in kept:
        label = version["version"]
        number = label.rpartition(":")[2]
        held = f"{size(version['bytes'])}, until {version['kept_at'][:10]}"
        out.print(Text(f"kept here: {label}  {held}  popinjay restore {name} {number}"))


def _lineage_tree(
    current: Sequence[Mapping[str, Any]], artifacts: Sequence[Mapping[str, Any]]
) -> Tree:
    """Return the tree of the current artifacts; `artifacts` also has those of members."""
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(_artifact_line(current[0]), guide_style="dim")
    branch = tree
    by_name = {artifact["artifact"]: artifact for artifact in artifacts}
    branch_label = current[0]["artifact"]  # of the last artifact that was added to the tree
    shown = [branch_label]

    def add_used(job: Tree, label: str) -> None:
        """Add what a job used and, if that is of a blend's member, what it was made from."""
        is_new = label not in shown and label in by_name
        what = _artifact_line(by_name[label]) if is_new else label
        added = job.add(Text.assemble(("with ", "dim"), what))
        shown.append(label)
        if is_new and by_name[label]["state"] == "member" and by_name[label]["job"]:
            inner = added.add(Text(by_name[label]["job"], "cyan"))
            for used in by_name[label]["uses"]:
                add_used(inner, used)

    for artifact in current[1:]:
        if artifact["job"]:
            job = branch.add(Text(artifact["job"], "cyan"))
            for used in artifact["uses"]:
                if used != branch_label:
                    add_used(job, used)
            branch = job.add(_artifact_line(artifact))
            branch_label = artifact["artifact"]
            shown.append(branch_label)
    return tree


def _artifact_line(artifact: Mapping[str, Any]) -> Text:
    """Return an artifact's name, type, hash, date and state, on one line."""
    from rich.text import Text

    state = artifact["state"]
    details = f"{artifact['type']}  {artifact['hash'][:12]}  {artifact['made'][:10]}"
    suffix = ("  ", f"({state})") if state not in ("fresh", "member") else ("",)
    return Text.assemble((artifact["artifact"], "bold"), "  ", (details, "dim"), *suffix)
