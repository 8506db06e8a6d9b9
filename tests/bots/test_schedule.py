"""Tests of when a bot posts: slots, quiet hours, jitter, limits, and clocks that are moved."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from popinjay.bots.schedule import Quiet, Schedule

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Quiet(time(23), time(7))
SIX_HOURS = Schedule("ada", timedelta(hours=6), BERLIN, NIGHT)
HOURLY = replace(SIX_HOURS, every=timedelta(hours=1), quiet=None)
DAY = timedelta(days=1)


def berlin(text: str) -> datetime:
    """Return a time on Berlin's clock, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def shown(times: list[datetime]) -> list[str]:
    """Return times as Berlin's clock shows them."""
    return [f"{at.astimezone(BERLIN):%d %H:%M}" for at in times]


def test_slots_begin_when_the_quiet_hours_end() -> None:
    found = SIX_HOURS.upcoming(4, berlin("2026-11-30 00:00"), [])
    assert shown(found) == ["30 07:00", "30 13:00", "30 19:00", "01 07:00"]


def test_nothing_is_due_in_the_quiet_hours() -> None:
    assert SIX_HOURS.due(berlin("2026-11-30 06:59"), []) is None
    assert SIX_HOURS.due(berlin("2026-11-30 22:59"), []) is not None
    assert SIX_HOURS.due(berlin("2026-11-30 23:00"), []) is None
    assert SIX_HOURS.due(berlin("2026-12-01 01:30"), []) is None


def test_quiet_hours_in_the_middle_of_the_day() -> None:
    siesta = replace(SIX_HOURS, quiet=Quiet(time(13), time(16)))
    found = shown(siesta.upcoming(4, berlin("2026-11-30 00:00"), []))
    # 10:00 is not too late for the slot that ends at 16:00
    assert found == ["30 00:00", "30 04:00", "30 10:00", "30 16:00"]


def test_a_slot_holds_one_post() -> None:
    now = berlin("2026-11-30 12:30")
    assert SIX_HOURS.due(now, [berlin("2026-11-30 01:00")]) is not None
    assert SIX_HOURS.due(now, [berlin("2026-11-30 07:00")]) is None
    assert SIX_HOURS.next_at(now, [berlin("2026-11-30 07:00")]) == berlin("2026-11-30 13:00")


def test_missed_slots_are_dropped() -> None:
    """After three days without power there is one post, and the next one in the next slot."""
    last, now = berlin("2026-11-27 13:00"), berlin("2026-11-30 10:00")
    assert SIX_HOURS.due(now, [last]) is not None
    assert SIX_HOURS.due(now + timedelta(minutes=1), [last, now]) is None
    assert shown(SIX_HOURS.upcoming(2, now, [last])) == ["30 10:00", "30 13:00"]


def test_a_late_post_is_followed_by_a_pause() -> None:
    late = berlin("2026-11-30 12:59")
    assert SIX_HOURS.due(berlin("2026-11-30 13:10"), [late]) is None
    assert SIX_HOURS.next_at(late, [late]) == berlin("2026-11-30 15:59")


def test_a_day_has_six_posts_at_most() -> None:
    found = HOURLY.upcoming(8, berlin("2026-11-30 08:00"), [])
    assert shown(found)[5:] == ["30 13:00", "01 08:00", "01 09:00"]
    assert HOURLY.due(berlin("2026-11-30 14:00"), found[:6]) is None


def test_jitter_stays_where_it_is() -> None:
    """It depends on the persona and the slot alone, and so differs between them."""
    jittery = replace(SIX_HOURS, jitter=timedelta(minutes=30))
    now = berlin("2026-11-30 00:00")
    first, second = jittery.upcoming(2, now, [])
    assert jittery.upcoming(1, now + timedelta(minutes=7 * 60 - 1), []) == [first]
    assert first - berlin("2026-11-30 07:00") != second - berlin("2026-11-30 13:00")
    assert replace(jittery, name="bob").upcoming(1, now, []) != [first]
    for at in jittery.upcoming(40, now, []):
        assert at.astimezone(BERLIN).hour in (7, 13, 19)
        assert at.astimezone(BERLIN).minute < 30


def test_jitter_does_not_lead_into_the_quiet_hours() -> None:
    jittery = replace(HOURLY, quiet=Quiet(time(22, 10), time(7)), jitter=timedelta(minutes=30))
    for day in range(20):
        start = berlin("2026-11-30 22:00") + day * DAY
        at = jittery.next_at(start, [])
        assert at is not None
        assert not jittery.is_quiet(at)


def test_spring_has_one_slot_less() -> None:
    """At two the clock goes to three: the slot of two does not exist."""
    found = HOURLY.upcoming(4, berlin("2026-03-29 00:00"), [])
    assert shown(found) == ["29 00:00", "29 01:00", "29 03:00", "29 04:00"]
    assert found[2] - found[1] == timedelta(hours=1)


def test_autumn_has_no_slot_twice() -> None:
    """At three the clock goes back to two: what is two o'clock twice is one slot."""
    found = HOURLY.upcoming(4, berlin("2026-10-25 01:00"), [])
    assert shown(found) == ["25 01:00", "25 02:00", "25 03:00", "25 04:00"]
    assert found[2] - found[1] == timedelta(hours=2)


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "Pacific/Apia"])
@pytest.mark.parametrize("minutes", [60, 300, 2160])
def test_no_burst_however_the_clock_is_moved(zone: str, minutes: int) -> None:
    """A year in which a bot looks at random times, with a clock that jumps back and forth."""
    chance = random.Random(f"{zone} {minutes}")
    schedule = Schedule(
        "ada", timedelta(minutes=minutes), ZoneInfo(zone), NIGHT, timedelta(minutes=20)
    )
    now, posts = datetime(2011, 6, 1, tzinfo=UTC), list[datetime]()
    while now.year < 2012 or now.month < 6:
        if schedule.due(now, posts):
            assert not schedule.is_quiet(now)
            posts.append(now)
        now += timedelta(minutes=chance.choice((5, 40, 200, 2000, -30, -300)))
    posts.sort()
    assert len(posts) > 100 * min(1, 360 / minutes)
    pairs = itertools.pairwise(posts)
    assert min(after - before for before, after in pairs) >= schedule.pause
    days = zip(posts, posts[6:], strict=False)
    assert all(after - before >= DAY for before, after in days)


def test_a_slot_of_two_days_goes_on_after_a_night() -> None:
    slow = replace(SIX_HOURS, every=2 * DAY)
    begin = slow.next_at(berlin("2026-11-30 00:00"), [])
    assert begin is not None
    at = slow.next_at(begin + timedelta(hours=17), [])
    assert at == begin + DAY
