"""`popinjay posted`: what a persona has posted, how it was liked, and how a post is deleted."""

from __future__ import annotations

import argparse

from popinjay import options
from popinjay.cli import progress, show_post, terminal
from popinjay.cli.commands import chosen_options
from popinjay.cli.show_queue import draft_to_json


def do_posted(args: argparse.Namespace) -> None:
    """List what was posted; count likes before, or delete a post."""
    from popinjay.bots import afterwards
    from popinjay.bots.poster import Poster
    from popinjay.store.post_queue import Queue, has_queue
    from popinjay.store.run import Run

    run = Run.find(args.name, args.home)
    if args.delete is not None:
        with progress.listening(quiet=True) as listener:
            poster = Poster(allow_local=_allow_local(args), listener=listener)
            draft = afterwards.delete(run, args.delete, poster)
        if args.json:
            terminal.show_json({"persona": run.name, "deleted": draft_to_json(draft)})
        else:
            show_post.show_deleted(draft)
        return
    if args.count and has_queue(run):
        with progress.listening(quiet=True) as listener:
            afterwards.count(run, Poster(allow_local=_allow_local(args), listener=listener))
    drafts = []
    if has_queue(run):
        with Queue(run) as queue:
            drafts = afterwards.posted(queue)
    if args.json:
        terminal.show_json(
            {"persona": run.name, "posted": [draft_to_json(draft) for draft in drafts]}
        )
    else:
        show_post.show_list(run.name, drafts, counted=args.count)


def _allow_local(args: argparse.Namespace) -> bool:
    return chosen_options(args, options.AccountOptions).allow_local
