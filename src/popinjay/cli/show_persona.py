"""Show what is known about a persona: its stages, its report, and what it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from popinjay.cli.progress import console

if TYPE_CHECKING:
    from popinjay.report.schema import Report


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
