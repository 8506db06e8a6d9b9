"""Which posts of a persona people liked, as its queue has counted them."""

from __future__ import annotations

from popinjay.store.post_queue import Draft, DraftState, Queue, has_queue
from popinjay.store.run import Run

SHOWN = 5


def liked(run: Run) -> list[Draft]:
    """Return the posts that were liked or reposted, the most liked first; a few of them.

    What was deleted, or forgotten since, is left out.
    """
    if not has_queue(run):
        return []
    with Queue(run) as queue:
        posted = queue.drafts(DraftState.POSTED)
    found = [draft for draft in posted if _reactions(draft) and draft.text and not draft.deleted_at]
    return sorted(found, key=_reactions, reverse=True)[:SHOWN]


def _reactions(draft: Draft) -> int:
    return (draft.likes or 0) + (draft.reposts or 0)
