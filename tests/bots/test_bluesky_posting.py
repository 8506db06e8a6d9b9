"""Tests of posting to Bluesky, on the real server (PDS) from npm; a proxy before it loses answers.

What that server lacks is put in its place by the proxy, as each such test says: codes by e-mail,
limits, and the counts of Bluesky's app view.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import keyring_standin
from bluesky_network import Account, Network, running_network
from faulty_proxy import FaultyProxy
from pixels import png
from popinjay.bots import accounts, known_accounts
from popinjay.bots.credentials import GivenCredentials, Secret
from popinjay.bots.known_accounts import KnownAccount
from popinjay.bots.networks import bluesky, bluesky_record
from popinjay.bots.networks.bluesky import BlueskyAccount
from popinjay.bots.networks.bluesky_session import bearer
from popinjay.bots.networks.login import LoginRequest
from popinjay.bots.networks.network import NotPosted, OutcomeUnknown, Reactions, Request
from popinjay.errors import LoginError, NetworkError, PostingError
from popinjay.events import Event, EventKind
from popinjay.network.http_client import HttpClient
from posting_accounts import app_password, bluesky_account, bluesky_variables, draft
from repositories import POST
from servers.install import missing

PROFILE = "app.bsky.actor.profile"
PNG = png(7, 100, 50)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    if why := missing():
        pytest.skip(why)
    with running_network(tmp_path_factory.mktemp("bluesky")) as network:
        yield network


@pytest.fixture
def proxy(network: Network, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(network)
    for name, value in proxy.variables.items():
        monkeypatch.setenv(name, value)
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def shared_account(network: Network) -> tuple[Account, str]:
    """Return an account and an app password of it: signing up takes a second."""
    account = network.sign_up("ada.test")
    return account, app_password(account)


@pytest.fixture
def ada(shared_account: tuple[Account, str]) -> Iterator[Account]:
    """Return the account, which is emptied afterwards."""
    account = shared_account[0]
    yield account
    for collection in (POST, PROFILE):
        account.delete(collection, keys(account, collection))


@pytest.fixture
def password(shared_account: tuple[Account, str]) -> str:
    """Return an app password of it."""
    return shared_account[1]


@pytest.fixture
def account(ada: Account, password: str, proxy: FaultyProxy) -> Iterator[BlueskyAccount]:
    opened = bluesky_account(ada, password, server=proxy.address)
    yield opened
    opened.close()


def keys(ada: Account, collection: str) -> list[str]:
    """Return the keys of the records that stand there."""
    said = ada.network.get("com.atproto.repo.listRecords", repo=ada.did, collection=collection)
    return [row["uri"].rpartition("/")[2] for row in json.loads(said)["records"]]


def records(ada: Account) -> list[dict[str, Any]]:
    """Return the posts that stand there, as another reader gets them."""
    said = ada.network.get("com.atproto.repo.listRecords", repo=ada.did, collection=POST)
    return [row["value"] for row in json.loads(said)["records"]]


def texts(ada: Account) -> list[str]:
    return [record["text"] for record in records(ada)]


# the record


def test_a_post_as_it_stands_there(ada: Account, account: BlueskyAccount) -> None:
    text = "🌊 see https://example.org/a_(b)?c=1, (https://example.org/d) and @bob.test #tides"
    sent = account.send(account.request(draft(text, language="en"), text))
    (record,) = records(ada)
    assert (record["text"], record["langs"]) == (text, ["en"])
    links = [
        (
            text.encode()[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode(),
            facet["features"],
        )
        for facet in record["facets"]
    ]
    kind = "app.bsky.richtext.facet#link"
    assert links == [
        (url, [{"$type": kind, "uri": url}])
        for url in ("https://example.org/a_(b)?c=1", "https://example.org/d")
    ]
    key = sent.uri.rpartition("/")[2]
    assert sent.uri == f"at://{ada.did}/{POST}/{key}"
    assert sent.url == f"https://bsky.app/profile/{ada.did}/post/{key}"


def test_mentions_and_tags_if_they_are_wanted(
    network: Network, ada: Account, proxy: FaultyProxy, password: str
) -> None:
    bob = network.sign_up("bob.test")
    text = f"hello @{bob.handle}, @nobody.test and a@b.test: #tides #1 #日本"
    account = bluesky_account(ada, password, server=proxy.address, mentions=True)
    account.send(account.request(draft(text), text))
    features = [facet["features"][0] for facet in records(ada)[0]["facets"]]
    assert features == [
        {"$type": "app.bsky.richtext.facet#mention", "did": bob.did},
        {"$type": "app.bsky.richtext.facet#tag", "tag": "tides"},
        {"$type": "app.bsky.richtext.facet#tag", "tag": "日本"},
    ]
    account.close()


def test_a_content_warning(ada: Account, account: BlueskyAccount) -> None:
    account.send(account.request(draft("look", warning="gore, nudity"), "look"))
    (record,) = records(ada)
    assert record["text"] == "[gore, nudity]\n\nlook"
    assert [value["val"] for value in record["labels"]["values"]] == ["nudity", "graphic-media"]
    assert account.length_problem("x" * 284, "gore, nudity") == ""
    assert "It has 301 characters" in account.length_problem("x" * 285, "gore, nudity")


def test_a_picture_with_its_text(ada: Account, account: BlueskyAccount, tmp_path: Path) -> None:
    (tmp_path / "card.png").write_bytes(PNG)
    row = draft("look", picture=str(tmp_path / "card.png"), alt="a card – with ünïcode")
    account.send(account.request(row, "look"))
    (image,) = records(ada)[0]["embed"]["images"]
    assert (image["alt"], image["aspectRatio"]) == (row.alt, {"width": 100, "height": 50})
    assert image["image"]["mimeType"] == "image/png"
    assert image["image"]["size"] == len(PNG)


def test_a_picture_that_is_too_large(account: BlueskyAccount, tmp_path: Path) -> None:
    (tmp_path / "card.png").write_bytes(PNG + bytes(1_000_000))
    with pytest.raises(PostingError, match="at most 1,000,000 can be posted"):
        account.request(draft("look", picture=str(tmp_path / "card.png")), "look")


def test_lengths_as_the_server_counts(ada: Account, account: BlueskyAccount) -> None:
    family = "👨‍👩‍👧‍👦"  # one character of 25 bytes
    assert account.length_problem(family * 120) == ""
    assert account.length_problem(family * 121) == "It has 3,025 bytes, and Bluesky takes 3,000."
    assert account.length_problem("é" * 300) == ""
    assert account.length_problem("é" * 301) == "It has 301 characters, and Bluesky takes 300."
    account.send(account.request(draft("", 1), family * 120))
    account.send(account.request(draft("", 2), "e\u0301" * 300))
    for number, text in enumerate((family * 121, "é" * 301), 3):
        with pytest.raises(NotPosted, match="refused the post") as caught:
            account.send(account.request(draft("", number), text))
        assert caught.value.is_final
    assert len(records(ada)) == 2


def test_keys_are_valid_and_unique() -> None:
    rows = [draft("the same", number) for number in range(1, 3000)]
    rows += [draft("the same", 1, decided_at="2026-11-30T10:00:01+00:00"), draft("other", 1)]
    keys = [bluesky_record.record_key(row) for row in rows]
    assert len(set(keys)) == len(keys)
    assert all(len(key) == 13 and key[0] in "234567abcdefghij" for key in keys)
    assert set("".join(keys)) <= set("234567abcdefghijklmnopqrstuvwxyz")
    assert keys[:2999] == sorted(keys[:2999])
    assert bluesky_record.record_key(rows[0]) == keys[0]


# exactly once


@pytest.mark.parametrize("fault", ["lost", "failed", "broken"])
def test_an_answer_that_is_lost(
    ada: Account, account: BlueskyAccount, proxy: FaultyProxy, fault: str
) -> None:
    request = account.request(draft("once"), "once")
    proxy.faults = [fault]
    with pytest.raises(OutcomeUnknown):
        account.send(request)
    found = account.find(request, "")
    assert found is not None
    assert account.send(request) == found
    assert texts(ada) == ["once"]
    assert account.always_remembers("2020-01-01T00:00:00+00:00")


@pytest.mark.parametrize("fault", ["dropped", "down"])
def test_a_request_that_came_to_nothing(
    ada: Account, account: BlueskyAccount, proxy: FaultyProxy, fault: str
) -> None:
    request = account.request(draft("once"), "once")
    proxy.faults = [fault]
    with pytest.raises(OutcomeUnknown):
        account.send(request)
    assert account.find(request, "") is None
    account.send(request)
    assert texts(ada) == ["once"]


def test_a_draft_that_is_approved_again_is_posted_once(
    ada: Account, account: BlueskyAccount
) -> None:
    """The key follows from the draft, so that even another request for it changes nothing."""
    row = draft("once")
    first = account.request(row, "once")
    sent = account.send(first)
    content = {**first.content, "createdAt": "2026-12-01T00:00:00.000Z"}
    assert account.send(Request(first.key, content)) == sent
    assert texts(ada) == ["once"]


def test_another_post_is_never_overwritten(ada: Account, account: BlueskyAccount) -> None:
    request = account.request(draft("once"), "once")
    account.send(request)
    other = Request(request.key, {**request.content, "text": "another"})
    assert account.find(other, "") is None
    with pytest.raises(NotPosted, match="Another post stands on localhost"):
        account.send(other)
    assert texts(ada) == ["once"]


def test_limits_are_waited_for(ada: Account, proxy: FaultyProxy, password: str) -> None:
    events: list[Event] = []
    account = bluesky_account(ada, password, events.append, server=proxy.address)
    request = account.request(draft("once"), "once")
    proxy.faults = ["limited"]
    account.send(request)
    assert texts(ada) == ["once"]
    assert any(event.what is EventKind.PROGRESS for event in events)
    proxy.faults, proxy.pause = ["limited"], 5 * 3600
    with pytest.raises(NetworkError, match=r"asks to come back in 5\.0 h"):
        account.send(account.request(draft("more", 2), "more"))
    account.close()


def test_a_server_that_is_away(
    ada: Account, network: Network, proxy: FaultyProxy, password: str
) -> None:
    account = bluesky_account(ada, password, server=proxy.address)
    request = account.request(draft("once"), "once")
    proxy.close()
    with pytest.raises(NetworkError, match="can't be reached now: connection refused"):
        account.send(request)
    account.close()
    proxy.__init__(network)  # type: ignore[misc]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"uri": 7}', b"<html>"])
def test_answers_that_make_no_sense(
    account: BlueskyAccount, proxy: FaultyProxy, body: bytes
) -> None:
    request = account.request(draft("once"), "once")
    proxy.instead = {"POST /xrpc/com.atproto.repo.putRecord": (200, body, {})}
    with pytest.raises(OutcomeUnknown):
        account.send(request)


# sessions


def opened(ada: Account, proxy: FaultyProxy, credentials: GivenCredentials) -> BlueskyAccount:
    return bluesky.open_account(
        KnownAccount("bsky", ada.handle, proxy.address, ada.did),
        credentials,
        HttpClient(stage="post", allow_local=True),
        lambda account: None,
        mentions=False,
    )


def test_a_session_is_kept_and_refreshed(ada: Account, proxy: FaultyProxy, password: str) -> None:
    credentials = GivenCredentials({"password": Secret(password)})
    for _ in range(3):
        account = opened(ada, proxy, credentials)
        account.profile()
        account.close()
    asked = [path.rpartition(".")[2] for path in proxy.asked]
    assert asked.count("createSession") == 1
    proxy.asked.clear()

    # An access token that is too old: the session is refreshed.
    refresh = credentials.read("session")["refresh"]
    credentials.keep({"access": refresh, "refresh": refresh}, "session")
    account = opened(ada, proxy, credentials)
    account.profile()
    asked = [path.rpartition(".")[2] for path in proxy.asked]
    assert (asked.count("refreshSession"), asked.count("createSession")) == (1, 0)
    assert credentials.read("session")["access"].reveal() != refresh.reveal()

    # Neither token does any more: the password makes a new session.
    credentials.keep({"access": Secret("a.b.c"), "refresh": Secret("a.b.c")}, "session")
    account = opened(ada, proxy, credentials)
    account.send(account.request(draft("once"), "once"))
    assert texts(ada) == ["once"]
    assert [path.rpartition(".")[2] for path in proxy.asked].count("createSession") == 1
    account.close()


def test_a_wrong_password(ada: Account, proxy: FaultyProxy) -> None:
    account = bluesky_account(ada, "abcd-efgh-ijkl-mnop", server=proxy.address)
    with pytest.raises(LoginError, match="does not accept this password for ada") as caught:
        account.profile()
    assert "App passwords" in caught.value.hint
    assert "abcd-efgh" not in f"{caught.value!r} {caught.value.hint}"
    account.close()


def test_an_app_password_that_was_revoked(ada: Account, proxy: FaultyProxy) -> None:
    """A session lives on until its token is too old, and then nothing helps."""
    credentials = GivenCredentials({"password": Secret(app_password(ada, "first"))})
    account = opened(ada, proxy, credentials)
    account.profile()
    ada.call("com.atproto.server.revokeAppPassword", {"name": "first"})
    refresh = credentials.read("session")["refresh"]
    credentials.keep({"access": refresh, "refresh": refresh}, "session")
    account = opened(ada, proxy, credentials)
    with pytest.raises(LoginError, match="does not accept this password"):
        account.profile()
    account.close()


def test_an_account_that_was_taken_down(
    network: Network, ada: Account, account: BlueskyAccount
) -> None:
    request = account.request(draft("once"), "once")
    network.take_down(ada)
    with pytest.raises(LoginError, match="has been taken down by the moderators of localhost"):
        account.send(request)
    again = bluesky_account(ada, "abcd-efgh-ijkl-mnop")
    with pytest.raises(LoginError):
        again.profile()
    again.close()
    network.take_down(ada, applied=False)
    account.send(request)
    assert texts(ada) == ["once"]


def test_an_account_that_is_deactivated(ada: Account, account: BlueskyAccount) -> None:
    request = account.request(draft("once"), "once")
    ada.call("com.atproto.server.deactivateAccount", {})
    assert "has been deactivated on localhost" in account.profile().trouble
    with pytest.raises(LoginError, match="has been deactivated on localhost"):
        account.send(request)
    ada.call("com.atproto.server.activateAccount")
    assert account.profile().trouble == ""


def test_a_code_by_mail_is_asked_for(ada: Account, proxy: FaultyProxy) -> None:
    """The server from npm sends no codes: the answer is the one of bsky.social."""
    said = {"error": "AuthFactorTokenRequired", "message": "A sign in code has been sent"}
    proxy.instead = {"POST /xrpc/com.atproto.server.createSession": (401, said, {})}
    account = bluesky_account(ada, "the tide is in", server=proxy.address)
    with pytest.raises(LoginError, match="wants a code from an e-mail too") as caught:
        account.profile()
    assert "Use an app password" in caught.value.hint
    account.close()


def test_too_many_logins(ada: Account, proxy: FaultyProxy) -> None:
    """Logins are limited on bsky.social, with this answer."""
    reset = {"ratelimit-limit": "300", "ratelimit-reset": str(int(time.time()) + 10 * 3600)}
    said = {"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}
    proxy.instead = {"POST /xrpc/com.atproto.server.createSession": (429, said, reset)}
    account = bluesky_account(ada, "abcd-efgh-ijkl-mnop", server=proxy.address)
    with pytest.raises(NetworkError, match="asks to come back in"):
        account.profile()
    account.close()


# the account


def test_marking_the_account_keeps_all_else(ada: Account, account: BlueskyAccount) -> None:
    picture = ada.upload(PNG, "image/png")
    before = {
        "$type": PROFILE,
        "displayName": "Ada's engine",
        "description": "counts & sings",
        "avatar": picture,
        "labels": {
            "$type": "com.atproto.label.defs#selfLabels",
            "values": [{"val": "!no-unauthenticated"}],
        },
        "createdAt": "2026-01-01T00:00:00Z",
        "somethingNew": {"of": ["the", "future"]},
    }
    ada.put(PROFILE, "self", before)
    assert not account.profile().is_bot
    for _ in range(2):
        account.mark_as_bot("A machine writes here.")
    shown = account.profile()
    assert (shown.is_bot, shown.name) == (True, "Ada's engine")
    assert shown.description == "counts & sings\n\nA machine writes here."
    said = ada.network.get(
        "com.atproto.repo.getRecord", repo=ada.did, collection=PROFILE, rkey="self"
    )
    after = json.loads(said)["value"]
    assert [value["val"] for value in after["labels"]["values"]] == ["!no-unauthenticated", "bot"]
    for name in ("avatar", "displayName", "createdAt", "somethingNew"):
        assert after[name] == before[name]


def test_marking_an_account_without_profile(account: BlueskyAccount) -> None:
    assert account.profile().description == ""
    account.mark_as_bot("A machine writes here.")
    assert account.profile().is_bot
    assert account.profile().description == "A machine writes here."


def test_a_description_without_room(ada: Account, account: BlueskyAccount) -> None:
    ada.put(PROFILE, "self", {"$type": PROFILE, "description": "x" * 250})
    with pytest.raises(PostingError, match="is 18 characters too long with this statement"):
        account.mark_as_bot("A machine writes here.")
    assert not account.profile().is_bot


def test_a_profile_that_changes_meanwhile(
    ada: Account, account: BlueskyAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`swapRecord` keeps what somebody has written between reading and writing."""
    from popinjay.bots.networks import bluesky_profile

    real, changes = bluesky_profile._marked, iter([{"$type": PROFILE, "displayName": "new"}])

    def meanwhile(*given: Any) -> dict[str, Any]:
        for change in itertools.islice(changes, 1):
            ada.put(PROFILE, "self", change)
        return real(*given)

    ada.put(PROFILE, "self", {"$type": PROFILE, "displayName": "old"})
    monkeypatch.setattr(bluesky_profile, "_marked", meanwhile)
    account.mark_as_bot("A machine writes here.")
    shown = account.profile()
    assert (shown.name, shown.is_bot) == ("new", True)


