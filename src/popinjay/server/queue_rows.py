"""What the API says about a persona's queue: its drafts, and how many are in each state."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from popinjay.bots.manners import check_whose
from popinjay.errors import PostingError
from popinjay.store.post_queue import Draft, DraftState, Queue, has_queue
from popinjay.store.run import Run

_PAST = (DraftState.POSTED, DraftState.REJECTED, DraftState.FAILED, DraftState.SUPERSEDED)


class DraftRow(BaseModel):
    """A draft; the fields are those of `popinjay.store.post_queue.Draft`."""

    id: int
    text: str
    state: DraftState
    written_at: str
    decided_at: str
    supersedes: int | None
    account: str
    due_at: str
    warning: str
    error: str
    url: str
    posted_at: str
    deleted_at: str
    likes: int | None
    reposts: int | None
    later: int


class Drafts(BaseModel):
    """Drafts of a queue, and how many it has in each state."""

    counts: dict[DraftState, int]
    drafts: list[DraftRow]
    total: int  # in the states that were asked for
    cannot_post: str  # why this persona's bot may not post; empty if it may


class Decided(BaseModel):
    """A draft after a decision, and the counts then."""

    draft: DraftRow
    counts: dict[DraftState, int]


def row(draft: Draft) -> DraftRow:
    """Return a draft as the API has it."""
    return DraftRow(**{name: getattr(draft, name) for name in DraftRow.model_fields})


def drafts(run: Run, states: Sequence[DraftState], offset: int, limit: int) -> Drafts:
    """Return a part of a queue, which is not made for it.

    Drafts that still go somewhere are in their order, those that do not the newest first.

    Args:
        run: The persona.
        states: Which drafts.
        offset: How many to skip.
        limit: The most to return.
    """
    found: list[Draft] = []
    counts = dict.fromkeys(DraftState, 0)
    if has_queue(run):
        with Queue(run) as queue:
            found = queue.drafts(*states)
            counts = queue.counts()
    if set(states) <= set(_PAST):
        found.sort(key=lambda one: one.posted_at or one.decided_at, reverse=True)
    return Drafts(
        counts=counts,
        drafts=[row(one) for one in found[offset : offset + limit]],
        total=len(found),
        cannot_post=cannot_post(run),
    )


def cannot_post(run: Run) -> str:
    """Return why a persona's bot may not post; empty if it may."""
    try:
        check_whose(run)
    except PostingError as error:
        return error.message
    return ""
