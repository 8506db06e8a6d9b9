"""Tests of Mastodon accounts, against a stand-in for their servers: requests, posts, bad answers.

test_mastodon_snac.py tests a real server with the same API.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import popinjay
from archives import write_zip
from mastodon_exports import (
    ACTOR,
    FOLLOWERS,
    FRIEND,
    ME,
    PICTURE,
    PUBLIC,
    boost,
    create,
    export_files,
)
from mastodon_standin import FIRST, Said, StandIn, as_api
from popinjay import sources
from popinjay.cli.main import main
from popinjay.errors import NetworkError, PopinjayError, SpecError
from popinjay.events import Event, EventKind
from popinjay.network import http_client
from popinjay.options import CollectOptions, FetchOptions
from popinjay.post import Kind, Post
from popinjay.sources import Access, Reading
from popinjay.sources.mastodon import account as mastodon
from popinjay.sources.mastodon import export as mastodon_export
from popinjay.sources.mastodon import identity
from popinjay.sources.mastodon.posts import status_of
from popinjay.sources.mastodon.profile import on_automated_use
from popinjay.sources.network import mirror
from popinjay.store.run import FETCHED
from readings import fetch

LOCAL = FetchOptions(allow_local=True)


@pytest.fixture
def server() -> Iterator[StandIn]:
    there = StandIn()
    yield there
    there.close()


def opened(spec: str, options: FetchOptions = LOCAL, said: list[Event] | None = None) -> Reading:
    return sources.read(
        spec,
        CollectOptions(),
        Access(options, said.append if said is not None else lambda event: None),
    )


def read(spec: str, folder: Path, options: FetchOptions = LOCAL) -> tuple[list[Post], Reading]:
    return fetch(opened(spec, options), folder)


def refused(spec: str, kind: type[PopinjayError] = NetworkError) -> tuple[str, str]:
    with pytest.raises(kind) as caught:
        opened(spec)
    return caught.value.message, caught.value.hint


def cut_off(spec: str, folder: Path) -> str:
    with pytest.raises(NetworkError) as caught:
        read(spec, folder)
    assert caught.value.hint
    return caught.value.message


def always(path: str, said: Said | Callable[[], Said]) -> Callable[[str], Said | None]:
    def answer(asked: str) -> Said | None:
        if path not in asked:
            return None
        return said if isinstance(said, Said) else said()

    return answer


# specs


@pytest.mark.parametrize(
    ("spec", "user", "host", "scheme"),
    [
        ("@ada@example.social", "ada", "example.social", ""),
        ("@Ada_L@Example.Social", "Ada_L", "example.social", ""),
        ("@ada.b-c@sub.example.social:8443", "ada.b-c", "sub.example.social:8443", ""),
        ("@ada@localhost:8080", "ada", "localhost:8080", ""),
        ("@ada@[::1]:8080", "ada", "[::1]:8080", ""),
        ("@ada@bücher.example", "ada", "xn--bcher-kva.example", ""),
        ("acct:ada@example.social", "ada", "example.social", ""),
        ("mastodon:ada@example.social", "ada", "example.social", ""),
        ("mastodon:@ada@example.social", "ada", "example.social", ""),
        ("https://example.social/@ada", "ada", "example.social", "https"),
        ("https://example.social/@ada/", "ada", "example.social", "https"),
        ("https://example.social/@ada/109000000000000001?x=1#y", "ada", "example.social", "https"),
        ("https://example.social/@ada/with_replies", "ada", "example.social", "https"),
        ("https://example.social/web/@ada", "ada", "example.social", "https"),
        ("https://example.social/users/ada", "ada", "example.social", "https"),
        ("https://web.example/@ada@other.example", "ada", "other.example", ""),
        ("http://localhost:8080/@ada", "ada", "localhost:8080", "http"),
    ],
)
def test_specs_of_accounts(spec: str, user: str, host: str, scheme: str) -> None:
    assert mastodon.matches(spec)
    assert sources.find(spec) is mastodon
    name = identity.parse_name(spec)
    assert name is not None
    assert (name.user, name.host, name.scheme) == (user, host, scheme)


@pytest.mark.parametrize(
    "spec",
    [
        "ada@example.social",
        "@ada",
        "@ada@server",
        "@@example.social",
        "@ada@example..social",
        "@ada@exa mple.social",
        "@a/b@example.social",
        "ada.bsky.social",
        "https://example.social/about",
        "https://example.social/",
        "https://ada:secret@example.social/@ada",
        "https://[::1/@ada",
        "https://www.threads.net/@ada",
        "https://x.com/@ada",
        "https://bsky.app/profile/ada.bsky.social",
        "ftp://example.social/@ada",
        "@" + "a" * 5000 + "@" + "b." * 5000,
        "@ada@" + "a" * 70 + ".example",
        "@ada@[:::::]",
        "@ada@[1.2.3.4]:80",
        "@ada@example.social:0",
        "@ada@example.social:70000",
        "",
    ],
)
def test_specs_of_something_else(spec: str) -> None:
    assert not mastodon.matches(spec)


def test_existing_files_are_no_accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "@ada@example.social").mkdir()
    assert not mastodon.matches("@ada@example.social")


def test_a_prefix_without_an_account_is_explained() -> None:
    message, hint = refused("mastodon:ada", SpecError)
    assert "'mastodon:ada' does not name an account" in message
    assert "@ada@example.social" in hint


@pytest.mark.parametrize(
    "form",
    [
        "@ada@{}",
        "mastodon:ADA@{}",
        "http://{}/@ada",
        "http://{}/users/ada",
        "http://web.example/@ada@{}",
    ],
)
def test_every_form_leads_to_the_same_account(server: StandIn, form: str) -> None:
    reading = opened(form.format(server.host))
    assert (reading.author.handle, reading.author.name, reading.author.bio) == (
        "ada@localhost",
        "Ada 🧮",
        "counts & sings",
    )
    assert reading.author.url == server.address("/@Ada")
    assert reading.findings.notes == []


def test_servers_on_this_machine_need_permission(server: StandIn) -> None:
    for spec, said in ((server.spec, "--allow-local"), (server.address("/@ada"), "https")):
        with pytest.raises(NetworkError) as caught:
            opened(spec, FetchOptions())
        assert said in caught.value.hint
    assert server.asked == []


# whole accounts


def test_all_pages_in_order_with_the_picture(server: StandIn, tmp_path: Path) -> None:
    server.write(95)
    server.statuses.append(
        server.status(
            200, "", reblog=server.status(1, "<p>bob's</p>", account=server.account_of("bob"))
        )
    )
    found, reading = read(server.spec, tmp_path)
    assert [post.id for post in found] == [str(FIRST + n) for n in [*range(95), 200]]
    assert (found[7].text, found[7].created_at, found[7].lang) == (
        "number 7 counts 259 engines and 91 gulls near the old river",
        "2022-11-08T00:07:00Z",
        "en",
    )
    assert (found[-1].kind, found[-1].text, found[-1].author) == (Kind.REPOST, "", "ada@localhost")
    assert server.pages_asked() == [
        "limit=40",
        f"limit=40&max_id={FIRST + 56}",
        f"limit=40&max_id={FIRST + 16}",
    ]
    assert reading.avatar() == PICTURE
    assert len(reading.fingerprint()) == 64


def test_an_update_requests_new_posts_only(server: StandIn, tmp_path: Path) -> None:
    server.write(100)
    read(server.spec, tmp_path)
    server.asked.clear()
    found, _ = read(server.spec, tmp_path)
    assert (len(found), server.pages_asked()) == (100, ["limit=40"])
    # The answer was that nothing has changed.
    assert server.headers[-1]["if-none-match"].startswith('W/"')
    server.write(45, 100)
    server.statuses[98] |= {"content": "<p>mended</p>", "edited_at": "2023-01-01T00:00:00.000Z"}
    server.asked.clear()
    found, _ = read(server.spec, tmp_path)
    assert (len(found), len(server.pages_asked())) == (145, 2)
    assert found[98].text == "mended"


def test_only_prune_removes_deleted_posts(server: StandIn, tmp_path: Path) -> None:
    server.write(90)
    read(server.spec, tmp_path)
    del server.statuses[10:20]
    assert len(read(server.spec, tmp_path)[0]) == 90
    found, _ = read(server.spec, tmp_path, FetchOptions(allow_local=True, prune=True))
    assert [post.id for post in found] == [str(FIRST + n) for n in range(90) if not 10 <= n < 20]


def test_paging_by_links_or_else_by_the_last_id(server: StandIn, tmp_path: Path) -> None:
    server.write(95)

    def without(path: str) -> Said | None:
        if "/statuses" not in path:
            return None
        older = path.partition("max_id=")[2]
        rows = [
            row for row in reversed(server.statuses) if not older or int(row["id"]) < int(older)
        ]
        return Said(rows[:40])

    server.instead = without
    assert len(read(server.spec, tmp_path / "a")[0]) == 95
    assert len(server.pages_asked()) == 3  # the last one is short


@pytest.mark.parametrize("stopped", [False, True])
def test_a_server_that_ignores_paging(server: StandIn, tmp_path: Path, stopped: bool) -> None:
    server.write(95)
    pages = 0

    def everything(path: str) -> Said | None:
        nonlocal pages
        if "/statuses" not in path:
            return None
        pages += 1
        return (
            Said({"error": "what?"}, 400)
            if stopped and pages == 2
            else Said(list(reversed(server.statuses)))
        )

    server.instead = everything
    if stopped:
        assert "something other than posts (status 400)" in cut_off(server.spec, tmp_path)
    found, reading = read(server.spec, tmp_path)
    assert len(found) == 95
    assert f"{server.host} sends the newest 95 posts for every page" in reading.findings.notes[0]
    server.asked.clear()
    assert len(read(server.spec, tmp_path)[0]) == 95
    assert len(server.pages_asked()) == 1


# the same account from its export


def export_items() -> list[dict[str, Any]]:
    """Return an outbox with all kinds of posts."""
    html = (
        '<p><span class="h-card" translate="no"><a href="https://other.example/@bob" '
        'class="u-url mention">@<span>bob</span></a></span> see '
        '<a href="https://example.org/a/long/path?x=1&amp;y=2" target="_blank" rel="nofollow '
        'noopener"><span class="invisible">https://</span>'
        '<span class="ellipsis">example.org/a/lo</span>'
        '<span class="invisible">ng/path?x=1&amp;y=2</span></a></p>'
        "<p>and &lt;so&gt;<br />on 🧮 :blob:</p>"
    )
    quote = (
        '<p class="quote-inline">RE: <a href="https://other.example/@bob/5">'
        "https://other.example/@bob/5</a></p><p>just so</p>"
    )
    return [
        create("<p>one</p>", 1),
        create(html, 2, inReplyTo=f"{FRIEND}/statuses/7"),
        create("<p>a thread</p>", 3, inReplyTo=f"{ME}/statuses/{FIRST + 1}"),
        create("<p>behind a warning</p>", 4, summary="gulls"),
        create("<p>unlisted</p>", 5, to=(FOLLOWERS,), cc=(PUBLIC,)),
        create("<p>für alle</p>", 6, contentMap={"de": "<p>für alle</p>"}),
        create("<p>no language</p>", 7, contentMap=None),
        create("<p>tea?</p>", 8, type="Question", oneOf=[{"type": "Note", "name": "yes"}]),
        create(quote, 9, quote=f"{FRIEND}/statuses/5"),
        create("<p>edited</p>", 10, updated="2023-01-01T00:00:00Z"),
        create("", 11),
        boost(FIRST + 12),
        create("<p>secret</p>", 13, to=(FOLLOWERS,), cc=()),
        create("<p>secret</p>", 14, to=(FRIEND,), cc=()),
        boost(FIRST + 15, FOLLOWERS),
    ]


def same_account(
    server: StandIn,
    items: list[dict[str, Any]],
    actor: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Let the stand-in serve what an export holds. Only the name of its host can't be the same."""
    server.account |= {
        "username": actor["preferredUsername"],
        "display_name": actor["name"],
        "note": actor["summary"],
        "url": actor["url"],
        "uri": actor["id"],
    }
    server.statuses = [as_api(server, item, actor["id"]) for item in items]
    monkeypatch.setattr(identity, "_origin", lambda address: server.address())


