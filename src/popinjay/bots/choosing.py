"""Which draft is posted next, and when: what the queue, the settings and the clock say."""

from __future__ import annotations

from datetime import datetime, timedelta

from popinjay.bots import bot_settings
from popinjay.bots.past_posts import Clock, at, left_of_the_hour, post_times
from popinjay.bots.schedule import HOUR
from popinjay.errors import NothingDue
from popinjay.options import BotOptions
from popinjay.store.post_queue import Draft, DraftState, Queue
from popinjay.text.quantities import plural


def next_draft(queue: Queue, chosen: BotOptions, account: str | None, now: datetime) -> Draft:
    """Return the draft that comes next: one whose time has come, then the others in their order.

    With --auto that may be one that nobody has approved. Raises NothingDue if there is none.
    """
    approved = [one for one in queue.drafts(DraftState.APPROVED) if _fits(one, account)]
    ready = [one for one in approved if not one.due_at or at(one.due_at) <= now]
    if ready:
        return min(ready, key=lambda one: (not one.due_at, one.due_at))
    if chosen.auto:
        unread = [one for one in queue.drafts(DraftState.DRAFT) if _fits(one, account)]
        if unread := [one for one in unread if not one.later and not one.due_at]:
            return unread[0]
    if approved:
        when = shown_time(min(at(one.due_at) for one in approved), chosen)
        raise NothingDue(
            f"Nothing that {queue.run.name} may post is due yet: the first is on {when}.",
            "Until then there is nothing to do.",
        )
    raise NothingDue(
        f"Nothing of {queue.run.name} is approved and waiting to be posted"
        f"{f' to {account}' if account else ''}.",
        f"Approve drafts: popinjay queue {queue.run.name}",
        page_hint="Approve drafts first.",
    )


def _fits(draft: Draft, account: str | None) -> bool:
    return not draft.account or account is None or draft.account == account


def check_slot(
    queue: Queue, chosen: BotOptions, clock: Clock, least: timedelta = timedelta()
) -> None:
    """Raise NothingDue unless a post may be made now.

    Args:
        queue: Its record of earlier posts counts, whatever made them.
        chosen: The settings.
        clock: The time.
        least: The pause between posts that the server's rules ask for.
    """
    now = clock.now()
    schedule = bot_settings.schedule_of(queue.run.name, chosen)
    times = post_times(queue, now)
    is_free = schedule.due(now, times) and not left_of_the_hour(queue, clock)
    if is_free and not (times and now < times[-1] + least):
        return
    following = next_time(queue, clock, least)
    when = "" if following is None else f": the next is on {shown_time(following, chosen)}"
    change = f" To change that: popinjay post {queue.run.name}"
    if schedule.is_quiet(now):
        why, how = f"Its quiet hours are {chosen.quiet_hours}.", f"{change} --quiet-hours none"
    elif is_free:
        why, how = "The rules of its server ask for a longer pause between posts.", ""
    else:
        most = plural(schedule.per_day, "time")
        why = f"It posts once every {chosen.every}, at most {most} in 24 hours."
        how = f"{change} --every 3h" if schedule.every > 3 * HOUR else ""
    raise NothingDue(f"{queue.run.name} has no free slot now{when}.", f"{why}{how}", page_hint=why)


def next_time(queue: Queue, clock: Clock, least: timedelta = timedelta()) -> datetime | None:
    """Return when the next slot is free; None if that is not in sight."""
    now = clock.now()
    times = post_times(queue, now)
    schedule = bot_settings.schedule_of(queue.run.name, bot_settings.kept(queue))
    begin = max([now + left_of_the_hour(queue, clock), *(one + least for one in times[-1:])])
    return schedule.next_at(begin, times)


def shown_time(moment: datetime, chosen: BotOptions) -> str:
    """Return a time on the clock of the settings' time zone."""
    zone = bot_settings.schedule_of("", chosen).zone
    return f"{moment.astimezone(zone):%a %Y-%m-%d %H:%M}"


def upcoming(queue: Queue, number: int, clock: Clock | None = None) -> list[datetime]:
    """Return the next times in UTC at which the bot posts, if enough is approved."""
    now = (clock or Clock()).now()
    schedule = bot_settings.schedule_of(queue.run.name, bot_settings.kept(queue))
    return schedule.upcoming(number, now, post_times(queue, now))
