"""Tests of decisions about drafts that are named: what they take, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from popinjay.bots import deciding
from popinjay.errors import QueueError
from popinjay.store.post_queue import DraftState, Queue
from queued_persona import put_drafts, put_queued_persona


def test_a_yes_may_become_a_no_and_a_no_is_none_twice(own_home: Path) -> None:
    run = put_queued_persona(own_home)
    put_drafts(run, "The tide is in.")
    with Queue(run) as queue:
        with pytest.raises(QueueError, match="Draft 1 is approved already"):
            deciding.decide_all(queue, [1], DraftState.APPROVED)
        (draft,) = deciding.decide_all(queue, [1], DraftState.REJECTED)
        assert draft.state is DraftState.REJECTED
        with pytest.raises(QueueError, match="Draft 1 is rejected already"):
            deciding.decide_all(queue, [1], DraftState.REJECTED)


@pytest.mark.parametrize("text", ["", " \n", "\u200b", "\u2066\u2069 \u00ad"])
def test_a_text_that_nobody_sees_is_no_text(own_home: Path, text: str) -> None:
    run = put_queued_persona(own_home)
    put_drafts(run, "The tide is in.", approved=False)
    with Queue(run) as queue:
        with pytest.raises(QueueError, match="The text is empty"):
            deciding.edit(queue, 1, text)
        assert queue.draft(1).state is DraftState.DRAFT
