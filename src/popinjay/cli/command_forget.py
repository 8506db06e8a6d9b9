"""`popinjay forget`: what is asked, what it would take, and what became of it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from popinjay import options
from popinjay.cli import progress, questions, terminal
from popinjay.cli.commands import chosen_options
from popinjay.errors import OptionError

if TYPE_CHECKING:
    from popinjay.forgetting.forget import Forgot
    from popinjay.forgetting.selection import Choice
    from popinjay.store.run import Run

UNASKED = 1  # so many posts go without a question


def do_forget(args: argparse.Namespace) -> None:
    """Forget posts or authors, and train again where that is wanted."""
    from popinjay.forgetting.forget import Forgot, forget
    from popinjay.pipeline import relearn, trackers_of
    from popinjay.store.forgotten import Forgotten
    from popinjay.store.run import Run

    takes = bool(args.post or args.author or args.containing)
    _check(args, takes=takes)
    run, track = Run.find(args.name, args.home), chosen_options(args, options.RetrainOptions)
    if args.retrain:
        trackers_of(run, track)  # whoever can't be told is said before anything is forgotten
    elif track != options.RetrainOptions():
        raise OptionError(
            "--track and --track-posts say who is told of a training.",
            "Add --retrain, or leave them out.",
        )
    decision = _Decision(args)
    done = Forgot(Forgotten())
    if takes:
        with progress.listening(quiet=args.json) as listener:
            done = forget(
                run,
                args.post,
                args.author,
                listener,
                containing=args.containing,
                agree=decision.agree,
            )
    if decision.was_no:
        return
    if args.retrain:
        with progress.listening(quiet=args.json) as listener:
            relearn(run, listener, track)
    _show(args, run, done)


def _check(args: argparse.Namespace, *, takes: bool) -> None:
    """Raise OptionError for what makes no sense together."""
    if not (takes or args.retrain):
        raise OptionError(
            "What is to be forgotten?",
            "Give --post ID, --containing TEXT or --author HANDLE (or --retrain alone, to train again what has forgotten).",
        )
    if args.dry_run and args.retrain:
        raise OptionError(
            "--dry-run shows what would be forgotten, and trains nothing.", "Leave --retrain out."
        )


class _Decision:
    """Whether what would go is to go: shown first, and asked from two posts on."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self.was_no = False

    def agree(self, choice: Choice) -> bool:
        """Show what would go, and return whether it is to. Raises OptionError where it can't be asked."""
        args = self._args
        if args.dry_run:
            if args.json:
                terminal.show_json(
                    {
                        "persona": args.name,
                        "dry_run": True,
                        "count": len(choice.posts),
                        **choice.to_json(),
                    }
                )
            else:
                terminal.show_choice(
                    choice.in_words(), [post.text for post in choice.posts], dry_run=True
                )
            self.was_no = True
            return False
        if not args.json:
            terminal.show_choice(
                choice.in_words(), [post.text for post in choice.posts], dry_run=False
            )
        if len(choice.posts) <= UNASKED or args.yes:
            return True
        if not questions.may_ask(args.json):
            hint = "Look at them first with --dry-run, then add --yes."
            raise OptionError(
                f"This would forget {choice.in_words()}, and there is no terminal to ask in.", hint
            )
        self.was_no = not questions.yes(f"Forget {choice.in_words()} for good?")
        return not self.was_no


def _show(args: argparse.Namespace, run: Run, done: Forgot) -> None:
    """Show what became of it."""
    from popinjay.store.forgotten import Forgotten

    known = Forgotten.of(run).still_known(run)
    if not args.json:
        terminal.show_still_known(run.name, known.in_words())
        return
    document = {
        "persona": run.name,
        "posts": [{"author": author, "id": id} for author, id in done.forgotten.posts],
        "authors": list(done.forgotten.authors),
        "removed": done.removed,
        "files": list(done.files),
        "still_known": known.to_json(),
        "retrained": args.retrain,
    }
    terminal.show_json(document)
