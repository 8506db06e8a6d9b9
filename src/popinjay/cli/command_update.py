"""`popinjay update` and `popinjay restore`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from popinjay import options
from popinjay.cli import progress, questions, terminal
from popinjay.cli.commands import chosen_options
from popinjay.cli.consoles import console

if TYPE_CHECKING:
    from popinjay.updating import Updated


def do_update(args: argparse.Namespace) -> None:
    """Have a persona learn newer posts."""
    from popinjay.store.run import Run
    from popinjay.updating import update

    run = Run.find(args.name, args.home)
    ask: dict[str, Any] = {}
    if questions.may_ask(args.quiet or args.json):
        ask = {"ask": questions.yes}
    with progress.listening(
        quiet=args.quiet or args.json,
        verbose=args.verbose,
        starting="opening the posts",
        stopping=progress.SAVING,
    ) as listener:
        result = update(
            run,
            *args.specs,
            options=chosen_options(args, options.UpdateOptions),
            fetch=chosen_options(args, options.FetchOptions),
            track=chosen_options(args, options.TrackOptions),
            listener=listener,
            **ask,
        )
    if args.json:
        terminal.show_json(result.to_json())
    else:
        show_updated(result)


def show_updated(result: Updated) -> None:
    """Show what an update has done, and what to type next."""
    from popinjay.report.saved import load_report
    from popinjay.report.verdict import plain_verdict

    name = result.persona.name
    out = console()
    if not result.before:
        out.print(f"{name} is up to date.", highlight=False)
        return
    posts = "post" if result.learnt == 1 else "posts"
    learnt = f"{result.learnt:,} new {posts}"
    learnt = f"taken in {learnt}" if result.version == result.before else f"learnt {learnt}"
    said = f"{name} has {learnt}; {result.held_out:,} more are held out to measure it with."
    out.print()
    out.print(said, highlight=False)
    out.print(plain_verdict(load_report(result.persona.run)), highlight=False)
    out.print(f"\nBeside how it was: popinjay report {name} --against previous", highlight=False)
    if result.kept:
        number = result.kept[0].rpartition(":")[2]
        out.print(f"Undo:              popinjay restore {name} {number}", highlight=False)


def do_restore(args: argparse.Namespace) -> None:
    """Bring an earlier version of a persona back."""
    from popinjay.store.run import Run
    from popinjay.updating import restore

    run = Run.find(args.name, args.home)
    with progress.listening(quiet=True) as listener:
        restored, kept = restore(run, args.version, listener)
    if args.json:
        terminal.show_json({"persona": run.name, "version": restored, "kept": kept or None})
        return
    out = console()
    out.print(f"{run.name} is {restored} again.", highlight=False)
    if kept:
        number = kept.rpartition(":")[2]
        out.print(f"{kept} is kept: popinjay restore {run.name} {number}", highlight=False)
