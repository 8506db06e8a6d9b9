"""Tests of Bluesky accounts, against the real PLC directory and PDS from npm, on loopback."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import popinjay
from bluesky_network import Account, Network, running_network
from pixels import png
from popinjay import sources
from popinjay.cli.main import main
from popinjay.errors import NetworkError, SpecError
from popinjay.events import Event, EventKind
from popinjay.network import http_client
from popinjay.network.http_client import HttpClient
from popinjay.options import CleanOptions, CollectOptions, FetchOptions
from popinjay.post import Kind, Post
from popinjay.sources import Access, Reading
from popinjay.sources.network.mirror import Mirror
from popinjay.stages.clean import sort_out
from popinjay.stages.collect import open_specs
from popinjay.store.run import FETCHED, Run
from readings import fetch
from repositories import POST, link, tid
from servers.install import missing

REPOST, LIKE, PROFILE = "app.bsky.feed.repost", "app.bsky.feed.like", "app.bsky.actor.profile"
AI = "community.lexicon.preference.ai"
ADDRESS = "https://example.com/a/long/path/to/the/tide"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Start both servers, once for all tests of this file."""
    if why := missing():
        pytest.skip(why)
    with running_network(tmp_path_factory.mktemp("bluesky")) as network:
        yield network


@pytest.fixture(autouse=True)
def on_this_network(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in network.variables.items():
        monkeypatch.setenv(name, value)


Everything = tuple[Account, list[Post]]


@pytest.fixture(scope="module")
def ada(network: Network) -> Everything:
    """Return an account with 500 posts of all kinds, 60 reposts and more, and its posts."""
    bob, ada = network.sign_up("bob.test"), network.sign_up("ada.test")
    bob.write(
        [
            (POST, tid(n), {"$type": POST, "text": f"bob says {n}", "createdAt": stamp(n)})
            for n in range(30)
        ]
    )
    theirs = {
        "uri": f"at://{bob.did}/{POST}/{tid(1)}",
        "cid": "bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454",
    }
    picture = ada.upload(png(7), "image/png")
    ada.put(
        PROFILE,
        "self",
        {
            "$type": PROFILE,
            "displayName": "Ada 🧮 L.",
            "description": "Engines\nand tides",
            "avatar": picture,
        },
    )

    found = [of_all_kinds(n, ada.did, theirs, picture) for n in range(500)]
    ada.write([(POST, post.id, record) for post, record in found])
    ada.write(
        [
            (REPOST, tid(n), {"$type": REPOST, "subject": theirs, "createdAt": stamp(n)})
            for n in range(60)
        ]
    )
    reposts = [Post(tid(n), "ada.test", "", Kind.REPOST, stamp(n)) for n in range(60)]

    ada.write(
        [
            (POST, tid(n), {"$type": POST, "text": f"regretted {n}", "createdAt": stamp(n)})
            for n in range(600, 640)
        ]
    )
    ada.delete(POST, [tid(n) for n in range(600, 640)])
    ada.write(
        [
            (POST, tid(700), {"$type": POST, "text": 7}),
            (POST, tid(701), {"$type": POST, "createdAt": stamp(1)}),
        ]
    )
    ada.write(
        [
            (LIKE, tid(n), {"$type": LIKE, "subject": theirs, "createdAt": stamp(n)})
            for n in range(50)
        ]
    )
    ada.write(
        [
            (
                "app.bsky.graph.block",
                tid(1),
                {"$type": "app.bsky.graph.block", "subject": bob.did, "createdAt": stamp(1)},
            )
        ]
    )
    return ada, [post for post, _ in found] + reposts


def stamp(number: int) -> str:
    return f"2024-10-{1 + number // 600:02d}T{number // 60 % 24:02d}:{number % 60:02d}:00Z"


def of_all_kinds(
    n: int, did: str, theirs: dict[str, str], picture: dict[str, Any]
) -> tuple[Post, dict[str, Any]]:
    """Return a post as it is to be read, and its record."""
    text = f"the tide came in for the {n}th time, says number {n * 37}"
    post = Post(tid(n), "ada.test", text, Kind.POST, stamp(n), "en")
    record: dict[str, Any] = {"$type": POST, "text": text, "createdAt": stamp(n), "langs": ["en"]}
    own = {**theirs, "uri": f"at://{did}/{POST}/{tid(0)}"}
    images = {"$type": "app.bsky.embed.images", "images": [{"image": picture, "alt": "a gull"}]}
    quoted = {"$type": "app.bsky.embed.record", "record": theirs}
    shown = f"🧮 süß {n} example.com/a/long/pa... 灯台"
    kinds: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {}),
        ({"kind": Kind.REPLY}, {"reply": {"root": theirs, "parent": theirs}}),
        ({"kind": Kind.REPLY}, {"reply": {"root": own, "parent": theirs}}),
        ({}, {"reply": {"root": theirs, "parent": own}}),
        (
            {"text": f"🧮 süß {n} {ADDRESS} 灯台"},
            {"text": shown, "facets": [link(shown, "example.com/a/long/pa...", ADDRESS)]},
        ),
        ({"kind": Kind.QUOTE}, {"embed": quoted}),
        (
            {"kind": Kind.QUOTE},
            {
                "embed": {
                    "$type": "app.bsky.embed.recordWithMedia",
                    "record": quoted,
                    "media": images,
                }
            },
        ),
        ({"lang": None}, {"langs": ["en", "de"]}),
        (
            {"lang": "pt-BR"},
            {
                "langs": ["pt-BR"],
                "labels": {
                    "$type": "com.atproto.label.defs#selfLabels",
                    "values": [{"val": "nudity"}],
                },
            },
        ),
        ({"text": ""}, {"text": "", "embed": images}),
        (
            {"text": "gulls\n\n" + "above " * 49 + str(n)},
            {"text": "gulls\n\n" + "above " * 49 + str(n)},
        ),
        (
            {"text": f"@bob.test #{n} counts &amp; gulls", "lang": None},
            {"text": f"@bob.test #{n} counts &amp; gulls", "langs": None},
        ),
        ({"created_at": "2024-10-27T03:00:00Z"}, {"createdAt": "2024-10-27T05:00:00.123+02:00"}),
    ]
    here, there = kinds[n % len(kinds)]
    return replace(post, **here), {
        key: value for key, value in {**record, **there}.items() if value is not None
    }


