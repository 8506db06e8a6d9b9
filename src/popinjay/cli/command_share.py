"""The commands to share and remove a persona: publish, rename, remove."""

from __future__ import annotations

import argparse

from popinjay import options
from popinjay.cli import progress, questions, show_sharing, terminal
from popinjay.cli.commands import chosen_options
from popinjay.cli.made_again import make_again
from popinjay.errors import OptionError
from popinjay.text.quantities import size


def do_publish(args: argparse.Namespace) -> None:
    """Publish a persona."""
    from popinjay.publishing.publish import publish
    from popinjay.store.run import Run

    chosen = chosen_options(args, options.PublishOptions)
    with progress.listening(quiet=args.json) as listener:
        result = publish(Run.find(args.name, args.home), args.to, chosen, listener)
    document = {
        "persona": result.persona,
        "to": result.to,
        "url": result.url,
        "private": result.private,
        "dry_run": chosen.dry_run,
        "changed": result.changed,
        "version": result.version,
        "commit": result.commit,
        "files": [{"name": file.name, "bytes": file.size} for file in result.files],
    }
    if args.json:
        terminal.show_json(document)
    else:
        show_sharing.show_published(document, result.place)


def do_rename(args: argparse.Namespace) -> None:
    """Give a persona another name."""
    from popinjay.pipeline import rename
    from popinjay.store.run import Run

    run = Run.find(args.old, args.home)
    with progress.listening(quiet=True) as listener:
        persona = rename(run, args.new, listener)
    again = make_again(persona.run)
    show_sharing.show_renamed(run.name, persona.name, str(persona.path), again)


def do_remove(args: argparse.Namespace) -> None:
    """Delete a persona, after asking."""
    from popinjay.management import left_elsewhere
    from popinjay.pipeline import remove
    from popinjay.store.run import Run
    from popinjay.summary import folder_bytes

    run = Run.find(args.name, args.home)
    elsewhere = left_elsewhere(run)
    freed = size(folder_bytes(run.path))
    if not args.yes:
        if not questions.may_ask(False):
            raise OptionError(
                f"Deleting {run.name!r} needs a yes, and there is no terminal to ask in.",
                "Add --yes.",
            )
        stays = [f"{what} It stays there: {place}" for place, what in elsewhere]
        question = (
            f"Delete the persona {run.name!r} for good, with its model, its posts and all else in "
            f"{run.path} ({freed})?"
        )
        if not questions.yes("\n".join([*stays, question])):
            terminal.show_note("Nothing was deleted.")
            return
    remove(run)
    show_sharing.show_removed(run.name, freed, elsewhere if args.yes else [])
