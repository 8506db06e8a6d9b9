"""What was posted: which drafts and where, how they were liked, and how one is deleted again."""

from __future__ import annotations

from collections.abc import Sequence

from popinjay.bots.networks.network import PostingAccount
from popinjay.bots.past_posts import time_of
from popinjay.bots.poster import Accounts, Poster
from popinjay.errors import NetworkError, PostingError, QueueError
from popinjay.store.post_queue import Draft, DraftState, Queue, now
from popinjay.store.run import Run


def posted(queue: Queue) -> list[Draft]:
    """Return what was posted, the newest first, with what was deleted since."""
    return sorted(queue.drafts(DraftState.POSTED), key=time_of, reverse=True)


def delete(run: Run, id: int, poster: Poster, account: PostingAccount | None = None) -> Draft:
    """Delete a post on its network, and mark it here; return its draft.

    Raises QueueError if the draft was not posted, LoginError, and NetworkError; then nothing is
    marked.
    """
    with Queue(run) as queue, Accounts(poster, queue, account) as accounts:
        draft = queue.draft(id)
        if draft.state is not DraftState.POSTED:
            raise QueueError(
                f"Draft {id} is {draft.state}, not posted.",
                f"What was posted is shown by: popinjay posted {run.name}",
                page_hint="Only what was posted can be deleted there.",
            )
        if not draft.deleted_at:
            accounts.named(draft.account).delete(draft.uri)
            draft = queue.set(id, deleted_at=now())
        return draft


def count(run: Run, poster: Poster, account: PostingAccount | None = None) -> Sequence[Draft]:
    """Count likes and reposts now, and return what was posted.

    Accounts that can't be read are told to the listener; their posts keep the former numbers. So
    do posts that are gone there.
    """
    with Queue(run) as queue, Accounts(poster, queue, account) as accounts:
        by_account: dict[str, list[Draft]] = {}
        for draft in posted(queue):
            if not draft.deleted_at:
                by_account.setdefault(draft.account, []).append(draft)
        for name, drafts in by_account.items():
            try:
                found = accounts.named(name).reactions([draft.uri for draft in drafts])
            except (PostingError, NetworkError) as error:
                poster.note(f"The posts of {name} are not counted. {error.message}")
                continue
            for draft in drafts:
                if reactions := found.get(draft.uri):
                    queue.set(
                        draft.id,
                        likes=reactions.likes,
                        reposts=reactions.reposts,
                        counted_at=now(),
                    )
        return posted(queue)