def opened(
    spec: str, listener: Callable[[Event], None] = lambda event: None, **options: Any
) -> Reading:
    return sources.read(
        spec, CollectOptions(), Access(FetchOptions(allow_local=True, **options), listener)
    )


def read(folder: Path, spec: str = "ada.test", **options: Any) -> tuple[list[Post], Reading]:
    return fetch(opened(spec, **options), folder)


def lists_asked(network: Network, since: int) -> list[str]:
    return [
        line.partition("collection=")[2]
        for line in network.asked()[since:]
        if "listRecords" in line and "app.bsky" in line
    ]


# what is read


def test_all_posts_and_nothing_else_are_read(
    network: Network, ada: Everything, tmp_path: Path
) -> None:
    since = len(network.asked())
    found, reading = read(tmp_path)
    assert found == ada[1]
    assert Counter(post.kind for post in found) == {
        Kind.POST: 345,
        Kind.REPLY: 78,
        Kind.QUOTE: 77,
        Kind.REPOST: 60,
    }
    assert (reading.findings.notes, reading.findings.left_out, reading.refusal) == (
        [],
        {"record that is no post": 2},
        "",
    )
    counts = sort_out("ada.test", found, CleanOptions()).counts
    assert (counts.downloaded, counts.reposts) == (560, 60)
    asked = network.asked()[since:]
    assert not [
        line
        for line in asked
        if not line.startswith("/xrpc/com.atproto.") or "feed.like" in line or "graph.block" in line
    ]
    # Pages of a hundred records and an empty one at each end, as this server has it.
    assert len(lists_asked(network, since)) == 7 + 2


def test_the_author_and_the_picture_are_the_accounts(ada: Everything, tmp_path: Path) -> None:
    account, _ = ada
    _, reading = read(tmp_path)
    author = reading.author
    assert (author.handle, author.name, author.bio) == (
        "ada.test",
        "Ada 🧮 L.",
        "Engines\nand tides",
    )
    assert author.url == f"https://bsky.app/profile/{account.did}"
    assert reading.avatar() == png(7)


@pytest.mark.parametrize(
    "form",
    [
        "@Ada.Test",
        "bsky:ada.test",
        "{did}",
        "bsky:{did}",
        "at://{did}/app.bsky.feed.post/3k",
        "https://bsky.app/profile/{did}",
    ],
)
def test_an_account_is_the_same_however_it_is_given(ada: Everything, form: str) -> None:
    assert opened(form.format(did=ada[0].did)).author == opened("ada.test").author


