"""A persona without a model whose queue holds drafts: posting needs no more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from popinjay.store.post_queue import Draft, DraftState, Queue, now
from popinjay.store.record import Asked, Record
from popinjay.store.run import RECORD, Run


def put_queued_persona(
    home: Path,
    name: str = "ada",
    *,
    whose: str | None = "self",
    authors: Sequence[str] = ("ada",),
    contact: str | None = None,
) -> Run:
    """Write a persona's folder with nothing but its record."""
    folder = home / name
    folder.mkdir(parents=True)
    asked = Asked(authors=tuple(authors), whose=whose, contact=contact)
    (folder / RECORD).write_bytes(Record().updated(asked=asked).to_bytes())
    return Run(folder)


def put_drafts(run: Run, *texts: str, approved: bool = True) -> list[Draft]:
    """Add drafts to the queue, approved by a person or not yet."""
    with Queue(run) as queue:
        drafts = queue.add((text, {"seed": 1}) for text in texts)
        if not approved:
            return drafts
        decided = {"decided_by": "human", "decided_at": now()}
        return [
            queue.move(draft.id, DraftState.DRAFT, DraftState.APPROVED, **decided)
            for draft in drafts
        ]
