"""When a persona's earlier posts were made, by a clock that may have been set back or forward."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from popinjay.bots.schedule import HOUR
from popinjay.store.post_queue import Draft, DraftState, Queue

SET_BACK = "clock_set_back"  # setting: when it was first seen that posts are in the future
LAST_SENDING = "last_sending"  # setting: how long the machine ran when something was last sent
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def _now() -> datetime:
    return datetime.now(UTC)


def _uptime() -> tuple[str, float] | None:
    """Return which boot this is, and for how many seconds it has lasted; None if not known."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    if clock is None:
        return None
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip(), time.clock_gettime(clock)
    except (OSError, UnicodeDecodeError):
        return None


@dataclass(frozen=True)
class Clock:
    """The time, and how long the machine has run, which nobody can set."""

    now: Callable[[], datetime] = _now
    uptime: Callable[[], tuple[str, float] | None] = _uptime


def at(text: str) -> datetime:
    """Return a time of the queue."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def in_words(moment: datetime) -> str:
    """Return a time as the queue has it."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def time_of(draft: Draft) -> datetime:
    """Return when a draft was posted, or may have been."""
    return at(draft.posted_at or draft.sending_at)


def post_times(queue: Queue, now: datetime) -> list[datetime]:
    """Return when posts were made, or may have been, oldest first.

    Those in the future were made before the clock was set back: they count as made when that was
    first seen (`see_clock`), or else as made now.
    """
    drafts = queue.drafts(DraftState.POSTED, DraftState.SENDING)
    times = [time_of(draft) for draft in drafts if draft.posted_at or draft.sending_at]
    seen = queue.settings().get(SET_BACK)
    back = min(at(seen), now) if isinstance(seen, str) and seen else now
    return sorted(one if one <= now else back for one in times)


def see_clock(queue: Queue, now: datetime) -> None:
    """Note when it is first seen that posts are in the future; forget it when none are."""
    drafts = queue.drafts(DraftState.POSTED, DraftState.SENDING)
    is_back = any(time_of(draft) > now for draft in drafts if draft.posted_at or draft.sending_at)
    seen = queue.settings().get(SET_BACK)
    if is_back and not (isinstance(seen, str) and seen and at(seen) <= now):
        queue.set_setting(SET_BACK, in_words(now))
    elif seen and not is_back:
        queue.set_setting(SET_BACK, "")


def note_sending(queue: Queue, clock: Clock) -> None:
    """Note for how long the machine has run, before something is sent."""
    uptime = clock.uptime()
    queue.set_setting(LAST_SENDING, list(uptime) if uptime else None)


def left_of_the_hour(queue: Queue, clock: Clock) -> timedelta:
    """Return how long it still is until an hour after the last sending, whatever the clock says."""
    last, uptime = queue.settings().get(LAST_SENDING), clock.uptime()
    if not (uptime and isinstance(last, list) and len(last) == 2 and last[0] == uptime[0]):
        return timedelta()
    passed = timedelta(seconds=max(0.0, uptime[1] - float(last[1])))
    return max(timedelta(), HOUR - passed)