def test_the_export_and_the_api_agree_post_for_post(
    server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = sources.read(
        str(write_zip(tmp_path / "archive.zip", export_files(*export_items()))), CollectOptions()
    )
    by_file = {post.id: post for post in exported.posts()}
    same_account(server, export_items(), ACTOR, monkeypatch)
    found, reading = read(server.spec, tmp_path / "mirror")
    assert {post.id: post for post in found} == by_file
    assert len(by_file) == 12
    assert {post.kind for post in found} == set(Kind)
    assert (
        reading.findings.left_out
        == exported.findings.left_out
        == {"followers-only post": 1, "direct message": 1, "boost that is not public": 1}
    )
    mine, theirs = reading.author, exported.author
    assert (mine.handle, mine.name, mine.bio, mine.url) == (
        theirs.handle,
        theirs.name,
        theirs.bio,
        theirs.url,
    )
    assert mine.handle == "ada@social.example"
    assert [
        note.partition(" is behind")[0].partition(" is a poll")[0]
        for note in reading.findings.notes
    ] == ["1 of the posts read now"] * 2


def test_the_recorded_export_and_the_api_agree(
    server: StandIn, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shared / "formats" / "mastodon-export"
    exported = sources.read(str(folder), CollectOptions())
    items = json.loads((folder / "outbox.json").read_text(encoding="utf-8"))["orderedItems"]
    actor = json.loads((folder / "actor.json").read_text(encoding="utf-8"))
    by_file = {post.id: post for post in exported.posts()}
    same_account(server, items, actor, monkeypatch)
    server.instead = lambda path: (
        Said({**server.finger(), "subject": f"acct:{actor['preferredUsername']}@{server.host}"})
        if "webfinger" in path
        else None
    )
    found, reading = read(server.spec, tmp_path)
    assert {post.id: post for post in found} == by_file
    assert reading.author.handle == exported.author.handle


def test_recorded_answers_are_read(shared: Path) -> None:
    rows = []
    for file in sorted((shared / "formats" / "mastodon-api").glob("*.json")):
        for said in json.loads(file.read_text(encoding="utf-8")):
            body = said["body"]
            rows += [
                row
                for row in (body if isinstance(body, list) else [body])
                if isinstance(row, dict) and "content" in row and "visibility" in row
            ]
    assert len(rows) > 100
    read_as = [status_of(row, row["account"]["id"], "ada@localhost") for row in rows]
    assert Counter(type(one) is str for one in read_as)[True] == sum(
        row["visibility"] in ("private", "direct") for row in rows
    )
    posts = {post.id: post for post in read_as if isinstance(post, Post)}
    kinds = {
        row["id"]: (row["reblog"] is not None, row["quote"] is not None)
        for row in rows
        if row["id"] in posts
    }
    assert all(
        (posts[id].kind is Kind.REPOST, posts[id].kind is Kind.QUOTE) == kind
        for id, kind in kinds.items()
    )
    assert "yoooooooo" in {post.text for post in posts.values()}
    assert all(
        post.created_at and not post.text.startswith("<") and "RE: http" not in post.text
        for post in posts.values()
    )


# visibility


def test_private_posts_of_a_broken_server_are_dropped(
    server: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str], own_home: Path
) -> None:
    secret = "<p>verysecretword of the gull</p>"
    server.write(40)
    server.statuses += [
        server.status(50, secret, visibility="private"),
        server.status(51, secret, visibility="direct"),
        server.status(52, secret, visibility="limited"),
        server.status(53, secret, visibility=["public"]),
        server.status(54, secret, visibility=None),
        server.status(55, "", visibility="private", reblog=server.status(1, secret)),
        server.status(56, "", reblog=server.status(1, secret, account=server.account_of("bob"))),
        server.status(57, secret, account=server.account_of("bob")),
        server.status(58, secret, account=None),
        server.status(
            59,
            "<p>see there</p>",
            quote={
                "state": "accepted",
                "quoted_status": server.status(1, secret, visibility="private"),
            },
        ),
    ]
    found, reading = read(server.spec, tmp_path)
    assert len(found) == 42
    assert reading.findings.left_out == {
        "followers-only post": 1,
        "direct message": 1,
        "post not for everybody": 1,
        "not readable": 3,
        "boost that is not public": 1,
        "somebody else's post": 1,
    }
    assert [post.kind for post in found[-2:]] == [Kind.REPOST, Kind.QUOTE]
    assert main(["inspect", server.spec, "--allow-local", "--json"]) == 0
    shown = capsys.readouterr()
    assert "verysecretword" not in shown.out + shown.err
    assert json.loads(shown.out)["authors"][0]["left_out"]["direct message"] == 1
    files = [path for place in (tmp_path, own_home) for path in place.rglob("*") if path.is_file()]
    assert files
    assert not any(b"verysecretword" in path.read_bytes() for path in files)


@pytest.mark.parametrize(
    ("uri", "id"),
    [
        ("https://example.social/users/ada/statuses/109", "109"),
        ("https://example.social/ap/users/5/statuses/109/activity", "109"),
        (
            "https://example.social/ada/p/1795303343.12",
            "https://example.social/ada/p/1795303343.12",
        ),
        ("https://example.social/objects/\x1b[2J", "api"),
        (None, "api"),
    ],
)
def test_the_permanent_name_of_a_post(server: StandIn, uri: Any, id: str) -> None:
    post = status_of(
        server.status(1, "<p>so it is</p>", id="api", uri=uri),
        server.account["id"],
        "ada@localhost",
    )
    assert isinstance(post, Post)
    assert post.id == id


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"in_reply_to_id": "5", "in_reply_to_account_id": "77"}, Kind.REPLY),
        ({"in_reply_to_id": "5", "in_reply_to_account_id": None}, Kind.REPLY),
        ({"in_reply_to_id": "5", "in_reply_to_account_id": "me"}, Kind.POST),
        (
            {"in_reply_to_id": None, "in_reply_to_account_id": "77"},
            Kind.POST,
        ),  # the post that it answers is deleted, as in the export
        ({"quote": {"state": "accepted", "quoted_status": {}}}, Kind.QUOTE),
        ({"quote": {"state": "deleted", "quoted_status": None}}, Kind.QUOTE),
        (
            {"quote": {"state": "accepted"}, "in_reply_to_id": "5", "in_reply_to_account_id": "77"},
            Kind.REPLY,
        ),
        ({"reblog": {"id": "5"}}, Kind.REPOST),
    ],
)
def test_threads_replies_quotes_and_boosts(
    server: StandIn, fields: dict[str, Any], kind: Kind
) -> None:
    me = server.account["id"]
    fields = {key: me if value == "me" else value for key, value in fields.items()}
    post = status_of(server.status(1, "<p>so it is</p>", **fields), me, "ada@localhost")
    assert isinstance(post, Post)
    assert (post.kind, post.text) == (kind, "" if kind is Kind.REPOST else "so it is")


