"""Tests of posting: each approved draft exactly once, whatever happens on the way."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from popinjay.bots.choosing import next_time
from popinjay.bots.networks.network import Request, Sent
from popinjay.bots.past_posts import Clock
from popinjay.bots.posting import LOCK, post_next
from popinjay.errors import (
    DraftRefused,
    LoginError,
    NetworkError,
    NothingDue,
    NotSettled,
    PostingError,
    QueueBusy,
    StorageError,
)
from popinjay.store.post_queue import Draft, DraftState, Queue
from posting_bot import Bot
from posting_standin import AccountStandIn
from queued_persona import put_drafts

FIRST, SECOND, THIRD = "The tide is in.", "Nobody counts gulls.", "Engines hum at night."


def test_the_next_approved_draft_is_posted(bot: Bot) -> None:
    put_drafts(bot.run, FIRST, SECOND)
    posted = bot.post()
    assert posted.draft is not None
    assert posted.draft.state is DraftState.POSTED
    assert posted.draft.url == "https://social.example/@ada/1"
    assert posted.draft.account == bot.account.name
    assert posted.next_at == datetime(2026, 11, 30, 18, tzinfo=UTC)
    assert bot.account.texts() == [FIRST]


def test_what_nobody_approved_is_not_posted(bot: Bot) -> None:
    put_drafts(bot.run, FIRST, approved=False)
    with pytest.raises(NothingDue, match="approved"):
        bot.post()
    assert bot.account.texts() == []
    assert bot.account.asked == []


def test_settings_fill_what_a_draft_does_not_say(bot: Bot) -> None:
    bot.settings(language="en", warning="written by a machine")
    _, second = put_drafts(bot.run, FIRST, SECOND)
    with Queue(bot.run) as queue:
        queue.set(second.id, language="pt", visibility="public")
    bot.post()
    bot.later(hours=6).post()
    one, other = bot.account.contents()
    assert (one["language"], one["visibility"]) == ("en", "unlisted")
    assert one["warning"] == "written by a machine"
    assert (other["language"], other["visibility"]) == ("pt", "public")


def test_one_in_a_slot_and_six_a_day(bot: Bot) -> None:
    put_drafts(bot.run, *(f"Gull number {n} has gone." for n in range(9)))
    bot.settings(every="1h")
    for _ in range(6):
        bot.post()
        with pytest.raises(NothingDue, match="no free slot"):
            bot.later(minutes=59).post()
        bot.later(minutes=1)
    with pytest.raises(NothingDue, match="2026-12-01 12:00"):
        bot.post()
    assert bot.later(hours=18).post().draft is not None


def test_the_rate_counts_what_the_queue_knows(bot: Bot) -> None:
    """Whoever posted it, and also if its outcome is unknown or it was deleted since."""
    first, *_ = put_drafts(bot.run, FIRST, SECOND)
    bot.post()
    with Queue(bot.run) as queue:
        queue.set(first.id, deleted_at="2026-11-30T12:01:00+00:00")
    with pytest.raises(NothingDue):
        bot.later(minutes=30).post()


def test_a_draft_with_a_date_waits_for_it_and_then_comes_first(bot: Bot) -> None:
    _, second = put_drafts(bot.run, FIRST, SECOND)
    with Queue(bot.run) as queue:
        queue.set(second.id, due_at="2026-11-30T20:00:00+00:00")
    bot.post()
    with pytest.raises(NothingDue, match="due yet"):
        bot.later(hours=6).post()
    put_drafts(bot.run, THIRD)
    bot.later(hours=6).post()
    assert bot.account.texts() == [FIRST, SECOND]


# the outcome


@pytest.mark.parametrize("fault", ["request lost", "answer lost"])
@pytest.mark.parametrize("hours", [0.01, 0.5, 0.9, 2, 200])
def test_a_lost_answer_is_settled_first(bot: Bot, fault: str, hours: float) -> None:
    put_drafts(bot.run, FIRST, SECOND)
    bot.account.faults = [fault]
    with pytest.raises(NotSettled, match="not known yet"):
        bot.post()
    assert bot.states() == ["sending", "approved"]
    bot.later(hours=hours)
    found = bot.post()
    assert bot.account.texts()[0] == FIRST
    assert bot.account.texts().count(FIRST) == 1
    assert [draft.text for draft in found.settled] == [FIRST]
    for _ in range(4):
        bot.later(hours=6).post() if bot.drafts(DraftState.APPROVED) else None
    assert sorted(bot.account.texts()) == sorted([FIRST, SECOND])
    assert bot.states() == ["posted", "posted"]


def test_what_is_not_seen_may_still_be_on_its_way(bot: Bot) -> None:
    """With a server that knows no keys, some minutes are waited before it is sent again."""
    put_drafts(bot.run, FIRST)
    bot.account.always_remembers = lambda since: False  # type: ignore[method-assign]
    bot.account.faults = ["request lost"]
    with pytest.raises(NotSettled):
        bot.post()
    for _ in range(9):
        with pytest.raises(NotSettled, match="on its way"):
            bot.later(minutes=1).post()
    bot.later(minutes=1).post()
    bot.later(hours=6)
    assert bot.account.texts() == [FIRST]


def test_a_refused_draft_fails_and_the_next_one_is_posted(bot: Bot) -> None:
    put_drafts(bot.run, FIRST, SECOND)
    bot.account.faults = ["refused"]
    with pytest.raises(DraftRefused, match="They don't want it"):
        bot.post()
    assert bot.states() == ["failed", "approved"]
    assert bot.drafts()[0].error == "They don't want it."
    bot.post()
    assert bot.account.texts() == [SECOND]


def test_what_is_refused_for_now_stays_approved(bot: Bot) -> None:
    put_drafts(bot.run, FIRST)
    bot.account.faults = ["refused for now"]
    with pytest.raises(DraftRefused):
        bot.post()
    assert bot.states() == ["approved"]
    bot.post()
    assert bot.account.texts() == [FIRST]


def test_a_server_that_is_away_changes_nothing(bot: Bot) -> None:
    put_drafts(bot.run, FIRST)
    bot.account.is_away = True
    with pytest.raises(NetworkError):
        bot.post()
    assert bot.states() == ["approved"]


def test_a_server_that_goes_away_meanwhile_is_asked_a_day_later(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_drafts(bot.run, FIRST)
    send = bot.account.send

    def gone(request: object) -> None:
        bot.account.is_away = True
        send(request)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(bot.account, "send", gone)
        with pytest.raises(NotSettled):
            bot.post()
    for _ in range(3):
        with pytest.raises(NetworkError):
            bot.later(hours=8).post()
    assert bot.states() == ["sending"]
    bot.account.is_away = False
    bot.post()
    assert bot.account.texts() == [FIRST]


def test_a_revoked_login_posts_nothing(bot: Bot) -> None:
    put_drafts(bot.run, FIRST)
    bot.account.is_locked_out = True
    with pytest.raises(LoginError):
        bot.post()
    assert bot.states() == ["approved"]


def test_a_login_revoked_before_it_is_sent_again_leaves_it_as_it_is(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request may still arrive: then only its key prevents a second post."""
    put_drafts(bot.run, FIRST)
    bot.account.faults = ["request lost"]
    with pytest.raises(NotSettled):
        bot.post()
    (sending,) = bot.drafts()
    with monkeypatch.context() as patched:
        patched.setattr(bot.account, "send", _locked_out)
        with pytest.raises(NothingDue):
            bot.later(minutes=1).post()
    assert "Draft 1 stays as it is. The token was revoked." in bot.notes()
    (draft,) = bot.drafts()
    assert (draft.state, draft.key) == (DraftState.SENDING, sending.key)
    bot.later(minutes=1).post()
    assert bot.account.texts() == [FIRST]


