"""What a process does that posts in turn whatever is approved, until it is killed."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from popinjay.bots.manners import Consent
from popinjay.bots.past_posts import Clock
from popinjay.bots.poster import Poster
from popinjay.bots.posting import post_next
from popinjay.errors import DraftRefused, NetworkError, NothingDue, NotSettled, QueueBusy
from popinjay.store.post_queue import DraftState, Queue
from popinjay.store.run import Run


def post_all(folder: Path, variables: Mapping[str, str], begun: Connection) -> None:
    """Post all that is approved for a persona to the account that the variables name.

    So that it need not wait for slots, its clock jumps ahead after each post and each failure; by
    how much is kept beside the persona's folder.
    """
    os.environ.update(variables)
    run, kept = Run(folder), folder.parent / "hours"

    def hours() -> float:
        return float(kept.read_text()) if kept.exists() else 0.0

    def jump(by: float) -> None:
        partial = kept.with_suffix(f".{time.time_ns()}")  # it may be killed at any moment
        partial.write_text(str(hours() + by))
        partial.replace(kept)

    poster = Poster(
        consent=Consent(ask=lambda question: True, read_the_rules=True),
        allow_local=True,
        clock=Clock(lambda: datetime.now(UTC) + timedelta(hours=hours()), lambda: None),
    )
    begun.send("begun")
    while True:
        try:
            post_next(run, None, poster)
            jump(4.1)
        except NothingDue:
            with Queue(run) as queue:
                if not queue.drafts(DraftState.APPROVED, DraftState.SENDING):
                    return
            jump(1.0)
        except (NetworkError, NotSettled, DraftRefused, QueueBusy):
            jump(0.1)
            time.sleep(0.02)