# profile and rules


def test_wishes_in_the_profile_are_reported(server: StandIn) -> None:
    moved = server.account_of("Ada2", url="https://new.example/@ada\x1b[31m")
    server.account |= {
        "noindex": True,
        "indexable": False,
        "discoverable": False,
        "bot": True,
        "locked": True,
        "limited": True,
        "memorial": True,
        "moved": moved,
    }
    tag = (
        '<p>counts <a href="https://x.example/tags/NoAI" class="mention hashtag" rel="tag">'
        "#<span>NoAI</span></a> #nobots #noon</p>"
    )
    server.account |= {
        "note": tag,
        "fields": [{"name": "wishes", "value": "#noSearch #noai"}, 7, {"name": None}],
    }
    reading = opened(server.spec)
    notes = "\n".join(reading.findings.notes)
    assert "moved to https://new.example/@ada[31m" in notes
    for said in (
        "is a bot",
        "memorial",
        "limited the account",
        "by hand",
        "(noindex)",
        "indexable is off",
        "discoverable is off",
    ):
        assert said in notes
    assert "says #NoAI, #nobots, #noSearch." in notes
    assert "#noon" not in notes


def test_a_plain_profile_gives_no_notes(server: StandIn) -> None:
    server.account["discoverable"] = None  # never asked
    assert opened(server.spec).findings.notes == []


