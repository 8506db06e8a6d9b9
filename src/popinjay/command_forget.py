"""`popinjay forget`: what is asked, what it would take, and what became of it."""

from __future__ import annotations

import argparse

from popinjay import options, progress, terminal
from popinjay.commands import chosen_options
from popinjay.errors import OptionError


def do_forget(args: argparse.Namespace) -> None:
    """Forget posts or authors, and train again where that is wanted."""
    from popinjay.forget import Forgot, forget
    from popinjay.forgotten import Forgotten
    from popinjay.pipeline import relearn, trackers_of
    from popinjay.run import Run

    if not (args.post or args.author or args.retrain):
        raise OptionError("What is to be forgotten?", "Give --post ID or --author HANDLE (or --retrain alone, to train again what has forgotten).")
    run, track = Run.find(args.name, args.home), chosen_options(args, options.RetrainOptions)
    if args.retrain:
        trackers_of(run, track)  # whoever can't be told is said before anything is forgotten
    elif track != options.RetrainOptions():
        raise OptionError("--track and --track-posts say who is told of a training.", "Add --retrain, or leave them out.")
    done = Forgot(Forgotten())
    with progress.listening(quiet=args.json) as listener:
        if args.post or args.author:
            done = forget(run, args.post, args.author, listener)
        if args.retrain:
            relearn(run, listener, track)
    known = Forgotten.of(run).still_known(run)
    if args.json:
        what = {"posts": [{"author": author, "id": id} for author, id in done.forgotten.posts], "authors": list(done.forgotten.authors)}
        terminal.show_json({"persona": run.name, **what, "removed": done.removed, "still_known": known.to_json(), "retrained": args.retrain})
    else:
        terminal.show_still_known(run.name, known.in_words())
