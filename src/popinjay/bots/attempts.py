"""One draft on its way to a network, exactly once.

What is sent, and the key by which the server knows it again, are on disk before the request
leaves: the draft is `sending`. Whatever happens then (a lost answer, a kill, a full disk), it stays
so until it is certain what came of it:

    it stands there             posted
    it was refused              failed, or approved again if that may change
    it is not there             sent again with the same key, if the server still remembers it;
                                else approved again, and posted like any other
    nobody knows                sending, and looked for before anything else is posted
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NoReturn

from popinjay.bots.networks.network import (
    NotPosted,
    OutcomeUnknown,
    PostingAccount,
    Request,
    Sent,
)
from popinjay.bots.past_posts import Clock, at, in_words, note_sending
from popinjay.errors import (
    DraftRefused,
    LoginError,
    NetworkError,
    NotSettled,
    PostingError,
    QueueError,
    StorageError,
)
from popinjay.options import BotOptions
from popinjay.store.post_queue import Draft, DraftState, Queue

RESENT_WITHIN = timedelta(minutes=45)  # with the same key: after that its turn may have passed
# Until a request that is not seen there can't arrive any more: servers answer within a minute
CERTAIN_AFTER = timedelta(minutes=10)
CLOCKS_DIFFER = timedelta(days=2)  # that a server's clock may be behind, when a post is looked for


def first_attempt(
    queue: Queue,
    draft: Draft,
    text: str,
    account: PostingAccount,
    chosen: BotOptions,
    clock: Clock,
) -> Draft:
    """Send an approved draft, and return it as it was posted.

    Raises DraftRefused, NotSettled, NetworkError or LoginError: the queue says what is known.
    Raises StorageError if the disk is full; then nothing was sent, or it is settled next time.
    """
    filled = replace(
        draft,
        account=account.name,
        language=draft.language or chosen.language,
        warning=draft.warning or chosen.warning,
        visibility=draft.visibility or chosen.visibility,
    )
    picture = str(queue.run.file(draft.picture)) if draft.picture else ""
    try:
        request = account.request(replace(filled, picture=picture), text)
    except LoginError:
        raise
    except PostingError as error:  # its picture can't be posted there
        back = {"error": error.message, "later": draft.later + 1}
        queue.move(draft.id, DraftState.APPROVED, DraftState.DRAFT, **back)
        raise DraftRefused(f"Draft {draft.id}: {error.message}", error.hint) from error
    note_sending(queue, clock)
    sending = queue.move(
        draft.id,
        DraftState.APPROVED,
        DraftState.SENDING,
        account=filled.account,
        language=filled.language,
        warning=filled.warning,
        visibility=filled.visibility,
        key=request.key,
        content=request.content,
        sending_at=in_words(clock.now()),
        tries=draft.tries + 1,
        error="",
    )
    return _send(queue, sending, account, clock, is_first=True)


def settle(queue: Queue, draft: Draft, account: PostingAccount, clock: Clock) -> Draft:
    """Return a draft that was being sent as it is now: posted, or approved again.

    Raises NotSettled if it is not known yet, DraftRefused if it was refused, and NetworkError or
    LoginError.
    """
    now = clock.now()
    if at(draft.sending_at) > now:  # the clock was set back: how long ago it was is not known
        draft = queue.set(draft.id, sending_at=in_words(now))
    request = Request(draft.key, draft.content or {})
    try:
        found = account.find(request, in_words(_earliest(draft, now)))
    except (NotPosted, OutcomeUnknown) as error:
        _stays(queue, draft, str(error))
    if found is not None:
        return _record(queue, draft, found, draft.sending_at)
    age = now - at(draft.sending_at)
    if age < RESENT_WITHIN and account.always_remembers(draft.sending_at):
        again = queue.set(draft.id, tries=draft.tries + 1)
        return _send(queue, again, account, clock, is_first=False)
    if age < CERTAIN_AFTER:
        _stays(queue, draft, f"{account.server} does not show it, but it may be on its way.")
    return _approved_again(queue, draft, "It was sent, but never arrived.")


def _earliest(draft: Draft, now: datetime) -> datetime:
    """Return since when a post that was sent may stand there, by any clock."""
    return min(at(draft.sending_at), at(draft.decided_at or draft.sending_at), now) - CLOCKS_DIFFER


def _send(
    queue: Queue, draft: Draft, account: PostingAccount, clock: Clock, *, is_first: bool
) -> Draft:
    """Send what is on disk, and record what came of it.

    A refusal says that this attempt has posted nothing. Unless it is the first one, an earlier one
    may still arrive.
    """
    try:
        sent = account.send(Request(draft.key, draft.content or {}))
    except NotPosted as error:
        if not is_first and clock.now() - at(draft.sending_at) < CERTAIN_AFTER:
            _stays(queue, draft, error.message)
        said = f"Draft {draft.id} was refused: {error.message}"
        if not error.is_final:
            _approved_again(queue, draft, error.message)
            raise DraftRefused(said, error.hint) from error
        queue.move(draft.id, DraftState.SENDING, DraftState.FAILED, error=error.message)
        raise DraftRefused(
            said, error.hint or f"Edit it, or reject it: popinjay queue {queue.run.name}"
        ) from error
    except LoginError as error:
        if is_first:
            _approved_again(queue, draft, error.message)
        raise
    except (OutcomeUnknown, NetworkError) as error:
        _stays(queue, draft, str(error))
    return _record(queue, draft, sent, in_words(clock.now()))


def _record(queue: Queue, draft: Draft, sent: Sent, posted_at: str) -> Draft:
    """Record that a draft stands there."""
    try:
        return queue.move(
            draft.id,
            DraftState.SENDING,
            DraftState.POSTED,
            uri=sent.uri,
            url=sent.url,
            posted_at=posted_at,
            error="",
        )
    except (StorageError, QueueError) as error:
        raise type(error)(
            f"Draft {draft.id} stands at {sent.url}, but that can't be recorded: {error.message}",
            "It will be, before anything else is posted, and it is not posted twice.",
        ) from error


def _approved_again(queue: Queue, draft: Draft, why: str) -> Draft:
    """Record that a draft is certainly not there, so that it is sent like a new one."""
    return queue.move(
        draft.id, DraftState.SENDING, DraftState.APPROVED, key="", content=None, error=why
    )


def _stays(queue: Queue, draft: Draft, why: str) -> NoReturn:
    """Raise NotSettled."""
    with suppress(StorageError, QueueError):
        queue.set(draft.id, error=why)
    raise NotSettled(
        f"It is not known yet whether draft {draft.id} was posted: {why}",
        "It is looked for before anything else is posted, and never posted twice.",
    )
