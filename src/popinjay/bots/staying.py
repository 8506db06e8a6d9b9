"""A bot that stays: it waits for each slot, posts, and goes on when a network was away."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from popinjay.bots import bot_settings
from popinjay.bots.choosing import next_draft, next_time
from popinjay.bots.networks.network import PostingAccount
from popinjay.bots.poster import Poster
from popinjay.bots.posting import Posted, post_next, prepare
from popinjay.errors import (
    DraftRefused,
    NetworkError,
    NothingDue,
    NotSettled,
    PopinjayError,
    QueueBusy,
    StorageError,
)
from popinjay.store.post_queue import Draft, DraftState, Queue
from popinjay.store.run import Run

# What passes by itself, or concerns one draft only: the bot goes on
PASSING = (NetworkError, NotSettled, DraftRefused, QueueBusy, StorageError)
FIRST_PAUSE = 60.0  # seconds after a failure; it doubles with each further one
LONGEST_PAUSE = 15 * 60.0
LOOK_SECONDS = 20.0  # between looks at clock and queue: both may change meanwhile


def _ignore(*given: object) -> None:
    pass


@dataclass(frozen=True)
class Upcoming:
    """What the bot waits for."""

    at: datetime | None  # in UTC; None if nothing is approved
    draft: Draft | None


@dataclass
class Watching:
    """Who is told what the bot does. `sleep` waits so many seconds, or less."""

    waits: Callable[[Upcoming], object] = _ignore
    posted: Callable[[Posted], object] = _ignore
    failed: Callable[[PopinjayError, float], object] = _ignore  # and the seconds until it goes on
    sleep: Callable[[float], object] = field(default=time.sleep)


def stay(
    run: Run,
    account: PostingAccount | str | None,
    poster: Poster,
    watching: Watching,
) -> None:
    """Post in each slot until the program is interrupted.

    What was being sent when it stopped last is finished at once. Raises what does not pass by
    itself, such as a login that was revoked or an account that is not marked as a bot.
    """
    name = _prepared(run, account, poster, watching)
    pause, told = FIRST_PAUSE, None
    while True:
        upcoming = look_ahead(run, poster, name)
        if _is_news(upcoming, told):
            watching.waits(upcoming)
            told = upcoming
        if not (_is_time(upcoming, poster) or _is_unsettled(run)):
            watching.sleep(_seconds(upcoming, poster))
            continue
        try:
            watching.posted(post_next(run, account, poster))
        except (NothingDue, *PASSING) as error:
            if not isinstance(error, NothingDue):
                watching.failed(error, pause)
            _sleep_long(watching, pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            pause, told = FIRST_PAUSE, None


def _prepared(
    run: Run, account: PostingAccount | str | None, poster: Poster, watching: Watching
) -> str | None:
    """Ask at once what is to be asked; return the account's name, None if any may be posted to."""
    try:
        return prepare(run, account, poster)
    except NetworkError as error:
        watching.failed(error, 0.0)
        return account if account is None or isinstance(account, str) else account.name


def look_ahead(run: Run, poster: Poster, account: str | None = None) -> Upcoming:
    """Return what is posted next, and when."""
    with Queue(run) as queue:
        try:
            draft = next_draft(queue, bot_settings.kept(queue), account, poster.clock.now())
        except NothingDue:
            return Upcoming(None, None)
        return Upcoming(next_time(queue, poster.clock), draft)


def _is_news(upcoming: Upcoming, told: Upcoming | None) -> bool:
    """Return whether it differs from what was told: by a moment it always does."""
    if told is None or upcoming.at is None or told.at is None:
        return upcoming != told
    return upcoming.draft != told.draft or abs(upcoming.at - told.at) >= timedelta(minutes=1)


def _is_time(upcoming: Upcoming, poster: Poster) -> bool:
    return upcoming.at is not None and upcoming.at <= poster.clock.now()


def _is_unsettled(run: Run) -> bool:
    with Queue(run) as queue:
        return bool(queue.drafts(DraftState.SENDING))


def _seconds(upcoming: Upcoming, poster: Poster) -> float:
    """Return for how long to sleep before looking again."""
    if upcoming.at is None:
        return LOOK_SECONDS
    left = (upcoming.at - poster.clock.now()) / timedelta(seconds=1)
    return min(max(left, 0.1), LOOK_SECONDS)


def _sleep_long(watching: Watching, seconds: float) -> None:
    """Sleep in steps, so that a machine that was suspended goes on soon."""
    end = time.time() + seconds
    for _ in range(int(seconds / LOOK_SECONDS) + 1):
        left = min(LOOK_SECONDS, end - time.time())
        if left <= 0:
            return
        watching.sleep(left)