def test_deleting(ada: Account, account: BlueskyAccount) -> None:
    first, second = (
        account.send(account.request(draft(text, n), text)).uri
        for n, text in enumerate(("a", "b"), 1)
    )
    account.delete(second)
    account.delete(second)
    assert texts(ada) == ["a"]
    for uri in (
        first.replace(POST, PROFILE),
        first.replace(ada.did, "did:plc:abcdefghijklmnopqrstuvwx"),
        "7",
    ):
        with pytest.raises(PostingError, match="is not a post of ada"):
            account.delete(uri)


def test_reactions(account: BlueskyAccount, proxy: FaultyProxy) -> None:
    """A server alone counts none; the counts are those that an app view would answer with."""
    uris = [account.send(account.request(draft(str(n), n), str(n))).uri for n in range(1, 4)]
    with pytest.raises(NetworkError, match="counts no likes: it is not connected"):
        account.reactions(uris)
    posts = [
        {"uri": uris[0], "likeCount": 3, "repostCount": 1},
        {"uri": uris[1], "likeCount": None},
    ]
    proxy.instead = {"GET /xrpc/app.bsky.feed.getPosts": (200, {"posts": posts}, {})}
    assert account.reactions(uris) == {uris[0]: Reactions(3, 1), uris[1]: Reactions(0, 0)}
    assert account.rules() == ()