def test_an_export_and_the_network_agree_post_for_post(ada: Everything, tmp_path: Path) -> None:
    export = sources.read(str(ada[0].export(tmp_path / "ada.test.car")), CollectOptions())
    by_file = list(export.posts())
    by_network, reading = read(tmp_path)
    assert by_file == by_network
    assert export.author == replace(reading.author, avatar="")  # an export has no server
    assert (export.findings.notes, export.findings.left_out, export.refusal) == (
        reading.findings.notes,
        reading.findings.left_out,
        reading.refusal,
    )


def test_keys_of_all_lengths_keep_one_order_in_both(network: Network, tmp_path: Path) -> None:
    gus = network.sign_up("gus.test")
    keys = ["3k", "2zzzzzz", "a", "B", "3kzzzz", "~", "self"]
    gus.write([(POST, key, {"$type": POST, "text": key}) for key in keys])
    found, _ = read(tmp_path, "gus.test")
    assert found == list(
        sources.read(str(gus.export(tmp_path / "gus.test.car")), CollectOptions()).posts()
    )
    assert [post.text for post in found] == sorted(keys)


# later


def test_an_update_fetches_new_posts_only(network: Network, tmp_path: Path) -> None:
    cyd = network.sign_up("cyd.test")
    cyd.write([(POST, tid(n), {"$type": POST, "text": f"number {n}"}) for n in range(350)])
    first, _ = read(tmp_path, "cyd.test")
    etag = json.loads((tmp_path / "cyd.test/posts/state.json").read_text())["etag"]
    newest = (
        f"{network.server}/xrpc/com.atproto.repo.listRecords"
        f"?repo={cyd.did}&collection={POST}&limit=100"
    )
    assert HttpClient(allow_local=True).get(newest, etag=etag).status == 304
    since = len(network.asked())
    assert read(tmp_path, "cyd.test")[0] == first
    assert len(lists_asked(network, since)) == 2  # both lists' first page
    cyd.write([(POST, tid(n), {"$type": POST, "text": f"number {n}"}) for n in range(350, 360)])
    since = len(network.asked())
    found, _ = read(tmp_path, "cyd.test")
    assert [post.text for post in found] == [f"number {n}" for n in range(360)]
    assert len(lists_asked(network, since)) == 2


def test_prune_removes_deleted_posts(network: Network, tmp_path: Path) -> None:
    eve = network.sign_up("eve.test")
    eve.write([(POST, tid(n), {"$type": POST, "text": f"number {n}"}) for n in range(150)])
    read(tmp_path, "eve.test")
    eve.delete(POST, [tid(n) for n in range(0, 150, 3)])
    assert len(read(tmp_path, "eve.test")[0]) == 150
    assert [post.text for post in read(tmp_path, "eve.test", prune=True)[0]] == [
        f"number {n}" for n in range(150) if n % 3
    ]


def test_a_killed_server_loses_nothing_that_was_read(
    network: Network, ada: Everything, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "FIRST_WAIT", 0.01)

    def strike(event: Event) -> None:
        if (
            event.what is EventKind.PROGRESS and event.unit == "posts" and event.done == 198
        ):  # after two pages: two records are no posts
            network.kill()

    try:
        with pytest.raises(NetworkError, match="localhost:") as caught:
            opened("ada.test", strike).fetch(tmp_path, lambda author, id: False)
    finally:
        network.start()
    assert "kept" in caught.value.hint
    assert sum(1 for _ in Mirror(tmp_path / "ada.test" / "posts", 1).posts()) == 198
    found, _ = read(tmp_path)
    # Of this run of the server: the rest, then what is newer, then the reposts.
    assert len(lists_asked(network, 0)) == 5 + 1 + 2
    assert found == ada[1]
    whole, again = opened("ada.test"), opened("ada.test")
    whole.fetch(tmp_path / "undisturbed", lambda author, id: False)
    again.fetch(tmp_path, lambda author, id: False)
    assert whole.fingerprint() == again.fingerprint()
    assert (whole.findings, list(whole.posts())) == (again.findings, list(again.posts()))


# declarations of the author, and the state of the account


