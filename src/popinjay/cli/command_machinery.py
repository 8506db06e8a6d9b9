"""`popinjay lineage` and `popinjay sources`."""

from __future__ import annotations

import argparse

from popinjay.cli import show_persona, show_sources, terminal


def do_lineage(args: argparse.Namespace) -> None:
    """Show what a persona was made from."""
    from popinjay.store.lineage import graph
    from popinjay.store.run import Run
    from popinjay.store.versions import listed

    run = Run.find(args.name, args.home)
    kept = listed(run)
    artifacts = graph(
        run.name, run.record, {stage: state.value for stage, state in run.states().items()}
    )
    if args.json:
        terminal.show_json({"persona": run.name, "artifacts": artifacts, "kept": kept})
    else:
        show_persona.show_lineage(run.name, artifacts, kept)


def do_sources(args: argparse.Namespace) -> None:
    """List what posts can be read from."""
    from popinjay.sources import all_sources
    from popinjay.sources.source_options import help_of

    found = [
        {"name": source.NAME, "give": help_of(source), "needs": source.NEEDS or None}
        for source in all_sources()
    ]
    if args.json:
        terminal.show_json({"sources": found})
    else:
        show_sources.show_sources(found)