# logging in


class User:
    """A user who types the answers in turn."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.shown: list[str] = []

    def line(self, question: str) -> str:
        return self.answers.pop(0)

    secret = line

    def show(self, text: str) -> None:
        self.shown.append(text)

    def can_open_pages(self) -> bool:
        return True

    def open_page(self, address: str) -> None:
        raise AssertionError("no page is needed")


def test_logging_in_and_out(
    ada: Account, proxy: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    ring = tmp_path / "keyring"
    keyring_standin.use(monkeypatch, ring)
    user = User(f"@{ada.handle.upper()}", password)
    request = LoginRequest("", None, pastes_token=False, allow_local=True)
    known = accounts.log_in("bluesky", request, user)
    assert known == KnownAccount("bsky", ada.handle, proxy.address, ada.did)
    assert "Settings, Privacy and security, App passwords" in "\n".join(user.shown)
    entries = json.loads(ring.read_text())
    assert json.loads(entries[f"popinjay bsky:{ada.handle}"]) == {"password": password}
    session = json.loads(entries[f"popinjay bsky:{ada.handle} (session)"])
    assert session.keys() == {"access", "refresh"}

    opened = accounts.open_account("bsky", allow_local=True)
    opened.send(opened.request(draft("once"), "once"))
    opened.close()
    assert texts(ada) == ["once"]
    asked = [path.rpartition(".")[2] for path in proxy.asked]
    assert asked.count("createSession") == 1
    hidden = [password, session["access"], session["refresh"]]
    settings = known_accounts.file().parent
    for file in settings.rglob("*"):
        assert not any(secret in file.read_text() for secret in hidden)

    accounts.log_out("bsky", allow_local=True)
    assert json.loads(ring.read_text()) == {}
    url = f"{proxy.address}/xrpc/com.atproto.server.refreshSession"
    with HttpClient(allow_local=True) as client:
        ended = client.send("POST", url, headers=bearer(Secret(session["refresh"])))
    assert ended.status == 400  # the session has ended there, too


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("the tide is in", "own password, with which everything can be changed"),
        ("abcd-efgh-ijkl-mnop", "does not accept this password"),
        ("", "No password was given"),
    ],
)
def test_logins_that_are_refused(
    ada: Account,
    proxy: FaultyProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    password: str,
    said: str,
) -> None:
    ring = tmp_path / "keyring"
    keyring_standin.use(monkeypatch, ring)
    request = LoginRequest(ada.handle, None, pastes_token=False, allow_local=True)
    with pytest.raises(LoginError, match=said) as caught:
        accounts.log_in("bsky", request, User(password))
    assert "App passwords" in caught.value.hint
    assert not password or password not in str(caught.value) + caught.value.hint
    assert not ring.exists()
    assert known_accounts.kept() == []


def test_an_account_of_the_environment(
    ada: Account, password: str, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in bluesky_variables(ada, password).items():
        monkeypatch.setenv(name, value)
    for name, value in proxy.variables.items():
        monkeypatch.setenv(name, value)
    opened = accounts.open_account(allow_local=True)
    assert (opened.name, opened.server) == (f"bsky:{ada.handle}", proxy.address[7:])
    opened.send(opened.request(draft("once"), "once"))
    opened.close()
    assert texts(ada) == ["once"]