def test_a_refusal_binds_all_users_but_the_author(
    network: Network, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kit = network.sign_up("kit.test")
    kit.write(
        [
            (
                POST,
                tid(n),
                {
                    "$type": POST,
                    "text": f"number {n} counts {n * 37} gulls and {n * 13} engines near the river",
                },
            )
            for n in range(300)
        ]
    )
    kit.put(
        AI,
        "self",
        {
            "$type": AI,
            "scope": {"$type": f"{AI}#globalScope"},
            "preferences": {"training": {"allow": False}},
        },
    )
    since = len(network.asked())
    assert main(["make", "kit.test", "--allow-local", "--whose", "public-figure"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"kit.test says no to training models on these posts ({AI}/self)." in said
    assert lists_asked(network, since) == []
    assert list(own_home.glob("kit*")) == []
    own = open_specs(["kit.test"], CollectOptions(), Access(FetchOptions(allow_local=True)))
    own.heed("self")
    note = (
        f"The author's record {AI}/self about AI says no to training. "
        "The refusal applies to everyone but the author."
    )
    assert own.readings[0].findings.notes == [note]
    export = kit.export(own_home / "kit.test.car")
    with pytest.raises(SpecError, match=r"kit\.test says no to training"):
        popinjay.make(export, name="other", whose="permission")


def test_restricted_accounts_and_bots_are_reported(network: Network) -> None:
    roy = network.sign_up("roy.test")
    labels = {
        "$type": "com.atproto.label.defs#selfLabels",
        "values": [{"val": "!no-unauthenticated"}, {"val": "bot"}],
    }
    roy.put(PROFILE, "self", {"$type": PROFILE, "labels": labels})
    reading = opened("roy.test")
    assert reading.refusal == (
        "roy.test asks that these posts be shown only to users who are signed in "
        "(the profile's label !no-unauthenticated)."
    )
    assert [note.partition(".")[0] for note in reading.findings.notes] == [
        "The profile says that this account is a bot",
        "The profile asks that posts be shown only to users who are signed in "
        "(!no-unauthenticated)",
    ]


def test_a_deleted_account_leaves_what_was_read(network: Network, tmp_path: Path) -> None:
    lee = network.sign_up("lee.test")
    lee.write([(POST, tid(n), {"$type": POST, "text": f"number {n}"}) for n in range(30)])
    found, reading = read(tmp_path, "lee.test")

    def refused() -> str:
        with pytest.raises(NetworkError) as caught:
            opened(lee.did)
        assert caught.value.hint == "What was read before is kept."
        with pytest.raises(NetworkError):  # it went away while it was read
            reading.fetch(tmp_path, lambda author, id: False)
        assert list(reading.posts()) == found
        return caught.value.message.removesuffix(".")

    network.take_down(lee)
    assert refused().endswith("has been taken down by its server")
    network.take_down(lee, applied=False)
    lee.call("com.atproto.server.deactivateAccount", {})
    assert refused().endswith("is deactivated")
    lee.call("com.atproto.server.activateAccount")
    assert read(tmp_path, "lee.test")[0] == found


def test_a_new_handle_is_another_name_for_the_same_account(network: Network) -> None:
    mia = network.sign_up("mia.test")
    mia.call("com.atproto.identity.updateHandle", {"handle": "mira.test"})
    assert opened(mia.did).author.handle == "mira.test"
    with pytest.raises(SpecError, match=r"There is no Bluesky account mia\.test"):
        opened("mia.test")


def test_servers_on_this_machine_need_permission(network: Network, ada: Everything) -> None:
    since = len(network.asked())
    with pytest.raises(NetworkError) as caught:
        sources.read("ada.test", CollectOptions())
    assert "--allow-local" in caught.value.hint
    assert len(network.asked()) == since


# end to end


def test_a_persona_is_made_from_a_handle(
    network: Network,
    ada: Everything,
    tiny_gpt2: Path,
    own_home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = [
        "make",
        "ada.test",
        "--allow-local",
        "--whose",
        "fictional",
        "--base",
        str(tiny_gpt2),
        "--epochs",
        "0.2",
        "--samples",
        "10",
        "--batch-tokens",
        "512",
    ]
    assert main(command) == 0
    run = Run.find("ada.test", None)
    authors = json.loads(run.file("authors.json").read_text())
    assert [(row["handle"], row["posts"], row["left_out"]) for row in authors] == [
        ("ada.test", 560, {"record that is no post": 2})
    ]
    assert run.file("avatars").joinpath("ada.test.png").read_bytes() == png(7)
    capsys.readouterr()
    assert main(["say", "ada.test", "-n", "2"]) == 0
    assert capsys.readouterr().out.strip()
    before = {
        path: path.stat().st_mtime_ns
        for path in run.path.rglob("*")
        if path.is_file() and FETCHED not in path.parts
    }
    assert main(command) == 0
    after = {
        path: path.stat().st_mtime_ns
        for path in run.path.rglob("*")
        if path.is_file() and FETCHED not in path.parts
    }
    assert {path for path in after if before.get(path) != after[path]} <= {
        run.path / "run.json",
        run.path / "run.toml",
    }
