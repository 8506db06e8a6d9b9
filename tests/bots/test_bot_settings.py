"""Tests of a bot's settings: kept once given, and wrong ones refused in one sentence."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest

from popinjay.bots.bot_settings import keep, kept, local_zone, schedule_of
from popinjay.bots.schedule import Quiet
from popinjay.errors import OptionError
from popinjay.options import BotOptions
from popinjay.store.post_queue import Queue
from queued_persona import put_queued_persona


@pytest.fixture
def queue(own_home: Path) -> Queue:
    return Queue(put_queued_persona(own_home))


def test_what_is_given_once_is_kept(queue: Queue) -> None:
    keep(queue, {"every": "3h", "quiet_hours": "22:30-06:15"})
    keep(queue, {"per_day": 2, "auto": True})
    queue.close()
    with Queue(queue.run) as again:
        found = kept(again)
    assert (found.every, found.per_day, found.auto, found.visibility) == ("3h", 2, True, "unlisted")
    schedule = schedule_of("ada", found)
    assert schedule.every == timedelta(hours=3)
    assert schedule.quiet == Quiet(time(22, 30), time(6, 15))
    assert schedule.per_day == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("every", "59m"),
        ("every", "31d"),
        ("every", "soon"),
        ("every", "99999999999d"),
        ("quiet_hours", "23-7"),
        ("quiet_hours", "25:00-07:00"),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../../etc/passwd"),
        ("jitter", "-5m"),
        ("per_day", 7),
        ("visibility", "direct"),
        ("auto", True),  # without a daily limit
    ],
)
def test_what_is_wrong_is_refused_and_not_kept(queue: Queue, name: str, value: object) -> None:
    with pytest.raises(OptionError, match=name):
        keep(queue, {"language": "en", name: value})
    assert queue.settings() == {}


def test_quiet_hours_can_be_none() -> None:
    for text in ("none", "", "00:00-24:00", "07:00-07:00"):
        assert schedule_of("ada", BotOptions(quiet_hours=text)).quiet is None


def test_the_time_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":America/New_York")
    assert local_zone() == "America/New_York"
    assert str(schedule_of("ada", BotOptions()).zone) == "America/New_York"
    monkeypatch.setenv("TZ", "nonsense")
    assert local_zone() != "nonsense"
