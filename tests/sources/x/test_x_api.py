"""Tests of the X API as a source: price and consent first, every post bought once, any answer."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import popinjay
from archives import ACCOUNT, archive_files, note, posts, snowflake, tweet, write_zip
from popinjay import sources
from popinjay.cli import questions as asking
from popinjay.cli.main import main
from popinjay.errors import NetworkError, PopinjayError, SpecError, TooLittleText
from popinjay.events import Event
from popinjay.options import CollectOptions, FetchOptions
from popinjay.pipeline import inspect
from popinjay.post import Author, Kind
from popinjay.sources import Access
from popinjay.sources.x import api, price
from popinjay.sources.x.api_responses import Account, account_of, page_of
from pseudo_terminal import Terminal
from x_api_standin import KEY, PROBLEMS, XStandIn, no_such, post

DAY_MS = 86_400_000


@pytest.fixture
def x(monkeypatch: pytest.MonkeyPatch) -> Iterator[XStandIn]:
    """Return the stand-in with 250 posts, the newest of them years old, and set a key for it."""
    server = XStandIn()
    monkeypatch.setenv("X_BEARER_TOKEN", KEY)
    monkeypatch.setenv("POPINJAY_X_API", server.address)
    server.posts = [post(item) for item in posts(250)]
    yield server
    server.close()


def nothing(author: str, id: str) -> bool:
    return False


def fetched(
    folder: Path, *, heard: list[Event] | None = None, ask: Any = None, **options: Any
) -> sources.Reading:
    """Update the account in a folder and return its reading."""
    chosen = FetchOptions(**{"allow_local": True, "i_have_the_right": ask is None, **options})
    reading = sources.read(
        "x:@ada_l",
        CollectOptions(),
        Access(chosen, (lambda event: None) if heard is None else heard.append, ask),
    )
    reading.fetch(folder, nothing)
    return reading


def ids(reading: sources.Reading) -> list[str]:
    return [one.id for one in reading.posts()]


def all_ids(x: XStandIn) -> list[str]:
    return sorted((one["id"] for one in x.posts if not one["text"].startswith("RT @")), key=int)


# specs and keys


@pytest.mark.parametrize(
    "spec", ["x:@ada", "x:ada", "X:@Ada_L", "twitter:@ada", "Twitter:ada_1815", "x:" + "a" * 20]
)
def test_specs_of_accounts(spec: str) -> None:
    assert api.matches(spec)


@pytest.mark.parametrize(
    "spec",
    [
        "x:",
        "x:@",
        "x:@@ada",
        "x:ada.l",
        "x:" + "a" * 21,
        "x:adä",
        "x: ada",
        "y:ada",
        "https://x.com/ada",
        "https://twitter.com/ada",
        "@ada",
        "x:ada\n",
    ],
)
def test_specs_of_something_else(spec: str) -> None:
    assert not api.matches(spec)


def test_existing_files_are_no_accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x:ada").write_text("a post\n")
    assert not api.matches("x:ada")
    assert api.matches("x:bob")


@pytest.mark.parametrize(
    "key",
    ["", "  ", "short", "two words here", "line\nbreak-in-a-key", "k€y-that-is-none", "x" * 2000],
)
def test_without_a_key_nothing_is_sent(
    x: XStandIn, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("X_BEARER_TOKEN", key)
    with pytest.raises(SpecError, match="X_BEARER_TOKEN") as raised:
        fetched(tmp_path)
    assert not key.strip() or key not in raised.value.message + raised.value.hint
    assert x.asked == []


def test_a_key_may_be_prefixed_with_bearer(
    x: XStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("X_BEARER_TOKEN", f" Bearer {KEY}\n")
    assert ids(fetched(tmp_path)) == all_ids(x)
    assert {
        key for (path, _), key in zip(x.asked, x.keys, strict=True) if path.startswith("/2/")
    } == {f"Bearer {KEY}"}
    assert {
        key for (path, _), key in zip(x.asked, x.keys, strict=True) if path.startswith("/picture")
    } == {""}  # which may be any server


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1.example.social",
        "http://10.0.0.1",
        "ftp://localhost",
        "localhost",
        "https://",
        "https://a@example.social",
        "http://[::1",
        "https://a?b",
    ],
)
def test_no_key_is_sent_over_an_unsafe_connection(
    address: str, x: XStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POPINJAY_X_API", address)
    with pytest.raises(SpecError, match="POPINJAY_X_API"):
        fetched(tmp_path)


def test_http_needs_allow_local(x: XStandIn, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="POPINJAY_X_API"):
        fetched(tmp_path, allow_local=False)
    assert x.asked == []


# the question


def test_nothing_is_sent_without_a_yes(x: XStandIn, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="nothing was sent") as raised:
        fetched(tmp_path, i_have_the_right=False)
    assert "$16.01" in raised.value.message
    assert price.CLAUSE in raised.value.message
    assert "--i-have-the-right" in raised.value.hint
    with pytest.raises(SpecError, match="Without your consent"):
        fetched(tmp_path, ask=lambda question: False)
    assert x.asked == []


def test_the_question_states_price_and_condition(x: XStandIn, tmp_path: Path) -> None:
    asked: list[str] = []

    def yes(question: str) -> bool:
        assert x.asked == []
        asked.append(question)
        return True

    fetched(tmp_path, ask=yes, x_posts=1000)
    for said in (
        "@ada_l",
        "$5.01",
        "1,000 posts",
        "$0.005",
        "$0.010",
        "$1.01",
        "August 2026",
        price.CLAUSE,
        "III.A(k)",
        "own archive costs nothing",
        "--x-posts",
    ):
        assert said in asked[0]
    x.asked.clear()
    fetched(tmp_path, ask=yes)
    assert "The 250 posts that are here are not bought again" in asked[1]
    x.asked.clear()
    fetched(tmp_path, ask=yes, prune=True)
    assert "--prune buys the 250 posts" in asked[2]


def test_the_price_is_stated_even_with_the_right(x: XStandIn, tmp_path: Path) -> None:
    heard: list[Event] = []
    fetched(tmp_path, heard=heard)
    said = " ".join(event.message for event in heard)
    assert "$16.01" in said
    assert price.CLAUSE in said


def test_the_question_fits_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stdin", io.StringIO("no\n"))
    with pytest.raises(SpecError, match="Without your consent"):
        price.agree("a" * 20, 3200, Access(ask=asking.yes, keeps=False))
    shown = capsys.readouterr().err
    assert max(map(len, shown.splitlines())) < 80
    assert shown.endswith("pay for them? [y/N] ")


@pytest.mark.parametrize(
    ("count", "wanted"),
    [(3, 3200), (250, 5), (250, 7), (250, 99), (250, 104), (250, 3200), (3500, 3200)],
)
def test_the_price_shown_is_never_exceeded(
    x: XStandIn, count: int, wanted: int, tmp_path: Path
) -> None:
    x.posts = [post(item) for item in posts(count)]
    heard: list[Event] = []
    reading = fetched(tmp_path, heard=heard, x_posts=wanted)
    shown = next(
        float(found[1].replace(",", ""))
        for event in heard
        if (found := re.search(r"costs up to \$([\d,.]+):", event.message))
    )
    assert x.cost <= shown * 1000
    assert min(count, wanted) - 5 < len(ids(reading)) <= min(count, wanted)
    assert len(ids(reading)) == len(x.handed)
    assert f"charges for {len(x.handed):,} posts" in " ".join(event.message for event in heard)


# posts


def both_ways() -> tuple[list[dict[str, Any]], dict[int, str]]:
    """Return tweets of all kinds, and the whole texts of the long ones by place.

    The text of a reply leaves out whom it answers.
    """
    minute = 60_000
    told = snowflake(1_729_000_000_000)
    link = {
        "url": "https://t.co/abc",
        "expanded_url": "https://twitter.com/bob/status/77",
        "display_url": "twitter.com/bob/status/77",
        "indices": ["5", "28"],
    }
    plain = {**link, "expanded_url": "https://example.org/page", "display_url": "example.org/page"}
    first = snowflake(1_730_000_000_000 + 9 * minute, 9)
    last = snowflake(1_730_000_000_000 + 10 * minute, 10)
    edits: dict[str, Any] = {"edit_info": {"initial": {"editTweetIds": [first, last]}}}
    long = "a long thought that goes on " * 20
    items = [
        tweet("plain &amp; simple &lt;3", 0),
        tweet("two\nlines and 🦜", 1, lang="in"),
        tweet(
            "@bob to you",
            2,
            in_reply_to_status_id_str=told,
            in_reply_to_user_id_str="5",
            in_reply_to_screen_name="bob",
        ),
        tweet(
            "my own thread",
            3,
            in_reply_to_status_id_str=told,
            in_reply_to_user_id_str=ACCOUNT,
            in_reply_to_screen_name="ada_l",
        ),
        tweet("RT @bob: the words of another", 4),
        tweet("look at that https://t.co/abc", 5, entities={"urls": [link]}),
        tweet("a page https://t.co/abc", 6, lang="und", entities={"urls": [plain]}),
        tweet("@gone somebody who left", 7, in_reply_to_status_id_str=told),
        tweet(f"{long[:250]}… https://t.co/xyz", 8),
        tweet("with a mistaek", 9, **edits),
        tweet("without a mistake", 10, **edits),
        tweet(
            f"@bob {long[:240]}… https://t.co/xyz",
            11,
            in_reply_to_status_id_str=told,
            in_reply_to_user_id_str="5",
            lang="qme",
        ),
    ]
    return items, {8: long, 11: long}


def test_the_archive_and_the_api_give_the_same_posts(x: XStandIn, tmp_path: Path) -> None:
    items, whole = both_ways()
    notes = [
        note(text, 1_730_000_000_000 + number * 60_000, number + 100)
        for number, text in whole.items()
    ]
    archive = sources.read(
        str(write_zip(tmp_path / "ada.zip", archive_files(items, notes=notes))), CollectOptions()
    )
    written = {one.id: one for one in archive.posts()}
    # X gives the last version only.
    x.posts = [
        post(item, whole.get(number, "")) for number, item in enumerate(items) if number != 9
    ]
    reading = fetched(tmp_path)
    by_api = {one.id: one for one in reading.posts()}
    reposts = {one.id for one in written.values() if one.kind is Kind.REPOST}
    assert len(reposts) == 1
    assert by_api == {id: one for id, one in written.items() if id not in reposts}
    assert {one.kind for one in by_api.values()} == {Kind.POST, Kind.REPLY, Kind.QUOTE}
    assert (reading.author.handle, reading.author.name, reading.author.bio) == (
        "ada_l",
        archive.author.name,
        "counts & sings",
    )
    assert reading.author.url == "https://x.com/Ada_L"
    assert reading.avatar() == b"\xff\xd8\xff picture"


@pytest.mark.parametrize("takes", [("tweet",), ("post",), ("tweet", "post")])
@pytest.mark.parametrize("writes", ["tweet", "post"])
def test_old_and_new_field_names(
    x: XStandIn, takes: tuple[str, ...], writes: str, tmp_path: Path
) -> None:
    items, whole = both_ways()
    x.posts = [post(item, whole.get(number, "")) for number, item in enumerate(items)] + [
        post(item) for item in posts(150, 100)
    ]
    expected = {one.id: one for one in fetched(tmp_path / "old").posts()}
    x.takes, x.writes = takes, writes
    x.asked.clear()
    assert {one.id: one for one in fetched(tmp_path / "new").posts()} == expected
    assert any(one.text == whole[8] for one in expected.values())
    refused = (
        [query for query in x.pages() if "tweet.fields" in query] if takes == ("post",) else []
    )
    assert len(refused) == (takes == ("post",))  # requested with the old names once only


def test_a_picture_in_a_post_is_no_quote(x: XStandIn, tmp_path: Path) -> None:
    shown = {
        "url": "https://t.co/p",
        "expanded_url": "https://x.com/Ada_L/status/1/photo/1",
        "display_url": "pic.x.com/p",
    }
    x.posts = [
        {**post(tweet("look", number)), "entities": {"urls": [shown | more]}}
        for number, more in enumerate([{}, {"media_key": "3_1", "display_url": "p"}])
    ]
    assert [one.kind for one in fetched(tmp_path).posts()] == [Kind.POST, Kind.POST]


def test_reposts_are_not_bought_and_replies_are_filtered_here(x: XStandIn, tmp_path: Path) -> None:
    # Three pages of nothing else, all newer.
    x.posts += [post(tweet(f"RT @bob: {number}", number)) for number in range(1000, 1230)]
    x.posts += [
        post(
            tweet(
                f"@bob {number}", number, in_reply_to_status_id_str="5", in_reply_to_user_id_str="6"
            )
        )
        for number in range(1300, 1310)
    ]
    reading = fetched(tmp_path)
    assert ids(reading) == all_ids(x)
    assert sum(one.kind is Kind.REPLY for one in reading.posts()) == 10
    assert len(x.handed) == 260
    assert all(query["exclude"] == "retweets" and "expansions" not in query for query in x.pages())
    assert any("Reposts are not requested" in text for text in reading.findings.notes)


def test_editable_posts_wait(x: XStandIn, tmp_path: Path) -> None:
    now = int(time.time() * 1000)
    x.posts = [
        post(tweet("may still change", at_ms=now - 60_000)),
        post(tweet("stays", at_ms=now - DAY_MS)),
    ]
    assert [one.text for one in fetched(tmp_path).posts()] == ["stays"]


def test_only_the_last_version_of_an_edited_post_is_read(x: XStandIn, tmp_path: Path) -> None:
    items, _ = both_ways()
    x.posts = [post(items[9]), post(items[10])]
    reading = fetched(tmp_path)
    assert [one.text for one in reading.posts()] == ["without a mistake"]
    assert reading.findings.left_out == {"earlier version of an edited post": 1}


def test_recorded_answers(shared: Path) -> None:
    found = sorted((shared / "formats" / "x-api-v2").glob("*.json"))
    assert found
    pages = tokens = 0
    for file in found:
        (answer,) = json.loads(file.read_text())
        if not isinstance(answer["body"]["data"], list):
            continue
        page = page_of(answer["body"], Account(ACCOUNT, Author("ada_l")), set())
        assert [one.id for one in page.posts] == [record["id"] for record in answer["body"]["data"]]
        assert page.charged == answer["body"]["meta"]["result_count"]
        assert all(one.created_at and one.text for one in page.posts)
        assert not any(re.search("&(?:lt|gt|amp);", one.text) for one in page.posts)
        pages += 1
        tokens += bool(page.token)
    assert pages >= 4
    assert tokens == pages


# a second time


def test_an_update_buys_new_posts_only(x: XStandIn, tmp_path: Path) -> None:
    fetched(tmp_path)
    x.posts += [post(item) for item in posts(30, 250)]
    x.asked.clear()
    assert ids(fetched(tmp_path)) == all_ids(x)
    assert [query.get("since_id") for query in x.pages()] == [x.posts[249]["id"]]
    fetched(tmp_path)
    assert sorted(x.handed, key=int) == all_ids(x)


def test_inclusive_ranges_do_no_harm(x: XStandIn, tmp_path: Path) -> None:
    x.inclusive = True
    x.posts += [post(tweet(f"RT @bob: {number}", number)) for number in range(1000, 1230)]
    for start in (250, 270):
        assert ids(fetched(tmp_path)) == all_ids(x)
        x.posts += [post(item) for item in posts(20, start)]
    fetched(tmp_path)
    assert len(x.handed) <= len(x.charged) + 10


def test_a_higher_limit_continues_below(x: XStandIn, tmp_path: Path) -> None:
    reading = fetched(tmp_path, x_posts=100)
    assert ids(reading) == all_ids(x)[-100:]
    assert any("No more than 100 posts" in text for text in reading.findings.notes)
    x.posts += [post(item) for item in posts(10, 250)]
    assert ids(fetched(tmp_path, x_posts=100)) == all_ids(x)[-110:]
    reading = fetched(tmp_path)
    assert ids(reading) == all_ids(x)
    assert not any("No more than" in text for text in reading.findings.notes)
    assert sorted(x.handed, key=int) == all_ids(x)


@pytest.fixture
def small_cap(x: XStandIn, monkeypatch: pytest.MonkeyPatch) -> int:
    """Cap what X hands out at a tenth of the real cap."""
    x.cap = 320
    monkeypatch.setattr(api, "MAX_POSTS", 320)
    return 320


def test_the_cap_is_reported(x: XStandIn, small_cap: int, tmp_path: Path) -> None:
    x.posts = [post(item) for item in posts(400)]
    for wanted in (320, 320, 3200):
        reading = fetched(tmp_path, x_posts=wanted)
        assert ids(reading) == all_ids(x)[-320:]
        assert any(
            "newest 320 posts" in text and "archive" in text for text in reading.findings.notes
        )
    assert len(x.handed) == 320
    x.posts += [post(item) for item in posts(100, 400)]
    assert ids(fetched(tmp_path)) == all_ids(x)[-420:]


def test_the_cap_counts_reposts_too(x: XStandIn, small_cap: int, tmp_path: Path) -> None:
    x.posts = [post(item) for item in posts(170)] + [
        post(tweet(f"RT @bob: {number}", number)) for number in range(200, 370)
    ]
    reading = fetched(tmp_path)
    assert len(ids(reading)) == 150
    assert any("newest 320 posts" in text for text in reading.findings.notes)


def test_prune_buys_again_and_drops_deleted_posts(x: XStandIn, tmp_path: Path) -> None:
    before = ids(fetched(tmp_path))
    gone = x.posts.pop(100)["id"]
    assert ids(fetched(tmp_path)) == before
    assert ids(fetched(tmp_path, prune=True)) == [id for id in before if id != gone]
    assert len(x.handed) == 250 + 249
    # Of those below it is unknown whether they are deleted.
    assert ids(fetched(tmp_path, prune=True, x_posts=50)) == [id for id in before if id != gone]


def test_a_name_with_another_owner_is_refused(x: XStandIn, tmp_path: Path) -> None:
    before = ids(fetched(tmp_path))
    x.user = {**x.user, "id": "4711"}
    with pytest.raises(NetworkError, match="now a different account"):
        fetched(tmp_path)
    assert len(x.handed) == len(before)


def test_an_interrupted_reading_resumes_and_buys_nothing_twice(x: XStandIn, tmp_path: Path) -> None:
    x.posts = [post(item) for item in posts(950)]

    def fails(path: str, query: Mapping[str, str]) -> Any:
        return (402, CREDITS, {}) if path.endswith("/tweets") and len(x.handed) >= broken else None

    x.script = fails
    for broken in (0, 100, 400, 900):
        with pytest.raises(NetworkError, match="credit"):
            fetched(tmp_path)
        assert len(x.handed) == broken
    x.script = None
    x.posts += [post(item) for item in posts(20, 950)]
    assert ids(fetched(tmp_path)) == all_ids(x)
    assert sorted(x.handed, key=int) == all_ids(x)


# what X answers


CREDITS = {
    "title": "CreditsDepleted",
    "detail": "Your enrolled account [1] does not have any credits to fulfill this request.",
    "type": f"{PROBLEMS}credits",
}
CAPPED = {
    "title": "UsageCapExceeded",
    "period": "Monthly",
    "scope": "Product",
    "detail": "Usage cap exceeded: Monthly product cap",
    "type": f"{PROBLEMS}usage-capped",
}
SPENT = {
    "title": "SpendCapReached",
    "detail": "Your enrolled account [1] has reached its billing cycle spend cap.",
    "type": f"{PROBLEMS}credits",
}
NOT_ENROLLED = {
    "title": "Client Forbidden",
    "reason": "client-not-enrolled",
    "detail": "not enrolled",
    "type": f"{PROBLEMS}client-forbidden",
}


@pytest.mark.parametrize(
    ("status", "value", "said"),
    [
        (401, {"title": "Unauthorized", "detail": "Unauthorized"}, "does not know this key"),
        (402, CREDITS, "credit for X's API is used up"),
        (400, {"errors": [CREDITS]}, "credit for X's API is used up"),
        (403, NOT_ENROLLED, r"does not let this key read posts \(not enrolled\)"),
        (403, SPENT, "its usage or spending cap"),
        (
            429,
            CAPPED,
            r"its usage or spending cap is reached \(Usage cap exceeded: Monthly product cap\)",
        ),
        (
            400,
            {"title": "Invalid Request", "detail": "Invalid.", "errors": [{"message": "strange"}]},
            r"does not understand the request \(strange\)",
        ),
        (404, {"title": "Not Found"}, "refuses the request"),
        (410, b"<html>", "refuses the request"),
        (
            200,
            {
                "errors": [
                    {
                        "title": "Authorization Error",
                        "detail": "Sorry, you are not authorized to see the user with id: [1].",
                    }
                ]
            },
            "not authorized to see",
        ),
        (200, {"data": {"0": 1}, "meta": {}}, "something other than a list of posts"),
        (200, {"data": [], "meta": {"next_token": 7}}, "something other than a list of posts"),
        (200, b"[" * 100_000, "not JSON"),
        (200, b"null", "refuses the request"),
    ],
)
def test_a_refusal_is_reported_at_once_and_loses_nothing(
    x: XStandIn, status: int, value: Any, said: str, tmp_path: Path
) -> None:

    def script(path: str, query: Mapping[str, str]) -> Any:
        late = len(x.handed) >= 100 and path.endswith("/tweets")
        return (status, value, {}) if late else None

    x.script = script
    heard: list[Event] = []
    with pytest.raises(NetworkError, match=said) as raised:
        fetched(tmp_path, heard=heard)
    assert any("X charges for 100 posts and the account: $0.51" in event.message for event in heard)
    assert "kept" in raised.value.hint
    assert not any("waiting" in event.message for event in heard)
    x.script = None
    assert ids(fetched(tmp_path)) == all_ids(x)
    assert sorted(x.handed, key=int) == all_ids(x)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (no_such("username", "ada_l"), "There is no account @ada_l on X"),
        (
            {
                "errors": [
                    {
                        "title": "Forbidden",
                        "detail": "User has been suspended: [ada_l].",
                        "type": f"{PROBLEMS}resource-not-found",
                    }
                ]
            },
            "is suspended",
        ),
        (
            {
                "errors": [
                    {
                        "title": "Authorization Error",
                        "detail": "Not shown.",
                        "type": f"{PROBLEMS}not-authorized-for-resource",
                    }
                ]
            },
            r"not show @ada_l \(Not shown\)",
        ),
        ({"data": {"id": ACCOUNT, "username": "ada_l", "protected": True}}, "is protected"),
        ({"data": {"id": ACCOUNT, "username": "bob"}}, "something other than the account @ada_l"),
        ({"data": {"id": [1], "username": "ada_l"}}, "something other than the account @ada_l"),
        ({"data": [1, 2]}, "something other than the account @ada_l"),
        ([], "something other than the account @ada_l"),
    ],
)
def test_protected_and_missing_accounts(x: XStandIn, value: Any, said: str, tmp_path: Path) -> None:
    x.script = lambda path, query: (200, value, {}) if "username" in path else None
    with pytest.raises(PopinjayError, match=said):
        fetched(tmp_path)
    assert x.pages() == []


def test_a_404_is_a_missing_account(x: XStandIn, tmp_path: Path) -> None:
    x.script = lambda path, query: (
        (404, {"title": "Not Found", "detail": "no"}, {}) if "username" in path else None
    )
    with pytest.raises(SpecError, match="There is no account @ada_l on X"):
        fetched(tmp_path)


def test_a_rate_limit_is_waited_for(x: XStandIn, tmp_path: Path) -> None:
    until: list[float] = []

    def busy(path: str, query: Mapping[str, str]) -> Any:
        if path.endswith("/tweets") and len(x.handed) == 100 and not until:
            until.append(int(time.time()) + 2)
            problem = {
                "title": "Too Many Requests",
                "detail": "Too Many Requests",
                "type": "about:blank",
                "status": 429,
            }
            return (
                429,
                problem,
                {
                    "x-rate-limit-limit": "900",
                    "x-rate-limit-remaining": "0",
                    "x-rate-limit-reset": str(int(until[0])),
                },
            )
        assert not until or time.time() >= until[0]
        return None

    x.script = busy
    heard: list[Event] = []
    assert ids(fetched(tmp_path, heard=heard)) == all_ids(x)
    assert len(until) == 1
    assert any(event.numbers.get("seconds_left") for event in heard if "waiting" in event.message)


def test_truncated_answers_are_requested_again(x: XStandIn, tmp_path: Path) -> None:
    broken: list[Any] = [
        b'HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{"data": [',
        (503, b"busy", {"retry-after": "0"}),
        (200, b"{", {}),
    ]
    x.script = lambda path, query: broken.pop() if path.endswith("/tweets") and broken else None
    assert ids(fetched(tmp_path)) == all_ids(x)
    assert broken == []


STRANGE: list[Any] = [
    None,
    True,
    7,
    -1.5,
    1e300,
    "",
    "\x00\x1b[2J",
    "x" * 200_000,
    [],
    {},
    [[]],
    {"a": [1]},
    [{"type": ["retweeted"]}],
    {"urls": "no"},
    {"text": {}},
]


@pytest.mark.parametrize(
    "name",
    [
        "id",
        "text",
        "author_id",
        "created_at",
        "lang",
        "note_tweet",
        "referenced_tweets",
        "entities",
        "edit_history_tweet_ids",
        "in_reply_to_user_id",
    ],
)
def test_a_wrong_type_loses_one_record_at_most(x: XStandIn, name: str, tmp_path: Path) -> None:
    good = x.posts[:20]
    wrong = [{**one, name: value} for one, value in zip(x.posts[20:], STRANGE, strict=False)]
    value = {
        "data": [*good, *wrong, None, 5, "post", []],
        "meta": {"result_count": 3},
        "errors": [{"title": "Not Found Error"}, 5],
    }
    x.script = lambda path, query: (200, value, {}) if path.endswith("/tweets") else None
    reading = fetched(tmp_path)
    there = list(reading.posts())
    assert {one["id"] for one in good} <= {one.id for one in there}
    assert all(
        type(one.text) is str and "\x00" not in one.text and len(one.text) <= 100_000
        for one in there
    )
    assert all(
        one.created_at is None or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one.created_at)
        for one in there
    )
    assert reading.findings.left_out["X could not hand it out"] == 2
    left = sum(reading.findings.left_out.values()) - 2
    assert left + len(there) == 20 + len(wrong) + 4
    assert json.dumps([one.to_json() for one in there])


@pytest.mark.parametrize(
    "name",
    ["id", "name", "description", "profile_image_url", "protected", "public_metrics", "username"],
)
def test_a_malformed_profile_does_no_harm(x: XStandIn, name: str) -> None:
    for value in STRANGE:
        answer = {"data": {**x.user, name: value}}
        if name in ("id", "username") or (name == "protected" and value is True):
            if (name, value) != ("id", 7):
                with pytest.raises(PopinjayError):
                    account_of(answer, "ada_l")
            continue
        account = account_of(answer, "ada_l")
        author = account.author
        assert type(account.count) is int
        assert all(
            type(text) is str and len(text) <= 2000
            for text in (author.name, author.bio, author.url, author.avatar)
        )


def test_endless_pages_are_refused_within_the_stated_price(x: XStandIn, tmp_path: Path) -> None:
    value = {"data": x.posts[:10], "meta": {"next_token": "more"}}
    x.script = lambda path, query: (200, value, {}) if path.endswith("/tweets") else None
    with pytest.raises(NetworkError, match="same posts"):
        fetched(tmp_path)
    assert len(x.pages()) == 2


def test_a_server_that_sends_too_many_posts_is_refused(x: XStandIn, tmp_path: Path) -> None:
    numbers = iter(range(10**6, 0, -1))
    x.script = lambda path, query: (
        (
            200,
            {
                "data": [{"id": str(next(numbers)), "text": "a"} for _ in range(150)],
                "meta": {"next_token": "more"},
            },
            {},
        )
        if path.endswith("/tweets")
        else None
    )
    assert len(ids(fetched(tmp_path, x_posts=100))) == 150
    assert len(x.pages()) == 1


# the key


@pytest.mark.parametrize("status", [200, 400, 401, 402, 403, 404, 410, 429])
def test_no_error_contains_the_key(x: XStandIn, status: int, tmp_path: Path) -> None:
    problem = {"title": f"Bad {KEY}", "detail": f"Your key {KEY} and {KEY} is strange", "type": KEY}
    value = (
        {"errors": [problem]}
        if status == 200
        else {**problem, "title": f"UsageCapExceeded {KEY}"}
        if status == 429
        else problem
    )

    def failing(where: str) -> Callable[[str, Mapping[str, str]], Any]:
        return lambda path, query: (status, value, {}) if where in path else None

    for where in ("username", "tweets"):
        x.script = failing(where)
        heard: list[Event] = []
        with pytest.raises(PopinjayError) as raised:
            fetched(tmp_path, heard=heard)
        said = "".join(traceback.format_exception(raised.value)) + raised.value.hint + repr(heard)
        assert KEY not in said
        assert len(raised.value.message) < 500


def test_the_key_is_never_sent_unencrypted(
    x: XStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ssl

    wanted = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    key, cert = tmp_path / "key.pem", tmp_path / "ca.pem"
    command: list[str | Path] = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        key,
        "-out",
        cert,
        *wanted,
    ]
    made = subprocess.run(command, capture_output=True, check=False)
    if made.returncode:
        pytest.skip("needs openssl to make a certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    safe = XStandIn()
    try:
        safe._server.socket = context.wrap_socket(safe._server.socket, server_side=True)
        address = f"https://localhost:{safe._server.server_port}"
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        monkeypatch.setenv("POPINJAY_X_API", address)
        safe.posts = x.posts
        safe.user["profile_image_url"] = ""
        assert ids(fetched(tmp_path / "good")) == all_ids(x)
        safe.script = lambda path, query: (
            302,
            b"",
            {"location": f"{address.replace('https', 'http')}{path}"},
        )
        with pytest.raises(NetworkError, match="without encryption"):
            fetched(tmp_path / "bad")
        safe.script = lambda path, query: (302, b"", {"location": f"{x.address}{path}"})
        with pytest.raises(NetworkError, match="without encryption"):
            fetched(tmp_path / "bad")
    finally:
        safe.close()
    assert x.asked == []


# end to end

FAST = ["--epochs", "0.1", "--samples", "10"]


def test_a_killed_make_resumes_buys_nothing_twice_and_stores_no_key(
    x: XStandIn, tiny_gpt2: Path, own_home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked, killed = threading.Event(), threading.Event()

    def hold(path: str, query: Mapping[str, str]) -> Any:
        if path.endswith("/tweets") and len(x.handed) == 100:
            asked.set()
            killed.wait(60)
            return b""
        return None

    x.script = hold
    x.user["description"] = f"says {KEY}"
    x.posts[7]["text"] += KEY
    command = [
        "make",
        "x:@ada_l",
        "--base",
        str(tiny_gpt2),
        "--whose",
        "fictional",
        "--allow-local",
        "--i-have-the-right",
        *FAST,
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "popinjay.cli.main", *command], stderr=subprocess.PIPE
    )
    try:
        assert asked.wait(60)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed.set()
    x.script = lambda path, query: (401, {"detail": KEY}, {})
    assert main([*command, "--json"]) == 2
    with pytest.raises(NetworkError):
        main([*command, "--debug", "--quiet"])
    x.script = None
    assert main(command) == 0
    assert sorted(x.handed, key=int) == all_ids(x)
    assert len((own_home / "ada_l" / "posts.jsonl").read_text().splitlines()) == 250
    bought = x.cost
    assert main(command) == 0
    assert x.cost == bought
    shown = capfd.readouterr()
    assert "own archive costs nothing" in shown.err
    assert "collect: done before" in shown.err
    assert KEY not in shown.out + shown.err
    files = [file for file in own_home.rglob("*") if file.is_file()]
    assert "x:@ada_l" in (own_home / "ada_l" / "run.toml").read_text()
    assert any(file.parent.name == "posts" for file in files)
    assert not [file for file in files if KEY.encode() in file.read_bytes()]


def test_bought_posts_survive_a_refused_make(x: XStandIn, tiny_gpt2: Path, tmp_path: Path) -> None:
    with pytest.raises(TooLittleText):
        popinjay.make(
            "x:@ada_l",
            home=tmp_path,
            base=str(tiny_gpt2),
            whose="fictional",
            allow_local=True,
            i_have_the_right=True,
            lang="fr",
        )
    assert ids(fetched(tmp_path / "ada_l" / "fetched")) == all_ids(x)
    assert sorted(x.handed, key=int) == all_ids(x)


def test_declining_leaves_no_persona(x: XStandIn, tiny_gpt2: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="Without your consent"):
        popinjay.make(
            "x:@ada_l",
            home=tmp_path,
            base=str(tiny_gpt2),
            whose="fictional",
            allow_local=True,
            ask=lambda question: False,
        )
    assert list(tmp_path.iterdir()) == []
    assert x.asked == []


def test_inspect_asks_as_well(x: XStandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "x:@ada_l", "--allow-local"]) == 2
    assert "nothing was sent" in capsys.readouterr().err
    assert x.asked == []
    questions: list[str] = []

    def yes(question: str) -> bool:
        questions.append(question)
        return True

    (found,) = inspect("x:@ada_l", allow_local=True, ask=yes)
    assert "inspect keeps nothing" in questions[0]
    assert found.result.counts.kept == 250
    assert main(["inspect", "x:@ada_l", "--allow-local", "--i-have-the-right", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["authors"][0]["first"].startswith("2024-10")


@pytest.mark.parametrize(
    ("answer", "agreed"),
    [
        ("", False),
        ("\n", False),
        ("n\n", False),
        ("yess\n", False),
        ("j\n", False),
        ("y\n", True),
        (" YES\n", True),
    ],
)
def test_only_yes_means_yes(answer: str, agreed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert asking.yes("It costs.\nYes?") is agreed


@pytest.mark.parametrize("answer", ["\n", "y\n"])
def test_the_user_is_asked(x: XStandIn, answer: str) -> None:
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    agreed = answer == "y\n"
    with Terminal(
        ["-m", "popinjay.cli.main", "inspect", "x:@ada_l", "--allow-local"], environment
    ) as terminal:
        shown = terminal.until(r"\[y/N\] ")
        assert "$16.01" in shown
        assert "fine-tune or train" in " ".join(shown.split())
        assert max(map(len, shown.splitlines())) < 80
        assert x.asked == []
        terminal.type(answer)
        assert terminal.end() == (0 if agreed else 2)
        assert ("250" in terminal.shown) == agreed
    assert bool(x.asked) == agreed


def test_nothing_is_asked_without_a_terminal(x: XStandIn) -> None:
    for option in ("--json", "--quiet"):
        with Terminal(
            [
                "-m",
                "popinjay.cli.main",
                "make",
                "x:@ada_l",
                "--allow-local",
                "--whose",
                "fictional",
                option,
            ],
            dict(os.environ),
        ) as terminal:
            assert terminal.end() == 2
            assert "nothing was sent" in " ".join(terminal.shown.split())
    assert x.asked == []
