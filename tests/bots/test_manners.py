"""Tests of who may post, and of what account, profile and server have to be like before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from popinjay.bots.manners import UNREAD, check_whose, says_enough, statement_of, whose_words
from popinjay.bots.networks.network import Profile, Rule
from popinjay.errors import NothingDue, PostingError
from popinjay.options import BotOptions
from popinjay.store.blend_member import BlendMember
from popinjay.store.post_queue import DraftState, Queue
from posting_bot import Bot
from queued_persona import put_drafts, put_queued_persona

TEXT, OTHER, THIRD = "The tide is in.", "Nobody counts gulls.", "Engines hum at night."


@pytest.mark.parametrize("whose", ["public-figure", None])
def test_others_words_can_not_be_posted_at_all(own_home: Path, bot: Bot, whose: str | None) -> None:
    bot.run = put_queued_persona(own_home, "other", whose=whose)
    put_drafts(bot.run, TEXT)
    with pytest.raises(PostingError, match="a bot must not speak for them"):
        bot.post()
    assert bot.account.asked == []


@pytest.mark.parametrize("whose", ["self", "permission", "public-domain", "fictional"])
def test_whose_words_can_be_posted(own_home: Path, bot: Bot, whose: str) -> None:
    bot.run = put_queued_persona(own_home, "other", whose=whose, contact="ada@mail.example")
    put_drafts(bot.run, TEXT)
    bot.post()
    assert bot.account.texts() == [TEXT]


def test_of_a_blend_the_strictest_member_decides(own_home: Path) -> None:
    run = put_queued_persona(own_home)
    members = (
        BlendMember("ada", 0.5, "hash", "self", "ada:model:v1"),
        BlendMember("bob", 0.3, "hash", "public-figure", "bob:model:v1"),
        BlendMember("tiny", 0.2, "hash"),  # the base has no author
    )
    run.record = run.record.updated(blend=members)
    assert whose_words(run) == "public-figure"
    with pytest.raises(PostingError):
        check_whose(run)
    run.record = run.record.updated(blend=(members[0], members[2]))
    check_whose(run, auto=True)
    run.record = run.record.updated(blend=(members[0], replace(members[1], whose=None)))
    with pytest.raises(PostingError, match="unknown authors"):
        check_whose(run)


# without a person


@pytest.mark.parametrize("whose", ["permission", "public-domain"])
def test_auto_is_for_your_own_words_and_nobodys(own_home: Path, bot: Bot, whose: str) -> None:
    bot.run = put_queued_persona(own_home, "other", whose=whose, contact="ada@mail.example")
    bot.settings(auto=True, per_day=2)
    put_drafts(bot.run, TEXT)
    with pytest.raises(PostingError, match="a person has to approve each post"):
        bot.post()


def test_auto_posts_what_nobody_approved_after_what_somebody_did(bot: Bot) -> None:
    bot.settings(auto=True, per_day=2)
    put_drafts(bot.run, TEXT, approved=False)
    put_drafts(bot.run, OTHER)
    put_drafts(bot.run, THIRD, approved=False)
    bot.post()
    bot.later(hours=6).post()
    assert bot.account.texts() == [OTHER, TEXT]
    assert bot.drafts()[0].decided_by == "auto"
    with pytest.raises(NothingDue):
        bot.later(hours=6).post()  # two a day
    assert UNREAD in bot.account.shown.description


def test_auto_that_is_taken_back_stops_what_it_had_approved(bot: Bot) -> None:
    (draft,) = put_drafts(bot.run, TEXT)
    with Queue(bot.run) as queue:
        queue.set(draft.id, decided_by="auto")
    with pytest.raises(NothingDue):
        bot.post()
    assert bot.drafts()[0].state is DraftState.DRAFT
    assert bot.account.texts() == []


# the account


def test_the_account_is_marked_after_a_yes(bot: Bot) -> None:
    put_drafts(bot.run, TEXT, OTHER)
    bot.post()
    assert len(bot.questions) == 1
    assert "is not marked as a bot" in bot.questions[0]
    assert bot.account.shown.is_bot
    assert bot.account.shown.description.strip() == (
        "Bot: a language model writes these posts in the manner of ada, who answers for them."
    )
    bot.later(hours=6).post()
    assert len(bot.questions) == 1


def test_without_a_yes_nothing_is_posted(bot: Bot) -> None:
    put_drafts(bot.run, TEXT)
    bot.answers = lambda question: False
    with pytest.raises(PostingError, match="is not marked as a bot") as caught:
        bot.post()
    assert "in the manner of ada" in caught.value.hint
    assert bot.account.texts() == []
    assert not bot.account.shown.is_bot
    bot.account.shown = replace(bot.account.shown, is_bot=True)
    with pytest.raises(PostingError, match="does not say what it is"):
        bot.post()


@pytest.mark.parametrize(
    ("description", "says"),
    [
        ("Bot: a language model writes these posts in the manner of ada. bob@mail.example "
         "answers for them.", True),
        ("Posts by a machine that read all of @Ada. Ask bob@mail.example.", True),
        ("An AI bot of ada's", False),  # who answers?
        ("Posts by a machine. Ask bob@mail.example.", False),  # in whose manner?
        ("I am ada. Ask bob@mail.example.", False),  # who writes?
        ("A bot from Canada, by bob@mail.example", False),
        ("", False),
    ],
)  # fmt: skip
def test_a_profile_in_the_users_own_words(own_home: Path, description: str, says: bool) -> None:
    run = put_queued_persona(own_home, contact="bob@mail.example")
    profile = Profile("ada", "Ada", description, is_bot=True)
    assert says_enough(profile, run, BotOptions()) is says
    with_field = Profile("ada", "Ada", "", is_bot=True, fields={"about": description})
    assert says_enough(with_field, run, BotOptions()) is says
    assert not says_enough(profile, run, BotOptions(auto=True, per_day=1))


def test_somebody_has_to_answer(own_home: Path) -> None:
    run = put_queued_persona(own_home, whose="fictional", authors=("ada", "bob"))
    with pytest.raises(PostingError, match="who answers") as caught:
        statement_of(run, BotOptions())
    assert "--operator" in caught.value.hint
    said = statement_of(run, BotOptions(operator="@eve@social.example", auto=True, per_day=1))
    assert said == (
        "Bot: a language model writes these posts in the manner of ada and bob. Nobody reads them "
        "before they are posted. @eve@social.example answers for them."
    )


def test_a_suspended_account_is_told(bot: Bot) -> None:
    put_drafts(bot.run, TEXT)
    bot.account.shown = replace(bot.account.shown, trouble="It is suspended.")
    with pytest.raises(PostingError, match="can't post: It is suspended"):
        bot.post()


# the server


def test_rules_are_confirmed_once_and_again_when_they_change(bot: Bot) -> None:
    put_drafts(bot.run, TEXT, OTHER, THIRD)
    bot.account.listed = [Rule("1", "Be kind.")]
    bot.post()
    assert bot.shown == ["Be kind."]
    assert "keep to these rules of social.example" in bot.questions[-1]
    bot.later(hours=6).post()
    assert bot.shown == ["Be kind."]
    bot.account.listed.append(Rule("2", "Bots must be marked."))
    bot.answers = lambda question: False
    with pytest.raises(PostingError, match="are not confirmed"):
        bot.later(hours=6).post()
    assert bot.shown == ["Be kind.", "Be kind.", "Bots must be marked."]
    assert len(bot.account.texts()) == 2


def test_a_rule_that_forbids_is_quoted(bot: Bot) -> None:
    put_drafts(bot.run, TEXT, OTHER, THIRD)
    bot.account.listed = [Rule("1", "Be kind."), Rule("2", "No bots, please.")]
    with pytest.raises(PostingError, match=r"forbid it: “No bots, please\.”") as caught:
        bot.post()
    assert "--i-read-the-rules" in caught.value.hint
    assert bot.account.texts() == []
    bot.read_the_rules = True
    bot.post()
    bot.read_the_rules = False  # said once, it counts until the rules change
    bot.later(hours=6).post()
    bot.account.listed.append(Rule("3", "Really."))
    with pytest.raises(PostingError):
        bot.later(hours=6).post()


def test_a_server_that_is_known_for_it_is_refused_by_name(bot: Bot) -> None:
    put_drafts(bot.run, TEXT)
    bot.account.server = "mastodon.social"
    bot.read_the_rules = True
    with pytest.raises(PostingError, match=r"mastodon.social forbid it.*not tolerated") as caught:
        bot.post()
    assert "--i-read-the-rules" not in caught.value.hint


def test_what_rules_ask_for_is_kept_to(bot: Bot) -> None:
    put_drafts(bot.run, TEXT, OTHER)
    bot.settings(visibility="public", every="1h")
    bot.account.listed = [Rule("1", "Bots are unlisted, and post every 3 hours at most.")]
    bot.post()
    assert bot.account.contents()[0]["visibility"] == "unlisted"
    with pytest.raises(NothingDue, match="15:00"):
        bot.later(hours=2).post()
    bot.later(hours=1).post()
    assert bot.account.texts() == [TEXT, OTHER]


def test_a_warning_that_rules_ask_for_is_the_users_to_give(bot: Bot) -> None:
    put_drafts(bot.run, TEXT)
    bot.account.listed = [Rule("1", "Bots need a content warning.")]
    with pytest.raises(PostingError, match="content warning"):
        bot.post()
    bot.settings(warning="written by a machine")
    bot.post()
    assert bot.account.contents()[0]["warning"] == "written by a machine"
