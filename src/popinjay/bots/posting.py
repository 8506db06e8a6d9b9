"""Post the next draft of a persona: what a timer, a bot that stays and the page all call.

One at a time for each persona. First comes what was being sent when the last attempt ended
(`attempts`), then the next approved draft, if a slot is free (`schedule`) and the account and its
server allow it (`manners`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from popinjay.bots import attempts, bot_settings, manners
from popinjay.bots.choosing import check_slot, next_draft, next_time
from popinjay.bots.defusing import display_text
from popinjay.bots.networks.network import PostingAccount
from popinjay.bots.past_posts import in_words, see_clock
from popinjay.bots.planning import Plan, planned
from popinjay.bots.poster import Accounts, Poster
from popinjay.errors import LoginError, NothingDue, QueueBusy
from popinjay.options import BotOptions
from popinjay.store.files import storage_errors
from popinjay.store.post_queue import Draft, DraftState, Queue
from popinjay.store.run import Run

LOCK = ".posting.lock"


@dataclass(frozen=True)
class Posted:
    """What came of a call."""

    draft: Draft | None = None  # as it was posted; None if it was a dry run, or nothing was due
    settled: tuple[Draft, ...] = ()  # what an earlier attempt had left, as it is now
    plan: Plan | None = None  # of a dry run
    next_at: datetime | None = None  # when the next slot is


def post_next(
    run: Run,
    account: PostingAccount | str | None = None,
    poster: Poster | None = None,
    *,
    dry_run: bool = False,
) -> Posted:
    """Finish what was being sent, then post the next draft that is approved and due.

    Args:
        run: The persona.
        account: Where to, as an account or its name; None for the draft's own, or the only one.
        poster: How it is done.
        dry_run: Whether only to say what would be posted, without a change anywhere.

    Raises NothingDue if there is nothing to post now, DraftRefused and NotSettled about a draft,
    PostingError and LoginError about the account, NetworkError, QueueBusy if another process is
    posting for this persona, and StorageError.
    """
    poster = poster or Poster()
    with Queue(run) as queue, Accounts(poster, queue, account) as accounts:
        if dry_run:
            return Posted(plan=planned(queue, accounts, poster))
        with _one_poster(run):
            return _Turn(queue, accounts, poster).take()


def prepare(run: Run, account: PostingAccount | str | None, poster: Poster) -> str | None:
    """Check whether a persona may post to an account, and ask its user what is to be asked.

    Returns the account's name; None if several are logged in and each draft names its own. Raises
    as `post_next` does.
    """
    with Queue(run) as queue, Accounts(poster, queue, account) as accounts:
        chosen = bot_settings.kept(queue)
        manners.check_whose(run, auto=chosen.auto)
        drafts = queue.drafts(DraftState.APPROVED)
        if account is None and any(draft.account for draft in drafts):
            return None
        opened = accounts.wanted() or accounts.named(None)
        manners.check_account(run, opened, chosen, poster.consent)
        rules = manners.check_rules(queue, opened, poster.consent)
        manners.within_rules(chosen, rules, opened.server)
        return opened.name


@contextmanager
def _one_poster(run: Run) -> Iterator[None]:
    """Hold the lock of posting. Raises QueueBusy if another process holds it."""
    from filelock import FileLock, Timeout

    with storage_errors(str(run.path)):
        lock = FileLock(run.file(LOCK))
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise QueueBusy(
                f"Another popinjay is posting for {run.name} right now.", "Try again in a moment."
            ) from error
    try:
        yield
    finally:
        lock.release()


class _Turn:
    """One call of `post_next`, with the lock held."""

    def __init__(self, queue: Queue, accounts: Accounts, poster: Poster) -> None:
        self._queue = queue
        self._accounts = accounts
        self._poster = poster
        self._run = queue.run
        self._chosen = bot_settings.kept(queue)
        self._locked_out: dict[str, LoginError] = {}  # by account

    def take(self) -> Posted:
        """Do it."""
        manners.check_whose(self._run, auto=self._chosen.auto)
        see_clock(self._queue, self._now())
        settled = tuple(self._settled())
        try:
            posted = self._post()
        except NothingDue:
            if not settled:
                raise
            return Posted(settled=settled, next_at=next_time(self._queue, self._poster.clock))
        next_at = next_time(self._queue, self._poster.clock)
        return Posted(draft=posted, settled=settled, next_at=next_at)

    def _settled(self) -> Iterator[Draft]:
        """Yield what an earlier attempt has left, once it is known what came of it."""
        for draft in self._queue.drafts(DraftState.SENDING):
            try:
                account = self._accounts.named(draft.account)
                yield attempts.settle(self._queue, draft, account, self._poster.clock)
            except LoginError as error:  # another account may still be posted to
                self._poster.note(f"Draft {draft.id} stays as it is. {error.message}")
                self._locked_out[draft.account] = error

    def _post(self) -> Draft:
        """Post the next draft. Raises NothingDue, and all that stands in the way."""
        wanted = self._accounts.wanted()
        draft = self._next(wanted)
        check_slot(self._queue, self._chosen, self._poster.clock)
        account = wanted or self._accounts.named(draft.account or None)
        if account.name in self._locked_out:
            raise self._locked_out[account.name]
        manners.check_account(self._run, account, self._chosen, self._poster.consent)
        rules = manners.check_rules(self._queue, account, self._poster.consent)
        chosen = manners.within_rules(self._chosen, rules, account.server)
        while (problem := self._problem(draft, account, chosen)) is not None:
            self._back(draft, problem)
            draft = self._next(account)
        # Once more, as questions and busy servers may have taken a while
        check_slot(self._queue, self._chosen, self._poster.clock, least=rules.pause)
        text = display_text(draft, mentions=chosen.mentions)
        return attempts.first_attempt(
            self._queue, self._approved(draft), text, account, chosen, self._poster.clock
        )

    def _next(self, account: PostingAccount | None) -> Draft:
        name = None if account is None else account.name
        return next_draft(self._queue, self._chosen, name, self._poster.clock.now())

    def _problem(self, draft: Draft, account: PostingAccount, chosen: BotOptions) -> str | None:
        """Return why a draft can't be posted there as it is; None if it can."""
        if draft.state is DraftState.APPROVED and not manners.is_approved(draft, chosen):
            return "No person has approved it."
        text = display_text(draft, mentions=chosen.mentions)
        if problem := account.length_problem(text, draft.warning or chosen.warning):
            return f"It is too long for {account.server}. {problem}"
        for other in self._queue.drafts(DraftState.POSTED):
            same = display_text(other, mentions=chosen.mentions).split() == text.split()
            if same and other.account == account.name:
                return f"Draft {other.id} said the same, and was posted there."
        return None

    def _back(self, draft: Draft, problem: str) -> None:
        """Have a draft looked at again by a person, who is told why."""
        values = {"error": problem, "later": draft.later + 1}
        if draft.state is DraftState.APPROVED:
            self._queue.move(draft.id, draft.state, DraftState.DRAFT, **values)
        else:
            self._queue.set(draft.id, **values)
        self._poster.note(f"Draft {draft.id} needs another look. {problem}")

    def _approved(self, draft: Draft) -> Draft:
        """Return the draft, approved without a person if it is not approved yet."""
        if draft.state is DraftState.APPROVED:
            return draft
        decided: dict[str, Any] = {"decided_by": manners.AUTO, "decided_at": in_words(self._now())}
        return self._queue.move(draft.id, DraftState.DRAFT, DraftState.APPROVED, **decided)

    def _now(self) -> datetime:
        return self._poster.clock.now()
