"""What a person decides about drafts: yes, no, another text, later, and back again.

Every decision names the state that it begins from: if another process has decided meanwhile, it
raises QueueError and changes nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from popinjay.errors import QueueError
from popinjay.post import printable
from popinjay.store.post_queue import Draft, DraftState, Queue, now

HUMAN = "human"
UNDECIDED = DraftState.DRAFT
_DECIDABLE = (DraftState.DRAFT, DraftState.APPROVED, DraftState.FAILED)


@dataclass(frozen=True)
class Decision:
    """What was decided, and how it is taken back."""

    draft: Draft  # as it is now
    before: Draft
    take_back: Callable[[Queue], Draft]  # returns the draft as it was


def approve(queue: Queue, id: int, since: DraftState | None = None) -> Decision:
    """Approve a draft: it may be posted.

    Args:
        queue: The queue.
        id: The draft.
        since: The state in which its user saw it; None: whatever it is.
    """
    return _decide(queue, id, DraftState.APPROVED, since)


def reject(queue: Queue, id: int, since: DraftState | None = None) -> Decision:
    """Reject a draft: it is never posted, nor written again. The arguments are those of approve."""
    return _decide(queue, id, DraftState.REJECTED, since)


def edit(queue: Queue, id: int, text: str, since: DraftState | None = None) -> Decision:
    """Approve another text in the place of a draft. Raises QueueError for a text without words."""
    before = _seen(queue, id, since)
    text = tidy(text)
    if not _is_visible(text):
        raise QueueError("The text is empty.", f"To reject draft {id}, say no to it.")
    if text == before.text:
        return approve(queue, id, since)
    _check_decidable(before, DraftState.SUPERSEDED)
    new = queue.replace_text(
        id,
        before.state,
        text,
        state=DraftState.APPROVED,
        decided_at=now(),
        decided_by=HUMAN,
    )
    return Decision(new, before, lambda held: held.take_back_edit(new.id, DraftState.APPROVED))


def put_off(queue: Queue, id: int) -> Decision:
    """Decide about a draft later: it comes after all others."""
    before = queue.draft(id)
    if before.state is not UNDECIDED:
        raise QueueError(f"Draft {id} is {before.state} by now.", "It was decided about meanwhile.")
    after = queue.set(id, later=before.later + 1)
    return Decision(after, before, lambda held: held.set(id, later=before.later))


def undo(queue: Queue, id: int) -> Draft:
    """Have a draft undecided again; of an edited one, that is the draft as it was written.

    One that was put off comes earlier again. Raises QueueError if nothing was decided, or it can't
    be taken back, as it was sent.
    """
    draft = queue.draft(id)
    if draft.supersedes is not None and draft.state in (UNDECIDED, DraftState.APPROVED):
        return queue.take_back_edit(id, draft.state)
    if draft.state is UNDECIDED and draft.later:
        return queue.set(id, later=draft.later - 1)
    if draft.state is UNDECIDED:
        raise QueueError(f"Nothing was decided about draft {id}.", "There is nothing to undo.")
    return queue.move(id, draft.state, UNDECIDED, decided_at="", decided_by="")


def decide_all(queue: Queue, ids: Sequence[int], to: DraftState) -> list[Draft]:
    """Approve or reject several drafts.

    Raises QueueError before anything is changed if one of them is not there, or can't become that.
    """
    decide = approve if to is DraftState.APPROVED else reject
    for id in dict.fromkeys(ids):
        _check_decidable(queue.draft(id), to)
    return [decide(queue, id).draft for id in dict.fromkeys(ids)]


def tidy(text: str) -> str:
    """Return a typed text without control characters, blank ends and blanks before line ends."""
    lines = printable(text).expandtabs(1).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join("".join(filter(_is_text, line)).rstrip() for line in lines).strip()


def _is_visible(text: str) -> bool:
    """Return whether there is more than blanks, invisible characters and controls."""
    return any(unicodedata.category(character)[0] not in "CZ" for character in text)


def _is_text(character: str) -> bool:
    return character >= " " and not "\x7f" <= character <= "\x9f"


def _seen(queue: Queue, id: int, since: DraftState | None) -> Draft:
    """Return a draft. Raises QueueError if it is not as its user saw it."""
    draft = queue.draft(id)
    if since not in (None, draft.state):
        raise QueueError(
            f"Draft {id} is {draft.state} by now, not {since}.",
            "Another window or process has decided about it. Look at the queue again.",
        )
    return draft


def _decide(queue: Queue, id: int, to: DraftState, since: DraftState | None) -> Decision:
    before = _seen(queue, id, since)
    _check_decidable(before, to)
    after = queue.move(id, before.state, to, decided_at=now(), decided_by=HUMAN)

    def take_back(held: Queue) -> Draft:
        values = {"decided_at": before.decided_at, "decided_by": before.decided_by}
        return held.move(id, to, before.state, **values)

    return Decision(after, before, take_back)


def _check_decidable(draft: Draft, to: DraftState) -> None:
    if draft.state in _DECIDABLE and draft.state is not to:
        return
    name = "" if draft.state is to else f" and can't become {to}"
    raise QueueError(
        f"Draft {draft.id} is {draft.state}{name or ' already'}.",
        "A rejected one can be taken back first: undo it."
        if draft.state is DraftState.REJECTED
        else "Look at the queue again.",
    )
