"""`popinjay queue`: fill the queue of a persona, and decide what may be posted."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from popinjay import options
from popinjay.cli import progress, show_queue, terminal
from popinjay.cli.commands import chosen_options, given_options
from popinjay.errors import OptionError
from popinjay.post import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from popinjay.persona import Persona
    from popinjay.store.post_queue import Draft

ALL = "all"  # states of --list


def do_queue(args: argparse.Namespace) -> None:
    """Write drafts, decide about some, list them, or review them one by one."""
    from popinjay.persona import load

    _check(args)
    persona = load(args.name, args.home)
    if args.write is not None:
        terminal.show_still_known(persona.run)
        _write(args, persona)
    elif args.approve or args.reject or args.edit or args.undo is not None:
        _decide(args, persona)
    elif args.list is None and not args.json and _is_at_terminal():
        _review(persona)
    else:
        _list(args, persona)


def _check(args: argparse.Namespace) -> None:
    """Raise OptionError if options for writing are given, and nothing is to be written."""
    given = given_options(args, options.SayOptions, options.QueueOptions)
    if args.write is None and (given or args.prompt is not None):
        named = "prompt" if args.prompt is not None else next(iter(given))
        raise OptionError(
            f"{options.flag(named)} says how drafts are written.", "Add --write COUNT."
        )
    if args.write is not None and args.write < 1:
        raise OptionError(f"--write can't be {args.write}.", "It takes a number, 1 or more.")


def _is_at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _write(args: argparse.Namespace, persona: Persona) -> None:
    """Add drafts, and review the queue if somebody is there to do so."""
    from popinjay.bots.writing import write

    with progress.listening(quiet=args.json, starting=f"{persona.name} is loading") as listener:
        written = write(
            persona,
            args.write,
            printable(args.prompt or ""),
            chosen_options(args, options.SayOptions),
            chosen_options(args, options.QueueOptions),
            listener,
        )
    if args.json:
        drafts = [show_queue.draft_to_json(draft) for draft in written.drafts]
        terminal.show_json({"persona": persona.name, **written.to_json(), "drafts": drafts})
    elif _is_at_terminal():
        _review(persona)
    else:
        show_queue.show_drafts(written.drafts)


def _review(persona: Persona) -> None:
    from popinjay.bots.checking import Checker
    from popinjay.cli.review import Review
    from popinjay.store.post_queue import DraftState, Queue

    with Queue(persona.run) as queue:
        if not queue.counts()[DraftState.DRAFT]:
            show_queue.show_counts(queue.counts(), persona.name)
            return
        Review(queue, Checker(persona.filters, persona.run.file("train.jsonl"))).run()


def _decide(args: argparse.Namespace, persona: Persona) -> None:
    """Decide about the drafts that are named."""
    from popinjay.bots import deciding
    from popinjay.store.post_queue import DraftState, Queue

    with Queue(persona.run) as queue:
        if args.edit:
            id, text = args.edit
            drafts = [deciding.edit(queue, _number(id), text).draft]
        elif args.undo is not None:
            drafts = [deciding.undo(queue, args.undo)]
        else:
            to = DraftState.APPROVED if args.approve else DraftState.REJECTED
            drafts = deciding.decide_all(queue, args.approve or args.reject, to)
    _show(args, persona, drafts)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise OptionError(
            f"{text!r} is no draft's id.", "Give the id, then the text: --edit 12 TEXT"
        )
    return int(text)


def _list(args: argparse.Namespace, persona: Persona) -> None:
    """List the drafts in a state, by default all."""
    from popinjay.store.post_queue import DraftState, Queue, has_queue

    drafts: list[Draft] = []
    counts = dict.fromkeys(DraftState, 0)
    if has_queue(persona.run):  # else it would be made
        with Queue(persona.run) as queue:
            states = () if args.list in (None, ALL) else (DraftState(args.list),)
            drafts, counts = queue.drafts(*states), queue.counts()
    _show(args, persona, drafts)
    if not args.json:
        show_queue.show_counts(counts, persona.name)


def _show(args: argparse.Namespace, persona: Persona, drafts: Sequence[Draft]) -> None:
    if not args.json:
        show_queue.show_drafts(drafts)
        return
    from popinjay.bots.checking import Checker

    checker = Checker(persona.filters, persona.run.file("train.jsonl"))
    rows = [
        {**show_queue.draft_to_json(draft), "check": checker.check(draft.text).to_json()}
        for draft in drafts
    ]
    terminal.show_json({"persona": persona.name, "drafts": rows})
