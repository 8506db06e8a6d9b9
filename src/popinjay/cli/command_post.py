"""`popinjay post` and `popinjay bot`: post what is approved, now or at its times."""

from __future__ import annotations

import argparse
from contextlib import suppress
from typing import TYPE_CHECKING

from popinjay import options
from popinjay.cli import progress, questions, show_post, terminal
from popinjay.cli.commands import chosen_options, given_options
from popinjay.errors import NothingDue, OptionError
from popinjay.events import Listener
from popinjay.interrupts import Terminated

if TYPE_CHECKING:
    from popinjay.bots.poster import Poster
    from popinjay.options import BotOptions
    from popinjay.store.run import Run


def do_post(args: argparse.Namespace) -> None:
    """Keep settings, and post the next draft, print timers, or show what is next."""
    from popinjay.store.run import Run

    if args.if_due and not args.next:
        raise OptionError("--if-due says what --next does.", "Add --next, or leave it out.")
    run = Run.find(args.name, args.home)
    chosen = _settings(args, run)
    if args.schedule:
        _show_timers(args, run, chosen)
    elif args.next or args.dry_run:
        _post_next(args, run, chosen)
    else:
        _show_status(args, run, chosen)


def do_bot(args: argparse.Namespace) -> None:
    """Post approved drafts at their times until Ctrl-C."""
    from popinjay.bots.staying import Watching, stay
    from popinjay.store.post_queue import DraftState, Queue
    from popinjay.store.run import Run

    run = Run.find(args.name, args.home)
    chosen = _settings(args, run)
    show_post.show_bot(run.name, chosen)
    watching = Watching(
        waits=lambda upcoming: show_post.show_waiting(run.name, upcoming, chosen),
        posted=show_post.show_posted,
        failed=show_post.show_passing,
    )
    with (
        suppress(KeyboardInterrupt, Terminated),
        progress.listening(quiet=True) as listener,
    ):
        stay(run, args.to, _poster(args, listener, as_json=False), watching)
    with Queue(run) as queue:
        show_post.show_stopped(queue.drafts(DraftState.SENDING))


def _settings(args: argparse.Namespace, run: Run) -> BotOptions:
    """Keep the settings that were given, and return all of them. Raises OptionError."""
    from popinjay.bots import bot_settings
    from popinjay.store.post_queue import Queue, has_queue

    given = given_options(args, options.BotOptions)
    if not given and not has_queue(run):
        return options.BotOptions()
    with Queue(run) as queue:
        return bot_settings.keep(queue, given)


def _poster(args: argparse.Namespace, listener: Listener, *, as_json: bool) -> Poster:
    """Return what posting works with."""
    from popinjay.bots.manners import Consent, nobody
    from popinjay.bots.poster import Poster

    may_ask = questions.may_ask(as_json)
    consent = Consent(
        ask=questions.yes if may_ask else nobody,
        show_rules=show_post.show_rules,
        read_the_rules=args.i_read_the_rules,
    )
    return Poster(consent=consent, allow_local=_allow_local(args), listener=listener)


def _post_next(args: argparse.Namespace, run: Run, chosen: BotOptions) -> None:
    from popinjay.bots.posting import post_next

    try:
        with progress.listening(quiet=args.json, starting="looking at the queue") as listener:
            poster = _poster(args, listener, as_json=args.json)
            done = post_next(run, args.to, poster, dry_run=args.dry_run)
    except NothingDue as error:
        if not args.if_due:
            raise
        if args.json:
            terminal.show_json({"persona": run.name, "posted": None, "why": error.message})
        return
    if args.json:
        terminal.show_json(show_post.posted_to_json(run.name, done))
    elif done.plan is not None:
        show_post.show_plan(done.plan, chosen)
    else:
        show_post.show_posted(done)
        show_post.show_next(done.next_at, chosen)


def _show_timers(args: argparse.Namespace, run: Run, chosen: BotOptions) -> None:
    from dataclasses import asdict

    from popinjay.bots.bot_settings import schedule_of
    from popinjay.bots.timers import command_words, timers

    words = command_words(run.name, run.path, args.to, allow_local=_allow_local(args))
    made = timers(schedule_of(run.name, chosen), words)
    if args.json:
        terminal.show_json({"persona": run.name, **asdict(made)})
    else:
        show_post.show_timers(made)


def _show_status(args: argparse.Namespace, run: Run, chosen: BotOptions) -> None:
    """Show the settings, what is next, and when."""
    from dataclasses import asdict

    from popinjay.bots.choosing import upcoming
    from popinjay.bots.past_posts import in_words
    from popinjay.store.post_queue import DraftState, Queue, has_queue

    times, counts = [], dict.fromkeys(DraftState, 0)
    if has_queue(run):
        with Queue(run) as queue:
            times, counts = upcoming(queue, show_post.TIMES_SHOWN), queue.counts()
    if args.json:
        document = {
            "persona": run.name,
            "settings": asdict(chosen),
            "counts": counts,
            "next": [in_words(moment) for moment in times],
        }
        terminal.show_json(document)
    else:
        show_post.show_status(run.name, chosen, counts, times)


def _allow_local(args: argparse.Namespace) -> bool:
    return chosen_options(args, options.AccountOptions).allow_local
