"""Tests of a bot that stays: it waits for its slots, and goes on after whatever passes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from popinjay.bots.past_posts import Clock
from popinjay.bots.staying import Upcoming, Watching, stay
from popinjay.errors import LoginError, PopinjayError, PostingError
from popinjay.store.post_queue import DraftState, Queue
from posting_bot import Bot
from queued_persona import put_drafts

LOOK = 120.0  # seconds between two looks at the queue
TEXTS = ("The tide is in.", "Nobody counts gulls.", "Engines hum at night.")


class Over(BaseException):
    """The time of a test is over: as Ctrl-C."""


@dataclass
class Watched:
    """What a bot told. Its sleeps let the time pass at once."""

    bot: Bot
    until: datetime
    waits: list[Upcoming] = field(default_factory=list)
    errors: list[PopinjayError] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    shortest: float = 1e9

    def run(self) -> None:
        watching = Watching(
            waits=self.waits.append,
            posted=lambda done: self.times.append(self.bot.now),
            failed=lambda error, pause: self.errors.append(error),
            sleep=self._sleep,
        )
        with pytest.raises(Over):
            stay(self.bot.run, self.bot.account, self.bot.poster(), watching)

    def _sleep(self, seconds: float) -> None:
        assert 0 < seconds <= LOOK
        self.bot.later(seconds=seconds)
        if self.bot.now >= self.until:
            raise Over


def watched(bot: Bot, **lasts: float) -> Watched:
    return Watched(bot, bot.now + timedelta(**lasts))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let long pauses pass at once: they are measured by the real clock."""

    def at_once(watching: Watching, seconds: float) -> None:
        for _ in range(int(seconds / LOOK) + 1):
            watching.sleep(LOOK)

    monkeypatch.setattr("popinjay.bots.staying._sleep_long", at_once)
    monkeypatch.setattr("popinjay.bots.staying.LOOK_SECONDS", LOOK)


def test_it_posts_in_each_slot(bot: Bot) -> None:
    bot.settings(every="6h", jitter="30m")
    put_drafts(bot.run, *TEXTS)
    bot.later(minutes=1)
    seen = watched(bot, hours=13)
    seen.run()
    assert bot.account.texts() == list(TEXTS)
    first, second, third = seen.times
    assert datetime(2026, 11, 30, 12, 1, tzinfo=UTC) <= first < bot.now
    assert second.hour == 18
    assert third.date() > second.date()
    waited = [(upcoming.draft and upcoming.draft.text) for upcoming in seen.waits]
    assert waited == [*TEXTS, None]
    assert seen.errors == []


def test_it_says_once_what_it_waits_for(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """How long the machine has run counts by the second: the time differs a little at each look."""
    put_drafts(bot.run, *TEXTS[:2])
    bot.settings(every="1h")
    looks = iter(range(1, 10_000))
    began = bot.now

    def uptime() -> tuple[str, float]:
        return "boot", (bot.now - began).total_seconds() + 1e-4 * next(looks)

    poster = bot.poster()
    poster.clock = Clock(lambda: bot.now, uptime)
    monkeypatch.setattr(bot, "poster", lambda: poster)
    seen = watched(bot, minutes=40)
    seen.run()
    assert [waits.draft and waits.draft.id for waits in seen.waits] == [1, 2]


def test_it_notices_what_is_approved_meanwhile(bot: Bot) -> None:
    seen = watched(bot, minutes=5)
    seen.run()
    assert seen.waits == [Upcoming(None, None)]
    put_drafts(bot.run, TEXTS[0])
    watched(bot, minutes=5).run()
    assert bot.account.texts() == [TEXTS[0]]


def test_a_network_away_for_a_day_costs_its_slots_and_no_more(bot: Bot) -> None:
    put_drafts(bot.run, *TEXTS)
    watched(bot, minutes=5).run()
    bot.account.is_away = True
    away = watched(bot, hours=25)
    away.run()
    assert len(away.errors) > 10
    assert bot.account.texts() == [TEXTS[0]]
    bot.account.is_away = False
    back = watched(bot, hours=1)
    back.run()
    assert bot.account.texts() == list(TEXTS[:2])
    assert len(back.times) == 1


def test_a_lost_answer_is_settled_soon(bot: Bot) -> None:
    put_drafts(bot.run, *TEXTS[:2])
    bot.account.faults = ["answer lost"]
    seen = watched(bot, hours=7)
    seen.run()
    assert bot.account.texts() == list(TEXTS[:2])
    assert len(seen.errors) == 1
    assert seen.times[0] < datetime(2026, 11, 30, 12, 5, tzinfo=UTC)


def test_what_was_being_sent_when_it_stopped_is_settled_first(bot: Bot) -> None:
    (draft,) = put_drafts(bot.run, TEXTS[0])
    request = bot.account.request(draft, draft.text)
    with Queue(bot.run) as queue:
        queue.move(
            draft.id,
            DraftState.APPROVED,
            DraftState.SENDING,
            account=bot.account.name,
            key=request.key,
            content=request.content,
            sending_at=bot.now.isoformat(),
        )
    bot.settings(quiet_hours="11:00-13:00")  # which are no reason to leave it open
    watched(bot, minutes=1).run()
    assert bot.states() == ["posted"]
    assert bot.account.texts() == [TEXTS[0]]


def test_a_refused_draft_does_not_stop_it(bot: Bot) -> None:
    put_drafts(bot.run, *TEXTS[:2])
    bot.account.faults = ["refused"]
    seen = watched(bot, hours=1)
    seen.run()
    assert bot.account.texts() == [TEXTS[1]]
    assert "They don't want it" in seen.errors[0].message


def test_it_stops_if_the_login_is_revoked(bot: Bot) -> None:
    put_drafts(bot.run, *TEXTS)
    watched(bot, minutes=5).run()
    bot.account.is_locked_out = True
    with pytest.raises(LoginError):
        stay(bot.run, bot.account, bot.poster(), Watching())


def test_it_does_not_begin_as_an_account_that_is_no_bot(bot: Bot) -> None:
    bot.answers = lambda question: False
    with pytest.raises(PostingError, match="not marked as a bot"):
        stay(bot.run, bot.account, bot.poster(), Watching())
