"""When a persona's bot will post, day by day, and which draft goes when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from pydantic import BaseModel

from popinjay.bots.bot_settings import kept, local_zone, schedule_of
from popinjay.bots.choosing import upcoming
from popinjay.bots.past_posts import at
from popinjay.bots.schedule import MOST_PER_DAY, Schedule
from popinjay.store.post_queue import Draft, DraftState, Queue, has_queue
from popinjay.store.run import Run


class SlotRow(BaseModel):
    """A time at which something can be posted."""

    at: datetime
    clock: str  # the time of day in the bot's time zone
    draft: int | None  # which goes there as things are; none: it is free


class DayRow(BaseModel):
    """A day in the bot's time zone."""

    day: date
    slots: list[SlotRow]


class Calendar(BaseModel):
    """The coming days."""

    time_zone: str
    quiet: list[tuple[str, str]]  # when nothing is posted, from midnight to midnight
    days: list[DayRow]


def calendar(run: Run, days: int, now: datetime | None = None) -> Calendar:
    """Return the coming days with their slots. Raises what the queue raises.

    Args:
        run: The persona.
        days: How many days, today included.
        now: The time.
    """
    now = now or datetime.now(UTC)
    if not has_queue(run):
        return Calendar(time_zone=local_zone(), quiet=[], days=[])
    with Queue(run) as queue:
        chosen = kept(queue)
        schedule = schedule_of(run.name, chosen)
        times = upcoming(queue, days * MOST_PER_DAY)
        approved = queue.drafts(DraftState.APPROVED)
    places = places_of(approved, times)
    first = now.astimezone(schedule.zone).date()
    rows = {
        day: DayRow(day=day, slots=[]) for day in (first + timedelta(days=n) for n in range(days))
    }
    for time in times:
        local = time.astimezone(schedule.zone)
        if local.date() in rows:
            slot = SlotRow(at=time, clock=f"{local:%H:%M}", draft=places.get(time))
            rows[local.date()].slots.append(slot)
    return Calendar(
        time_zone=chosen.time_zone or local_zone(), quiet=_quiet(schedule), days=[*rows.values()]
    )


def places_of(approved: list[Draft], times: list[datetime]) -> dict[datetime, int]:
    """Return which draft goes at which time, as `choosing.next_draft` will choose."""
    left = list(approved)
    places: dict[datetime, int] = {}
    for time in times:
        ready = [one for one in left if not one.due_at or at(one.due_at) <= time]
        if ready:
            chosen = min(ready, key=lambda one: (not one.due_at, one.due_at))
            places[time] = chosen.id
            left.remove(chosen)
    return places


def _quiet(schedule: Schedule) -> list[tuple[str, str]]:
    if schedule.quiet is None:
        return []
    begin, end = (f"{time:%H:%M}" for time in (schedule.quiet.begin, schedule.quiet.end))
    spans = [(begin, end)] if begin < end else [("00:00", end), (begin, "24:00")]
    return [(since, until) for since, until in spans if since != until]