def test_rules_and_terms_on_automated_use_are_shown(server: StandIn) -> None:
    server.rules = [
        {"id": "1", "text": "Be kind.", "hint": ""},
        {
            "id": "2",
            "text": "No bots without a word to the moderators.",
            "hint": "Scrapers are blocked.\x1b[2J",
        },
    ]
    terms = (
        "<h1>Terms</h1><p>Welcome. You shall not use posts to train a language model! Pay by "
        "card.</p>" + "<p>No crawling, number {}.</p>" * 9
    )
    server.terms = {"effective_date": "2025-01-01", "content": terms.format(*range(9))}
    rules, terms = opened(server.spec).findings.notes
    assert rules == (
        f"The rules of {server.host} on automated use: "
        "“No bots without a word to the moderators.” “Scrapers are blocked.[2J”"
    )
    assert terms.startswith(
        f"The terms of service of {server.host} on automated use: “You shall not use posts to "
        "train a language model!” “No crawling, number 0.”"
    )
    assert terms.endswith(f"“No crawling, number 3.” And 5 more: see {server.address()}/about.")
    assert "card" not in terms


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Bots müssen gekennzeichnet sein. Seid nett.", ["Bots müssen gekennzeichnet sein."]),
        (
            "Das Training von KI-Modellen ist untersagt.",
            ["Das Training von KI-Modellen ist untersagt."],
        ),
        ("Automatisiertes Auslesen ist verboten.", ["Automatisiertes Auslesen ist verboten."]),
        ("J'ai faim. Pas de robots ni d'IA.", ["Pas de robots ni d'IA."]),
        ("L'apprentissage automatique est exclu.", ["L'apprentissage automatique est exclu."]),
        ("Sé amable. Nada de minería de datos.", ["Nada de minería de datos."]),
        ("Prohibida la inteligencia artificial.", ["Prohibida la inteligencia artificial."]),
        (
            "仲良く。生成AIの学習に使わないでください。ボット禁止",
            ["生成AIの学習に使わないでください。", "ボット禁止"],
        ),
        ("機械学習への利用は禁止です。", ["機械学習への利用は禁止です。"]),
        ("The robotics club meets by train. Both of you said hello. Thai food, e-mail, Maine.", []),
        ("Your account may be automatically deleted.", []),
    ],
)
def test_sentences_about_automated_use_are_recognized(text: str, said: list[str]) -> None:
    assert list(on_automated_use(text)) == said