def _locked_out(request: Request) -> Sent:
    raise LoginError("The token was revoked.", "Log in again.")


def test_a_refusal_says_nothing_about_an_earlier_request(bot: Bot) -> None:
    put_drafts(bot.run, FIRST)
    bot.account.faults = ["request lost", "refused", "refused"]
    with pytest.raises(NotSettled):
        bot.post()
    with pytest.raises(NotSettled):
        bot.later(minutes=1).post()
    assert bot.states() == ["sending"]
    with pytest.raises(DraftRefused):
        bot.later(minutes=10).post()
    assert bot.states() == ["failed"]


def test_a_picture_that_can_not_be_posted_sends_its_draft_back(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_drafts(bot.run, FIRST, SECOND)
    request = bot.account.request

    def refusing(draft: Draft, text: str) -> Request:
        if draft.id == 1:
            raise PostingError("The picture card.png can't be read.", "Draw it again.")
        return request(draft, text)

    monkeypatch.setattr(bot.account, "request", refusing)
    with pytest.raises(DraftRefused, match="Draft 1: The picture"):
        bot.post()
    bot.post()
    assert bot.account.texts() == [SECOND]
    back = bot.drafts()[-1]
    assert (back.id, back.state, back.later) == (1, DraftState.DRAFT, 1)


def test_why_there_is_no_slot_is_said(bot: Bot) -> None:
    put_drafts(bot.run, FIRST, SECOND)
    bot.settings(quiet_hours="11:00-13:00")
    with pytest.raises(NothingDue) as caught:
        bot.post()
    assert caught.value.hint.startswith("Its quiet hours are 11:00-13:00.")
    bot.settings(quiet_hours="none")
    bot.post()
    with pytest.raises(NothingDue) as caught:
        bot.post()
    assert caught.value.hint.startswith("It posts once every 6h, at most 6 times in 24 hours.")


def test_a_login_revoked_while_sending_does_not_lose_the_draft(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_drafts(bot.run, FIRST, SECOND)
    bot.account.faults = ["answer lost"]
    with pytest.raises(NotSettled):
        bot.post()
    bot.account.is_locked_out = True
    with pytest.raises(LoginError):
        bot.later(hours=6).post()
    assert bot.states() == ["sending", "approved"]
    bot.account.is_locked_out = False
    bot.post()
    assert bot.account.texts() == [FIRST, SECOND]


def test_a_full_disk_after_the_post_is_recorded_later(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_drafts(bot.run, FIRST)
    move = Queue.move

    def full(queue: Queue, id: int, since: DraftState, to: DraftState, **values: object) -> object:
        if to is DraftState.POSTED:
            with queue._errors():
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
        return move(queue, id, since, to, **values)

    with monkeypatch.context() as patch:
        patch.setattr(Queue, "move", full)
        with pytest.raises(StorageError, match="Draft 1 stands at https:"):
            bot.post()
    assert bot.states() == ["sending"]
    assert bot.later(hours=30).post().settled[0].url == "https://social.example/@ada/1"
    assert bot.account.texts() == [FIRST]


def test_a_full_disk_before_the_post_sends_nothing(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_drafts(bot.run, FIRST)

    def full(*given: object, **values: object) -> None:
        raise StorageError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(Queue, "move", full)
        with pytest.raises(StorageError):
            bot.post()
    assert bot.account.texts() == []
    assert bot.states() == ["approved"]


# drafts that can't be posted


def test_a_text_too_long_there_goes_back_to_its_user(bot: Bot) -> None:
    long, _ = put_drafts(bot.run, "gull " * 200, FIRST)
    bot.post()
    assert bot.account.texts() == [FIRST]
    back = next(draft for draft in bot.drafts() if draft.id == long.id)
    assert back.state is DraftState.DRAFT
    assert "too long" in back.error
    assert "needs another look" in bot.notes()


def test_the_same_text_is_not_posted_twice(bot: Bot) -> None:
    put_drafts(bot.run, FIRST, f" {FIRST}", SECOND)
    bot.post()
    bot.later(hours=6).post()
    assert bot.account.texts() == [FIRST, SECOND]
    assert sorted(bot.states()) == ["draft", "posted", "posted"]


def test_a_draft_for_another_account_waits_for_it(bot: Bot) -> None:
    first, _ = put_drafts(bot.run, FIRST, SECOND)
    with Queue(bot.run) as queue:
        queue.set(first.id, account="bsky:ada.example")
    bot.post()
    assert bot.account.texts() == [SECOND]
    with pytest.raises(NothingDue, match=r"posted to standin"):
        bot.later(hours=6).post()


def test_two_accounts_of_one_persona(bot: Bot) -> None:
    """What can't be settled, as the login is gone, does not hold up the other account."""
    other = AccountStandIn(bot.account.path.with_name("other.sqlite"), name="standin:other")
    first, second = put_drafts(bot.run, FIRST, SECOND)
    with Queue(bot.run) as queue:
        queue.set(first.id, account=other.name)
        queue.set(second.id, account=bot.account.name)
    poster = bot.poster()
    poster.open_account = lambda name, **given: {
        other.name: other,
        bot.account.name: bot.account,
    }[name]
    other.shown = bot.account.shown
    other.now = bot.account.now
    other.faults = ["answer lost"]
    with pytest.raises(NotSettled):
        post_next(bot.run, None, poster)
    other.is_locked_out = True
    bot.later(hours=6)
    posted = post_next(bot.run, None, poster)
    assert posted.draft is not None
    assert posted.draft.text == SECOND
    assert "stays as it is" in bot.notes()
    assert "close" in other.asked
    other.is_locked_out = False
    bot.later(hours=6)
    with pytest.raises(NothingDue):
        post_next(bot.run, None, poster)
        post_next(bot.run, None, poster)
    assert other.texts() == [FIRST]
    assert bot.states() == ["posted", "posted"]


# clocks


def test_a_clock_set_back_is_no_reason_for_a_burst(bot: Bot) -> None:
    put_drafts(bot.run, FIRST, SECOND, THIRD)
    bot.post()
    bot.now -= timedelta(days=400)
    for _ in range(2):
        with pytest.raises(NothingDue):
            bot.post()
        bot.later(hours=1)
    bot.later(hours=4).post()
    with pytest.raises(NothingDue):
        bot.later(minutes=30).post()
    bot.later(hours=6).post()
    assert bot.account.texts() == [FIRST, SECOND, THIRD]


def test_a_clock_set_forward_is_no_reason_for_a_burst(bot: Bot) -> None:
    """As long as the machine runs, it knows how long an hour is."""
    put_drafts(bot.run, FIRST, SECOND)
    bot.boot = ("this boot", 100.0)
    bot.post()
    bot.boot = ("this boot", 160.0)
    with pytest.raises(NothingDue, match="no free slot"):
        bot.later(days=3).post()
    with Queue(bot.run) as queue:
        at = next_time(queue, Clock(lambda: bot.now, lambda: bot.boot))
    assert at == bot.now + timedelta(minutes=59)
    bot.boot = ("this boot", 3700.0)
    bot.later(hours=1).post()
    assert bot.account.texts() == [FIRST, SECOND]


@pytest.mark.parametrize("moved", [-400, -1, -0.05, 0.05, 1, 400])
@pytest.mark.parametrize("fault", ["request lost", "answer lost"])
def test_a_moved_clock_posts_nothing_twice(bot: Bot, fault: str, moved: float) -> None:
    """The clock is wrong when a post is sent, or when it is settled.

    The server's clock goes on as it did.
    """
    put_drafts(bot.run, FIRST, SECOND)
    bot.account.faults = [fault]
    with pytest.raises(NotSettled):
        bot.post()
    bot.now += timedelta(days=moved)
    bot.server_is_ahead -= timedelta(days=moved)
    for _ in range(60):
        try:
            bot.later(hours=1.7).post()
        except (NothingDue, NotSettled):
            continue
    assert sorted(bot.account.texts()) == sorted([FIRST, SECOND])
    assert set(bot.states()) == {"posted"}


# others


def test_only_one_posts_at_a_time(bot: Bot) -> None:
    from filelock import FileLock

    put_drafts(bot.run, FIRST)
    with FileLock(bot.run.file(LOCK)), pytest.raises(QueueBusy):
        bot.post()
    assert bot.post().draft is not None


def test_a_dry_run_changes_nothing(bot: Bot) -> None:
    bot.settings(language="en")
    put_drafts(bot.run, FIRST)
    plan = bot.post(dry_run=True).plan
    assert plan is not None
    assert (plan.text, plan.account, plan.language) == (FIRST, bot.account.name, "en")
    assert plan.at == bot.now
    assert plan.problems[0].startswith(f"{bot.account.name} is not marked as a bot")
    assert bot.account.asked == ["profile"]
    assert bot.states() == ["approved"]
    assert bot.questions == []


def test_a_dry_run_without_a_network_says_so(bot: Bot) -> None:
    put_drafts(bot.run, FIRST)
    bot.account.is_away = True
    plan = bot.post(dry_run=True).plan
    assert plan is not None
    assert any("can't be reached" in problem for problem in plan.problems)


def test_a_persona_that_is_gone(bot: Bot) -> None:
    import shutil

    from popinjay.errors import PersonaError

    shutil.rmtree(bot.run.path)
    with pytest.raises(PersonaError):
        bot.post()
    assert issubclass(NothingDue, PostingError)
