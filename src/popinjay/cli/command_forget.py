"""`popinjay forget`: check the arguments, show and confirm what is removed, report the result."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from popinjay import options
from popinjay.cli import progress, questions, show_sharing, terminal
from popinjay.cli.commands import chosen_options
from popinjay.errors import OptionError

if TYPE_CHECKING:
    from popinjay.forgetting.forget import Forgot
    from popinjay.forgetting.selection import Choice
    from popinjay.store.run import Run

MAX_UNCONFIRMED = 1  # posts that are forgotten without a question


def do_forget(args: argparse.Namespace) -> None:
    """Forget posts or authors, and train again if requested."""
    from popinjay.forgetting.forget import Forgot, forget
    from popinjay.pipeline import relearn, trackers_of
    from popinjay.store.forgotten import Forgotten
    from popinjay.store.run import Run

    has_selection = bool(args.post or args.author or args.containing)
    _check(args, has_selection=has_selection)
    run = Run.find(args.name, args.home)
    track = chosen_options(args, options.RetrainOptions)
    if args.retrain:
        trackers_of(run, track)  # fails on a missing tracker before anything is forgotten
    elif track != options.RetrainOptions():
        raise OptionError(
            "--track and --track-posts only apply to a training.",
            "Add --retrain, or leave them out.",
        )
    confirmation = _Confirmation(args)
    result = Forgot(Forgotten())
    if has_selection:
        with progress.listening(quiet=args.json) as listener:
            result = forget(
                run,
                args.post,
                args.author,
                listener,
                containing=args.containing,
                agree=confirmation.confirm,
            )
    if confirmation.was_refused:
        return
    if args.retrain:
        with progress.listening(quiet=args.json) as listener:
            relearn(run, listener, track)
    _show(args, run, result)


def _check(args: argparse.Namespace, *, has_selection: bool) -> None:
    """Raise OptionError if the arguments contradict each other."""
    if not (has_selection or args.retrain):
        raise OptionError(
            "There is nothing to forget.",
            "Give --post ID, --containing TEXT or --author HANDLE "
            "(or --retrain alone, to train again after an earlier forget).",
        )
    if args.dry_run and args.retrain:
        raise OptionError("--dry-run can't be combined with --retrain.", "Leave one of them out.")


class _Confirmation:
    """Show what would be forgotten, and ask before two or more posts are."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self.was_refused = False  # by the user, or by --dry-run

    def confirm(self, choice: Choice) -> bool:
        """Return whether to forget these posts. Raises OptionError if no user can be asked."""
        args = self._args
        texts = [post.text for post in choice.posts]
        if args.dry_run:
            self._show_dry_run(choice, texts)
            self.was_refused = True
            return False
        if not args.json:
            show_sharing.show_choice(choice.in_words(), texts, choice.also, dry_run=False)
        if len(choice.posts) <= MAX_UNCONFIRMED or args.yes:
            return True
        if not questions.may_ask(args.json):
            hint = "Look at them first with --dry-run, then add --yes."
            raise OptionError(
                f"This would forget {choice.in_words()}, and there is no terminal to ask in.", hint
            )
        self.was_refused = not questions.yes(f"Forget {choice.in_words()} for good?")
        return not self.was_refused

    def _show_dry_run(self, choice: Choice, texts: list[str]) -> None:
        if not self._args.json:
            show_sharing.show_choice(choice.in_words(), texts, choice.also, dry_run=True)
            return
        document = {
            "persona": self._args.name,
            "dry_run": True,
            "count": len(choice.posts),
            **choice.to_json(),
        }
        terminal.show_json(document)


def _show(args: argparse.Namespace, run: Run, result: Forgot) -> None:
    """Show what was forgotten, and what the model still knows."""
    from popinjay.store.forgotten import Forgotten

    if not args.json:
        terminal.show_still_known(run)
        return
    known = Forgotten.of(run).still_known(run)
    document = {
        "persona": run.name,
        "posts": [{"author": author, "id": id} for author, id in result.forgotten.posts],
        "authors": list(result.forgotten.authors),
        "removed": result.removed,
        "files": list(result.files),
        "still_known": known.to_json(),
        "also": [one.to_json() for one in result.also],
        "posted": [
            {"id": draft.id, "account": draft.account, "url": draft.url} for draft in result.posted
        ],
        "retrained": args.retrain,
    }
    terminal.show_json(document)
