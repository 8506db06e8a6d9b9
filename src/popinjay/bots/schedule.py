"""When a bot posts: slots on the clock of a time zone, and which of them are free.

Everything here is computed from the settings, the times of earlier posts and the time now, so that
a restart changes nothing. There is at most one post in a slot. A slot that has passed is gone:
nothing is made up for.

Slots are a grid on the wall clock, of which one line is the end of the quiet hours. A slot whose
time the clock skips in spring does not exist; of a time that it shows twice in autumn, the first
one counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import count

HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
MOST_PER_DAY = 6
_FIRST_DAY = datetime(2001, 1, 1)  # a Monday: the grid has a line where quiet hours end that day
_FAR = timedelta(days=400)  # how far ahead a free slot is looked for


@dataclass(frozen=True)
class Quiet:
    """The hours in which nothing is posted, on the wall clock; they may include midnight."""

    begin: time
    end: time

    def includes(self, at: time) -> bool:
        """Return whether a time of day is one of them."""
        if self.begin <= self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


@dataclass(frozen=True)
class Slot:
    """A time for one post, in UTC."""

    start: datetime
    moment: datetime  # after the start, at random: when a bot that stays posts
    end: datetime  # when the next one begins


@dataclass(frozen=True)
class Schedule:
    """When a persona posts."""

    name: str  # the persona's: its jitter depends on it
    every: timedelta
    zone: tzinfo
    quiet: Quiet | None = None
    jitter: timedelta = timedelta()
    per_day: int = MOST_PER_DAY

    @property
    def pause(self) -> timedelta:
        """The least time between two posts, even if their slots are closer."""
        return max(HOUR, self.every / 2)

    def is_quiet(self, at: datetime) -> bool:
        """Return whether a time is in the quiet hours."""
        return self.quiet is not None and self.quiet.includes(at.astimezone(self.zone).time())

    def slot_at(self, at: datetime) -> Slot | None:
        """Return the slot that a time is in; None in the quiet hours."""
        slot = next(self._slots(at))
        return slot if slot.start <= at and not self.is_quiet(at) else None

    def due(self, now: datetime, posts: Sequence[datetime]) -> Slot | None:
        """Return the slot in which a post may be made now; None if there is none.

        Args:
            now: The time.
            posts: When earlier posts were made, in any order.
        """
        slot = self.slot_at(now)
        if slot is None or now < self._free_from(now, posts):
            return None
        return None if any(post >= slot.start for post in posts) else slot

    def next_at(self, now: datetime, posts: Sequence[datetime]) -> datetime | None:
        """Return when a bot that stays posts next: now, or later; None if that is not in sight."""
        free = self._free_from(now, posts)
        for slot in self._slots(now):
            if slot.start > now + _FAR:
                return None
            if any(post >= slot.start for post in posts):
                continue
            at = self._after_quiet(max(now, slot.moment, free))
            if at < slot.end:
                return at
        raise AssertionError("there is always another slot")

    def upcoming(self, number: int, now: datetime, posts: Sequence[datetime]) -> list[datetime]:
        """Return the next times at which something is posted, if enough is approved."""
        known, found = list(posts), list[datetime]()
        while len(found) < number:
            at = self.next_at(found[-1] if found else now, known)
            if at is None:
                break
            found.append(at)
            known.append(at)
        return found

    def _free_from(self, now: datetime, posts: Sequence[datetime]) -> datetime:
        """Return from when the pause since the last post, and a day's limit, allow one."""
        latest = sorted(posts)[-self.per_day :]
        free = [latest[-1] + self.pause] if latest else []
        free += [latest[0] + DAY] if len(latest) == self.per_day else []
        return max(free, default=now)

    def _after_quiet(self, at: datetime) -> datetime:
        """Return a time, or if it is in the quiet hours, when those end."""
        if self.quiet is None or not self.is_quiet(at):
            return at
        wall = at.astimezone(self.zone)
        end = datetime.combine(wall.date(), self.quiet.end, self.zone)
        if self.quiet.end <= wall.time():
            end = datetime.combine(wall.date() + timedelta(days=1), self.quiet.end, self.zone)
        return end.astimezone(UTC)

    # the grid

    def _slots(self, at: datetime) -> Iterator[Slot]:
        """Yield slots from the one that a time is in, or else the next one."""
        line = self._line_before(at)
        start = self._start(line)
        for following in count(line + 1):
            end = self._start(following)
            if end is None:
                continue
            if start is not None and end > at and not self.is_quiet(start):
                yield Slot(start, self._moment(start, end), end)
            start = end

    def _line_before(self, at: datetime) -> int:
        """Return a line of the grid that is before a time, by a little more than needed."""
        wall = at.astimezone(self.zone).replace(tzinfo=None)
        return (wall - self._origin) // self.every - 2 - DAY // self.every

    @property
    def _origin(self) -> datetime:
        return datetime.combine(_FIRST_DAY, self.quiet.end if self.quiet else time())

    def _start(self, line: int) -> datetime | None:
        """Return when a line of the grid is, in UTC; None if the clock skips it."""
        wall = self._origin + line * self.every
        at = wall.replace(tzinfo=self.zone).astimezone(UTC)
        return at if at.astimezone(self.zone).replace(tzinfo=None) == wall else None

    def _moment(self, start: datetime, end: datetime) -> datetime:
        """Return the start and a part of the jitter, the same whenever it is computed."""
        seed = hashlib.sha256(f"{self.name} {start.isoformat()}".encode()).digest()
        share = int.from_bytes(seed[:4], "big") / 2**32
        late = timedelta(seconds=int(share * min(self.jitter, (end - start) / 2).total_seconds()))
        return start if self.is_quiet(start + late) else start + late