@pytest.mark.parametrize(
    "rules", [{}, None, "x", [None, 7, [], {"text": 3}, {"text": None}], [{"text": "Be kind."}]]
)
def test_invalid_rules_are_ignored(server: StandIn, rules: Any) -> None:
    server.rules = rules
    server.terms = {"content": rules}
    assert opened(server.spec).findings.notes == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_rules_are_not_waited_for(server: StandIn, status: int) -> None:
    server.instead = always(
        "/instance/", lambda: Said(status=status, headers={"Retry-After": "900"})
    )
    notes = opened(server.spec).findings.notes
    assert [note[:40] for note in notes] == [
        "The server's rules could not be read: th",
        "The server's terms of service could not ",
    ]


# refusals and errors


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, "This method requires an authenticated user"),
        (403, "This action is not allowed"),
        (422, "This method requires an authenticated user"),
        (404, "Record not found"),
    ],
)
@pytest.mark.parametrize("where", ["lookup", "/statuses"])
def test_a_server_that_requires_login_is_reported_with_the_export_as_remedy(
    server: StandIn, tmp_path: Path, status: int, error: str, where: str
) -> None:
    server.instead = always(where, lambda: Said({"error": error}, status))
    with pytest.raises(NetworkError) as caught:
        read(server.spec, tmp_path)
    assert "Preferences, Import and export, Data export" in caught.value.hint
    said = (
        {
            "lookup": "does not show it to readers who are not logged in",
            "/statuses": "does not have the posts of",
        }[where]
        if status == 404
        else "only to users who are logged in"
    )
    assert said in caught.value.message


def test_a_server_that_turns_programs_away(server: StandIn) -> None:
    server.instead = always("lookup", lambda: Said(b"<html>Are you human?</html>", 403))
    message, hint = refused(server.spec)
    assert "refuses programs such as this one" in message
    assert "Data export" in hint


