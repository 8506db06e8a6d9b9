"""Tests of posting to Mastodon, with the stand-in that people are logged in to."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mastodon_posting_api import TOKEN
from mastodon_posting_standin import MastodonProcess, PostingStandIn
from pixels import png
from popinjay.bots.networks.mastodon import MastodonAccount
from popinjay.bots.networks.network import NotPosted, OutcomeUnknown, Reactions
from popinjay.errors import LoginError, NetworkError, PostingError
from popinjay.events import Event, EventKind
from posting_accounts import draft, mastodon_account

HOUR = 3600.0
PNG = png(7, 100, 50)


@pytest.fixture
def server() -> Iterator[PostingStandIn]:
    stand_in = PostingStandIn()
    yield stand_in
    stand_in.close()


@pytest.fixture
def account(server: PostingStandIn) -> Iterator[MastodonAccount]:
    opened = mastodon_account(server)
    yield opened
    opened.close()


def ago(**given: float) -> str:
    return (datetime.now(UTC) - timedelta(**given)).isoformat()


# posting


def test_a_post_as_it_is_sent(server: PostingStandIn, account: MastodonAccount) -> None:
    text = "the tide is in\n\nsee https://example.org/a/b?c=1"
    sent = account.send(account.request(draft(text, language="en-GB", warning="tides"), text))
    (row,) = server.data["statuses"]
    assert (row["source"], row["visibility"], row["language"]) == (text, "unlisted", "en")
    assert row["spoiler_text"] == "tides"
    assert sent.uri == row["id"]
    assert sent.url == f"{server.address}/@ada/{row['id']}"


def test_the_visibility_of_the_draft(server: PostingStandIn, account: MastodonAccount) -> None:
    account.send(account.request(draft("once", visibility="public"), "once"))
    assert server.data["statuses"][0]["visibility"] == "public"


def test_a_picture_with_its_text(
    server: PostingStandIn, account: MastodonAccount, tmp_path: Path
) -> None:
    (tmp_path / "card.png").write_bytes(PNG)
    row = draft("look", picture=str(tmp_path / "card.png"), alt="a card – with ünïcode")
    request = account.request(row, "look")
    assert server.texts == []
    account.send(request)
    assert server.data["media"] == {"1": {"description": row.alt, "bytes": len(PNG)}}
    assert server.data["statuses"][0]["media_ids"] == ["1"]


@pytest.mark.parametrize(
    ("content", "said"), [(None, "can't be read"), (b"GARBAGE", "not a picture")]
)
def test_a_picture_that_is_none(
    account: MastodonAccount, tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content:
        (tmp_path / "card.png").write_bytes(content)
    with pytest.raises(PostingError, match=said):
        account.request(draft("look", picture=str(tmp_path / "card.png")), "look")


# exactly once


def test_the_same_request_posts_once(server: PostingStandIn, account: MastodonAccount) -> None:
    request = account.request(draft("once"), "once")
    assert account.send(request) == account.send(request)
    assert server.texts == ["once"]
    assert server.data["posts_asked"] == 2


@pytest.mark.parametrize("fault", ["lost", "failed", "broken"])
def test_an_answer_that_is_lost(
    server: PostingStandIn, account: MastodonAccount, fault: str
) -> None:
    request = account.request(draft("once"), "once")
    server.data["faults"] = [fault]
    with pytest.raises(OutcomeUnknown):
        account.send(request)
    found = account.find(request, ago(minutes=1))
    assert found is not None
    assert account.send(request) == found
    assert server.texts == ["once"]


@pytest.mark.parametrize("fault", ["dropped", "down"])
def test_a_request_that_came_to_nothing(
    server: PostingStandIn, account: MastodonAccount, fault: str
) -> None:
    request = account.request(draft("once"), "once")
    server.data["faults"] = [fault]
    with pytest.raises(OutcomeUnknown):
        account.send(request)
    assert account.find(request, ago(minutes=1)) is None
    account.send(request)
    assert server.texts == ["once"]


@pytest.mark.parametrize("hours", [0.5, 1.5, 30])
def test_sent_again_after_a_while(
    server: PostingStandIn, account: MastodonAccount, hours: float
) -> None:
    """Past its hour the server has forgotten the key: what stands there tells."""
    request = account.request(draft("once"), "once")
    server.data["faults"] = ["lost"]
    with pytest.raises(OutcomeUnknown):
        account.send(request)
    server.data["ahead"] += hours * HOUR
    with_it = mastodon_account(server)  # another process, later
    assert with_it.send(request).uri == server.data["statuses"][0]["id"]
    assert server.texts == ["once"]
    with_it.close()


def test_lost_before_it_was_posted_and_sent_after_the_hour(
    server: PostingStandIn, account: MastodonAccount
) -> None:
    request = account.request(draft("once"), "once")
    server.data["faults"] = ["dropped"]
    with pytest.raises(OutcomeUnknown):
        account.send(request)
    server.data["ahead"] += 2 * HOUR
    account.send(request)
    assert server.texts == ["once"]


@pytest.mark.parametrize("ahead", [-2 * 24 * HOUR, 2 * 24 * HOUR])
def test_the_clock_of_this_machine_does_not_matter(server: PostingStandIn, ahead: float) -> None:
    server.data["ahead"] = ahead
    account = mastodon_account(server)
    request = account.request(draft("once"), "once")
    server.data["faults"] = ["lost"]
    with pytest.raises(OutcomeUnknown):
        account.send(request)
    since = ago(seconds=1)  # by this machine's clock, which is days off
    assert not account.always_remembers(since)
    assert account.find(request, since) is not None
    server.data["ahead"] += 2 * HOUR
    again = mastodon_account(server)
    again.send(request)
    assert server.texts == ["once"]
    account.close()
    again.close()


def test_how_long_the_server_remembers(account: MastodonAccount) -> None:
    assert account.always_remembers(ago(seconds=5))
    assert account.always_remembers(ago(minutes=45))
    assert not account.always_remembers(ago(minutes=55))
    assert not account.always_remembers(ago(days=2))
    assert not account.always_remembers("")


def test_a_server_that_keeps_no_keys(server: PostingStandIn, account: MastodonAccount) -> None:
    version = {"version": "4.3.0 (compatible; Other 1.0)", "configuration": {}, "rules": []}
    server.data["instead"] = {"GET /api/v2/instance": [200, version, {}]}
    request = account.request(draft("once"), "once")
    server.data["faults"] = ["lost"]
    with pytest.raises(OutcomeUnknown):
        account.send(request)
    server.data["keys"].clear()
    assert not account.always_remembers(ago(seconds=1))
    account.send(request)
    assert server.texts == ["once"]


@pytest.mark.parametrize(
    "text",
    [
        'a "quoted" – text…  with   spaces\nand lines\n\n\nand more',
        "of <b>tags</b> & entities &amp; 2 < 3",
        "see https://example.org/a/very/long/path/that/is/shortened?with=query&and=more, too",
        "hello @bob@example.org and #tides :gull:",
        "🌊🌊🌊",
        "日本語のテキスト、そして…",
    ],
)
def test_the_text_is_known_again(
    server: PostingStandIn, account: MastodonAccount, text: str
) -> None:
    for n in range(50):
        account.send(account.request(draft(f"number {n}", n + 10), f"number {n}"))
    request = account.request(draft(text), text)
    sent = account.send(request)
    for n in range(60):
        account.send(account.request(draft(f"later {n}", n + 100), f"later {n}"))
    server.data["ahead"] += 2 * HOUR
    assert account.find(request, ago(minutes=1)) == sent
    other = account.request(draft(f"{text} else"), f"{text} else")
    assert account.find(other, ago(minutes=1)) is None


def test_an_old_post_of_the_same_text_is_another_one(
    server: PostingStandIn, account: MastodonAccount
) -> None:
    account.send(account.request(draft("once"), "once"))
    server.data["ahead"] += 24 * HOUR
    later = mastodon_account(server)
    request = later.request(draft("once", 2), "once")
    assert later.find(request, ago(days=3)) is None
    later.close()


def test_a_token_that_may_not_read_looks_as_everybody(server: PostingStandIn) -> None:
    server.data["tokens"]["few"] = "read:accounts write:statuses"
    account = mastodon_account(server, "few")
    request = account.request(draft("once"), "once")
    sent = account.send(request)
    assert account.find(request, ago(minutes=1)) == sent
    hidden = account.request(draft("hush", 2, visibility="private"), "hush")
    with pytest.raises(LoginError, match="not allowed to do this"):
        account.find(hidden, ago(minutes=1))
    account.close()


# refusals


def test_a_revoked_token(server: PostingStandIn, account: MastodonAccount) -> None:
    request = account.request(draft("once"), "once")
    server.data["tokens"].clear()
    for ask in (account.profile, lambda: account.send(request)):
        with pytest.raises(LoginError, match="does not accept the login of @ada@localhost") as of:
            ask()
        assert "popinjay login mastodon" in of.value.hint
        assert TOKEN not in repr(of.value) + str(of.value.__notes__)


def test_an_account_whose_login_is_disabled(
    server: PostingStandIn, account: MastodonAccount
) -> None:
    request = account.request(draft("once"), "once")
    said = {"error": "Your login is currently disabled"}
    server.data["instead"] = {
        "GET /api/v1/accounts/verify_credentials": [403, said, {}],
        "POST /api/v1/statuses": [403, said, {}],
    }
    for ask in (account.profile, lambda: account.send(request)):
        with pytest.raises(LoginError, match=r"does not let .*: Your login is currently disabled"):
            ask()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"suspended": True}, "localhost:PORT has suspended @ada@localhost:PORT."),
        ({"limited": True}, "The moderators of localhost:PORT have limited @ada@localhost:PORT."),
        (
            {"moved": {"url": "https://else.example/@ada"}},
            "@ada@localhost:PORT has moved to https://else.example/@ada.",
        ),
        ({}, ""),
    ],
)
def test_an_account_in_trouble(
    server: PostingStandIn, account: MastodonAccount, values: dict[str, Any], said: str
) -> None:
    server.data["account"] |= values
    assert account.profile().trouble == said.replace("PORT", str(server.port))


def test_too_long_for_the_server_after_all(
    server: PostingStandIn, account: MastodonAccount
) -> None:
    server.data["max_characters"] = 20
    with pytest.raises(NotPosted, match=r"refused the post: Text character limit of 20") as caught:
        account.send(account.request(draft("word " * 10), "word " * 10))
    assert caught.value.is_final
    assert server.texts == []


def test_a_limited_rate_is_waited_for(server: PostingStandIn) -> None:
    events: list[Event] = []
    account = mastodon_account(server, listener=events.append)
    server.data["faults"] = ["limited"]
    account.send(account.request(draft("once"), "once"))
    assert server.texts == ["once"]
    waits = [event for event in events if event.what is EventKind.PROGRESS]
    assert waits
    assert waits[0].message == f"waiting for localhost:{server.port}"
    assert 0 < waits[0].numbers["seconds_left"] <= 3
    account.close()


def test_a_rate_that_is_limited_for_too_long(
    server: PostingStandIn, account: MastodonAccount
) -> None:
    server.data.update(faults=["limited"], pause=3 * HOUR)
    with pytest.raises(NetworkError, match=r"asks to come back in 3\.0 h"):
        account.send(account.request(draft("once"), "once"))
    assert server.texts == []


def test_a_server_that_is_away(tmp_path: Path) -> None:
    server = PostingStandIn()
    account = mastodon_account(server)
    request = account.request(draft("once"), "once")
    server.close()
    with pytest.raises(NetworkError, match="can't be reached now: connection refused"):
        account.send(request)
    account.close()


def test_an_address_that_is_no_server_of_posts(
    server: PostingStandIn, account: MastodonAccount
) -> None:
    request = account.request(draft("once"), "once")
    for status in (404, 301):
        server.data["instead"] = {
            "POST /api/v1/statuses": [status, "<p>no", {"Location": "https://else.example/"}]
        }
        with pytest.raises(NotPosted, match="takes no posts at this address") as caught:
            account.send(request)
        assert not caught.value.is_final


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"id": {}}', "<html>", "[" * 5000])
def test_answers_that_make_no_sense(
    server: PostingStandIn, account: MastodonAccount, body: str
) -> None:
    request = account.request(draft("once"), "once")
    paths = ("accounts/verify_credentials", "accounts/7001/statuses")
    server.data["instead"] = {
        **{f"GET /api/v1/{path}": [200, body, {}] for path in paths},
        "POST /api/v1/statuses": [200, body, {}],
    }
    with pytest.raises(OutcomeUnknown):
        account.send(request)
    with pytest.raises(NetworkError):
        account.profile()
    if body != "[]":  # no posts
        with pytest.raises(NetworkError):
            account.find(request, ago(minutes=1))


# the account


def test_the_profile_and_marking_it(server: PostingStandIn, account: MastodonAccount) -> None:
    server.data["account"]["fields"] = [{"name": "runs it", "value": "<a href='x'>bob</a>"}]
    before = account.profile()
    assert (before.name, before.description, before.is_bot) == (
        "Ada's engine",
        "counts & sings",
        False,
    )
    assert before.fields == {"runs it": "bob"}
    for _ in range(2):  # the second time the statement is there already
        account.mark_as_bot("A machine writes here.")
        after = account.profile()
        assert after.is_bot
        assert after.description == "counts & sings\n\nA machine writes here."
    assert server.data["account"]["display_name"] == "Ada's engine"


def test_a_token_that_may_not_mark(server: PostingStandIn) -> None:
    server.data["tokens"]["few"] = "read:accounts write:statuses"
    account = mastodon_account(server, "few")
    with pytest.raises(LoginError, match="not allowed to do this"):
        account.mark_as_bot("A machine writes here.")
    assert not server.data["account"]["bot"]
    account.close()


def test_a_profile_without_room(server: PostingStandIn, account: MastodonAccount) -> None:
    path = "PATCH /api/v1/accounts/update_credentials"
    said = {"error": "Validation failed: Note character limit of 500 exceeded"}
    server.data["instead"] = {path: [422, said, {}]}
    with pytest.raises(PostingError, match=r"refuses the profile: .*limit of 500") as caught:
        account.mark_as_bot("A machine writes here.")
    assert "A machine writes here." in caught.value.hint


@pytest.mark.parametrize("has_v2", [True, False])
def test_rules_and_limits(server: PostingStandIn, account: MastodonAccount, has_v2: bool) -> None:
    server.data.update(has_v2=has_v2, max_characters=60)
    server.data["rules"].append({"id": "2", "text": "No AI bots"})
    assert [rule.text for rule in account.rules()] == [
        "Be excellent to each other\nalways",
        "No AI bots",
    ]
    assert account.length_problem("word " * 12) == ""
    said = f"It has 61 characters as Mastodon counts them, and localhost:{server.port} takes 60."
    assert account.length_problem("word " * 12 + "x") == said
    assert account.length_problem("word " * 12, "x") == said


def test_deleting_and_reactions(server: PostingStandIn, account: MastodonAccount) -> None:
    first, second = (
        account.send(account.request(draft(text, n), text)).uri for n, text in enumerate(("a", "b"))
    )
    server.data["statuses"][0] |= {"favourites_count": 3, "reblogs_count": 1}
    account.delete(second)
    account.delete(second)
    assert server.texts == ["a"]
    assert account.reactions([first, second]) == {first: Reactions(3, 1)}
    with pytest.raises(PostingError, match="is not a post on Mastodon"):
        account.delete("../accounts/7001")


def test_a_stand_in_that_is_killed_keeps_its_state(tmp_path: Path) -> None:
    server = MastodonProcess(tmp_path)
    server.start()
    server.change(faults=["lost"])
    account = mastodon_account(server)
    request = account.request(draft("once"), "once")
    with pytest.raises(OutcomeUnknown):
        account.send(request)
    server.kill()
    server.start()
    account.send(request)
    assert server.texts == ["once"]
    account.close()
    server.kill()


def test_addresses_of_requests_never_hold_the_token(
    server: PostingStandIn, account: MastodonAccount
) -> None:
    account.send(account.request(draft("once"), "once"))
    account.profile()
    assert TOKEN not in urllib.parse.unquote(json.dumps(server.data["asked"]))
    assert TOKEN not in repr(account.__dict__)
