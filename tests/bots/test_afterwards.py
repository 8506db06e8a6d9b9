"""Tests of what comes after a post: the list, counts of likes, and deleting."""

from __future__ import annotations

import pytest

from popinjay.bots.afterwards import count, delete, posted
from popinjay.errors import NetworkError, QueueError
from popinjay.store.post_queue import Queue
from posting_bot import Bot
from queued_persona import put_drafts

FIRST, SECOND = "The tide is in.", "Nobody counts gulls."


@pytest.fixture
def after(bot: Bot) -> Bot:
    """Return a bot that has posted twice."""
    put_drafts(bot.run, FIRST, SECOND)
    bot.post()
    bot.later(hours=6).post()
    return bot


def test_the_newest_come_first(after: Bot) -> None:
    with Queue(after.run) as queue:
        assert [draft.text for draft in posted(queue)] == [SECOND, FIRST]


def test_likes_are_counted_on_demand(after: Bot) -> None:
    second, first = count(after.run, after.poster(), after.account)
    assert (first.likes, second.likes, second.reposts) == (1, 2, 0)
    assert first.counted_at


def test_a_server_that_is_away_leaves_the_former_numbers(after: Bot) -> None:
    count(after.run, after.poster(), after.account)
    after.account.is_away = True
    second, _ = count(after.run, after.poster(), after.account)
    assert second.likes == 2
    assert "are not counted" in after.notes()


def test_a_post_is_deleted_there_and_here(after: Bot) -> None:
    draft = delete(after.run, 1, after.poster(), after.account)
    assert draft.deleted_at
    assert after.account.texts() == [SECOND]
    asked = after.account.asked.count("delete")
    delete(after.run, 1, after.poster(), after.account)  # once more is no error
    assert after.account.asked.count("delete") == asked
    assert len(count(after.run, after.poster(), after.account)) == 2


def test_a_post_that_can_not_be_deleted_there_is_not_marked(after: Bot) -> None:
    after.account.is_away = True
    with pytest.raises(NetworkError):
        delete(after.run, 1, after.poster(), after.account)
    assert not after.drafts()[0].deleted_at


def test_what_was_not_posted_can_not_be_deleted(after: Bot) -> None:
    (third,) = put_drafts(after.run, "Engines hum at night.")
    with pytest.raises(QueueError, match="is approved, not posted"):
        delete(after.run, third.id, after.poster(), after.account)