def test_suspended_and_gone_accounts_keep_what_was_read(server: StandIn, tmp_path: Path) -> None:
    server.write(30)
    read(server.spec, tmp_path)
    server.account["suspended"] = True
    assert "has suspended @ada@" in refused(server.spec)[0]
    del server.account["suspended"]
    server.instead = always("webfinger", lambda: Said(b"", 410))
    assert "no longer exists" in refused(server.spec)[0]
    server.instead = lambda path: None
    assert len(read(server.spec, tmp_path)[0]) == 30


def test_unknown_account_and_unknown_server(server: StandIn) -> None:
    message, hint = refused(f"@zed@{server.host}", SpecError)
    assert f"There is no @zed@{server.host}" in message
    assert "@user@server" in hint
    server.instead = lambda path: Said(b"<html>a shop</html>", 200, {"Content-Type": "text/html"})
    assert "something that is not JSON" in refused(server.spec)[0]
    server.instead = lambda path: Said({"hello": "you"})
    assert "something other than an account" in refused(server.spec)[0]


def test_without_webfinger_the_named_server_is_used(server: StandIn) -> None:
    for said in (
        Said(b"", 404),
        Said(b"<html>", 200),
        Said([], 200),
        Said(
            {
                "links": [
                    7,
                    {"rel": "self", "href": "javascript:x", "type": "application/activity+json"},
                ]
            }
        ),
    ):
        server.instead = always("webfinger", said)
        assert opened(server.spec).author.handle == "ada@localhost"


def test_an_account_that_lives_on_another_server_than_its_name_says(
    server: StandIn, tmp_path: Path
) -> None:
    server.write(3)
    elsewhere = f"http://127.0.0.1:{server.port}"
    server.account |= {"uri": f"{elsewhere}/users/Ada", "url": f"{elsewhere}/@Ada"}

    def moved(path: str) -> Said | None:
        there = server.headers[-1]["host"].startswith("127.")
        if "webfinger" in path and not there:
            return Said(status=301, headers={"Location": f"{elsewhere}/.well-known/finger?for=ada"})
        return Said(server.finger()) if "/finger" in path else None

    server.instead = moved
    found, reading = read(server.spec, tmp_path)
    assert (len(found), reading.author.handle) == (3, "ada@127.0.0.1")
    assert {
        headers["host"]
        for headers, path in zip(server.headers, server.asked, strict=True)
        if "/api/" in path
    } == {elsewhere.removeprefix("http://")}


@pytest.mark.parametrize(
    "changes",
    [
        {"username": "bob"},
        {"uri": "https://other.example/users/Ada"},
        {"uri": None, "url": "https://other.example/@Ada"},
        {"uri": None, "url": None},
    ],
)
def test_another_account_than_the_one_asked_for(server: StandIn, changes: dict[str, Any]) -> None:
    finger = server.finger()
    server.account |= changes
    server.instead = lambda path: (
        Said(finger) if "webfinger" in path else Said(server.account) if "lookup" in path else None
    )
    assert "answered with another account" in refused(server.spec)[0]


def test_an_older_server_gives_only_the_address_of_the_profile(server: StandIn) -> None:
    finger = server.finger()
    del server.account["uri"]
    server.instead = always("webfinger", lambda: Said(finger))
    assert opened(server.spec).author.handle == "ada@localhost"


@pytest.mark.parametrize("path", ["lookup", "/statuses"])
def test_a_redirect_to_another_host_is_not_followed(
    server: StandIn, tmp_path: Path, path: str
) -> None:
    server.instead = always(
        path,
        lambda: Said(status=302, headers={"Location": f"http://127.0.0.1:{server.port}/elsewhere"}),
    )
    assert "redirects to" in cut_off(server.spec, tmp_path)
    assert not any("elsewhere" in asked for asked in server.asked)


# retries


def test_a_rate_limit_is_obeyed_with_a_countdown(server: StandIn, tmp_path: Path) -> None:
    server.write(60)
    limited = iter(
        [
            {"Retry-After": "0.2"},
            {"X-RateLimit-Reset": (datetime.now(UTC) + timedelta(seconds=2)).isoformat()},
        ]
    )

    def limit(path: str) -> Said | None:
        headers = next(limited, None) if "max_id" in path else None
        return Said({"error": "Too many requests"}, 429, headers) if headers else None

    server.instead = limit
    said: list[Event] = []
    reading = opened(server.spec, said=said)
    reading.fetch(tmp_path, lambda author, id: False)
    assert len(list(reading.posts())) == 60
    assert len(server.pages_asked()) == 4
    assert {event.message for event in said if event.unit == "s"} == {f"waiting for {server.host}"}


def test_requests_to_a_failing_server_are_repeated(
    server: StandIn, tmp_path: Path, impatient: None
) -> None:
    server.write(90)
    trouble = iter(
        [
            Said(status=500),
            Said(b'[{"id": ', cut=3),
            Said(b"[1, 2", 200),
            Said(status=503),
            Said([1] * 99, cut=50),
        ]
        * 2
    )
    calls = iter(range(100))
    server.instead = lambda path: next(trouble, None) if next(calls) % 2 else None
    found, _ = read(server.spec, tmp_path)
    assert len(found) == 90
    assert len(set(server.asked)) < len(server.asked)


