"""Take what is forgotten out of a persona's queue.

What was never posted is removed. Of what was, the text goes, and the address stays so that it can
be deleted there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from popinjay.errors import QueueBusy
from popinjay.store.post_queue import Draft, DraftState, Queue, has_queue
from popinjay.store.run import Run


@dataclass(frozen=True)
class QueueForgot:
    """What was taken out of a queue."""

    removed: int = 0  # drafts
    posted: tuple[Draft, ...] = ()  # that lost their text, and stand on a network


def forget_drafts(run: Run, repeats: Callable[[str], bool]) -> QueueForgot:
    """Remove the drafts whose text, or the prompt that it was written with, repeats something.

    Raises QueueBusy if one of them is just being posted, and what the queue raises; then nothing is
    changed.

    Args:
        run: The persona, whose lock is held.
        repeats: Tells whether a text repeats what is forgotten.
    """
    if not has_queue(run):
        return QueueForgot()
    gone: list[int] = []
    blank: dict[int, dict[str, Any]] = {}
    posted: list[Draft] = []
    with Queue(run) as queue:
        for draft in queue.drafts():
            if _holds(draft, repeats):
                _check_not_sending(run, draft)
                if draft.state is not DraftState.POSTED:
                    gone.append(draft.id)
                    continue
                blank[draft.id] = _BLANK
                if not draft.deleted_at:
                    posted.append(draft)
            elif repeats(str(draft.made_with.get("prompt", ""))):
                blank[draft.id] = {"made_with": {}}  # of an edited text
        queue.remove(gone, blank)  # even if there are none: an earlier call may have been stopped
    return QueueForgot(len(gone), tuple(posted))


# What may repeat the text; key, account, time and addresses stay.
_BLANK: dict[str, Any] = {
    "text": "",
    "made_with": {},
    "content": None,
    "error": "",
    "alt": "",
    "warning": "",
}


def _holds(draft: Draft, repeats: Callable[[str], bool]) -> bool:
    return any(map(repeats, filter(None, (draft.text, draft.alt, draft.warning))))


def _check_not_sending(run: Run, draft: Draft) -> None:
    if draft.state is DraftState.SENDING:
        raise QueueBusy(
            f"Draft {draft.id} in the queue of {run.name} repeats it, and is just being posted.",
            f"Have it finished first: popinjay post {run.name} --next. Nothing was forgotten yet.",
            page_hint="Wait until it is posted. Nothing was forgotten yet.",
        )
