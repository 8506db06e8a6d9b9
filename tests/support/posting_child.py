"""A process that posts in turn whatever is approved, until it is killed: for the kill campaign.

    python posting_child.py FOLDER

FOLDER is the persona's; the account is that of the environment. So that it need not wait for slots,
its clock jumps ahead after each post and each failure; by how much is kept beside the folder.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from popinjay.bots.manners import Consent
from popinjay.bots.past_posts import Clock
from popinjay.bots.poster import Poster
from popinjay.bots.posting import post_next
from popinjay.errors import DraftRefused, NetworkError, NothingDue, NotSettled, QueueBusy
from popinjay.store.post_queue import DraftState, Queue
from popinjay.store.run import Run

LONGEST = 120.0  # seconds


def main() -> None:
    run = Run(Path(sys.argv[1]))
    kept = run.path.parent / "hours"

    def hours() -> float:
        return float(kept.read_text()) if kept.exists() else 0.0

    def jump(by: float) -> None:
        partial = kept.with_suffix(f".{time.time_ns()}")  # this process may be killed at any moment
        partial.write_text(str(hours() + by))
        partial.replace(kept)

    poster = Poster(
        consent=Consent(ask=lambda question: True, read_the_rules=True),
        allow_local=True,
        clock=Clock(lambda: datetime.now(UTC) + timedelta(hours=hours()), lambda: None),
    )
    print("begun", flush=True)
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        try:
            post_next(run, None, poster)
            jump(4.1)
        except NothingDue:
            with Queue(run) as queue:
                if not queue.drafts(DraftState.APPROVED, DraftState.SENDING):
                    return
            jump(1.0)
        except (NetworkError, NotSettled, DraftRefused, QueueBusy) as error:
            print(error, flush=True)
            jump(0.1)
            time.sleep(0.02)


if __name__ == "__main__":
    main()