def test_a_server_that_stays_broken_leaves_what_was_read(
    server: StandIn, tmp_path: Path, impatient: None
) -> None:
    server.write(100)
    for said in (Said(status=502), Said(b"[}"), Said({"error": "x"}), Said(b"[]", cut=1)):
        server.instead = always("max_id", said)
        cut_off(server.spec, tmp_path)
    server.instead = lambda path: None
    server.asked.clear()
    assert len(read(server.spec, tmp_path)[0]) == 100
    assert server.pages_asked()[0] == f"limit=40&max_id={FIRST + 60}"  # not from the beginning


def test_a_killed_reading_is_resumed(server: StandIn, tmp_path: Path) -> None:
    server.write(200)
    reached, go = threading.Event(), threading.Event()

    def stop(path: str) -> Said | None:
        if f"max_id={FIRST + 120}" in path and not go.is_set():
            reached.set()
            go.wait(60)
        return None

    server.instead = stop
    code = (
        "import sys\nfrom pathlib import Path\nfrom popinjay import sources\nfrom "
        "popinjay.options import CollectOptions, FetchOptions\n"
        "access = sources.Access(FetchOptions(allow_local=True))\n"
        "sources.read(sys.argv[1], CollectOptions(), access).fetch(Path(sys.argv[2]), lambda "
        "author, id: False)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, server.spec, str(tmp_path)])
    assert reached.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    go.set()
    assert [query[-18:] for query in server.pages_asked()] == [
        "limit=40",
        *(str(FIRST + n) for n in (160, 120)),
    ]
    server.asked.clear()
    found, _ = read(server.spec, tmp_path)
    assert [post.id for post in found] == [str(FIRST + n) for n in range(200)]
    # the rest of the killed pass, then the newest page for later posts
    assert [query[-18:] for query in server.pages_asked()] == [
        *(str(FIRST + n) for n in (120, 80, 40)),
        str(FIRST),
        "limit=40",
    ]


# hostile answers


@pytest.mark.parametrize(
    ("link", "said"),
    [
        (
            '<http://evil.example/api/v1/accounts/1/statuses?max_id=1>; rel="next"',
            "older posts are on another server, 'evil.example'",
        ),
        ('<http://localhost/x?since_id=1>; rel="next"', "does not say where older posts begin"),
        (
            '<http://localhost/x?max_id=../../../y>; rel="next"',
            "does not say where older posts begin",
        ),
        ("<http://[>; rel=next", "does not say where older posts begin"),
    ],
)
def test_links_that_lead_elsewhere(server: StandIn, tmp_path: Path, link: str, said: str) -> None:
    server.write(3)
    server.instead = always("/statuses", lambda: Said(server.statuses, headers={"Link": link}))
    assert said in cut_off(server.spec, tmp_path)


def test_pages_without_end(
    server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "MAX_EMPTY", 10)
    server.write(40)
    place = server.address("/x")
    same = Said(server.statuses, headers={"Link": f'<{place}?max_id=7>; rel="next"'})
    server.instead = always("/statuses", lambda: same)
    assert "the same page of posts again and again" in cut_off(server.spec, tmp_path / "same")
    count = iter(range(10**6))
    server.instead = always(
        "/statuses",
        lambda: Said([], headers={"Link": f'<{place}?max_id={next(count)}>; rel="next"'}),
    )
    assert "again and again" in cut_off(server.spec, tmp_path / "empty")
    assert next(count) == 11


def test_an_answer_too_large(server: StandIn, tmp_path: Path) -> None:
    server.instead = always(
        "/statuses", lambda: Said(b"[" + b" " * (http_client.MAX_RESPONSE_BYTES + 1) + b"]")
    )
    assert "in one response" in cut_off(server.spec, tmp_path)


def test_foreign_html_becomes_plain_text(server: StandIn, tmp_path: Path) -> None:
    hostile = [
        "<script>alert(1)</script><style>p{}</style><p>one</p>",
        '<p onclick="x">two<img src=x onerror=alert(1)><iframe '
        'src="//evil.example">in</iframe></p>',
        "<p>three\u0000\ud800</p>",
        "<" * 20_000 + "four",
        "<p>" * 20_000 + "five",
        '<a href="javascript:alert(1)">six</a>',
        "&lt;script&gt;seven&lt;/script&gt;",
        "",
    ]
    server.statuses = [server.status(n, html) for n, html in enumerate(hostile)]
    found, _ = read(server.spec, tmp_path)
    assert [post.text for post in found[:3]] == ["one", "two", "three\ufffd"]
    assert [post.text[-5:] for post in found[3:5]] == ["<four", "five"]
    assert [post.text for post in found[5:]] == ["six", "<script>seven</script>", ""]


WORDS = st.text(max_size=20) | st.sampled_from(["public", "direct", "0", "..", "me", "5"])
THINGS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats() | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "content", "state", "acct", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
FIELDS = (
    "id uri visibility content reblog account in_reply_to_id in_reply_to_account_id created_at "
    "language quote poll spoiler_text"
).split()
REASONS = {
    "not readable",
    "somebody else's post",
    "boost that is not public",
    "followers-only post",
    "direct message",
    "post not for everybody",
}


@given(st.dictionaries(st.sampled_from(FIELDS), THINGS, max_size=6) | THINGS)
def test_malformed_statuses_do_no_harm(changes: Any) -> None:
    whole = {
        "id": "5",
        "visibility": "public",
        "content": "<p>x</p>",
        "reblog": None,
        "account": {"id": "me"},
        "language": "en",
    }
    read_as = status_of(
        {**whole, **changes} if isinstance(changes, dict) else changes, "me", "ada@localhost"
    )
    if isinstance(read_as, Post):
        assert read_as.id
        assert len(read_as.id) <= 520
        assert Post.from_json(json.loads(json.dumps(read_as.to_json()).encode())) == read_as
        assert not isinstance(changes, dict) or changes.get("visibility", "public") in (
            "public",
            "unlisted",
        )
    else:
        assert read_as in REASONS


def mangled(value: Any, chance: random.Random) -> Any:
    """Return the value with some of what is in it replaced by other values."""
    if chance.random() < 0.12:
        return chance.choice(
            [
                None,
                7,
                -1,
                10**400 if chance.random() < 0.1 else 2**70,
                True,
                "",
                "\x00\x1b[2J",
                "x" * 5000,
                [],
                {},
                [[]],
                {"id": []},
                "\ud83d",
            ]
        )
    if isinstance(value, dict):
        return {key: mangled(inner, chance) for key, inner in value.items()}
    return [mangled(inner, chance) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(4))
def test_wrong_types_affect_no_valid_posts(server: StandIn, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    server.write(20)
    sound = {row["id"] for row in server.statuses}
    server.statuses = [
        *server.statuses,
        *(mangled(server.status(1000 + n, f"<p>{n}</p>"), chance) for n in range(150)),
    ]
    chance.shuffle(server.statuses)
    server.instead = always("/statuses", lambda: Said(server.statuses))
    found, reading = read(server.spec, tmp_path)
    assert sound <= {post.id for post in found}
    assert sum(reading.findings.left_out.values()) > 20


@pytest.mark.parametrize("seed", range(40))
def test_malformed_profiles_and_webfinger_answers(server: StandIn, seed: int) -> None:
    chance = random.Random(seed)
    server.account |= {
        "fields": [{"name": "a", "value": "#noai"}],
        "moved": server.account_of("Bob"),
    }
    account, finger = mangled(server.account, chance), mangled(server.finger(), chance)
    server.rules = mangled([{"id": "1", "text": "No bots.", "hint": ""}], chance)
    server.terms = mangled({"content": "<p>No AI.</p>"}, chance)
    server.instead = lambda path: (
        Said(finger) if "webfinger" in path else Said(account) if "lookup" in path else None
    )
    try:
        reading = opened(server.spec)
    except (NetworkError, SpecError):
        return
    shown = [
        reading.author.handle,
        reading.author.url,
        reading.author.avatar,
        *reading.findings.notes,
    ]
    assert reading.author.handle
    assert all("\x1b" not in text and len(text) < 5000 for text in shown)


# end to end


def test_make_and_update(
    server: StandIn, tiny_gpt2: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.write(150)
    server.account["noindex"] = True
    call = [
        "make",
        server.spec,
        "--allow-local",
        "--base",
        str(tiny_gpt2),
        "--epochs",
        "0.2",
        "--batch-tokens",
        "512",
        "--samples",
        "10",
        "--whose",
        "fictional",
    ]
    assert main(call) == 0
    shown = capsys.readouterr()
    assert "(noindex)" in shown.out + shown.err
    run = popinjay.load("ada@localhost").run
    assert len(run.file("posts.jsonl").read_text(encoding="utf-8").splitlines()) == 150
    assert run.file("avatars").joinpath("ada@localhost.png").read_bytes() == PICTURE
    assert (run.file(FETCHED) / "ada@localhost" / "statuses" / "posts.jsonl").exists()
    server.asked.clear()
    said: list[Event] = []
    server.write(1, 150)
    popinjay.make(
        server.spec,
        allow_local=True,
        base=str(tiny_gpt2),
        epochs=0.2,
        batch_tokens=512,
        samples=10,
        whose="fictional",
        listener=said.append,
    )
    assert len(server.pages_asked()) == 1
    assert [
        event.message for event in said if event.stage == "fetch" and event.what is EventKind.DONE
    ] == ["151 posts of ada@localhost, 1 of them new"]


def test_each_fediverse_source_reads_only_its_own(tmp_path: Path) -> None:
    export = write_zip(tmp_path / "mastodon.zip", export_files(create("<p>one</p>")))
    assert not mastodon.matches(str(export))
    assert not mastodon_export.matches("@ada@example.social")
