"""Tests of what all network accounts share, from `make` to `forget`, on a source made up here."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import popinjay
from personas import holding, rows
from popinjay import sources
from popinjay.cli.main import main
from popinjay.errors import NetworkError, SpecError
from popinjay.events import Event, EventKind
from popinjay.forgetting.forget import forget
from popinjay.options import CollectOptions
from popinjay.pipeline import inspect
from popinjay.post import Author, Kind, Post
from popinjay.sources import Access, registry
from popinjay.sources.network.account import AccountReading
from popinjay.sources.network.mirror import Page, Pages
from popinjay.store.run import FETCHED, Run, State
from popinjay.store.stage_table import stage_named

QUICK: dict[str, Any] = {"epochs": 0.2, "batch_tokens": 512, "samples": 10}


class Network:
    """One account of a network in memory, with the events that a test wants."""

    def __init__(self) -> None:
        self.posts = {
            f"{n:04d}": f"number {n} counts {n * 37} engines and {n * 13} gulls near the old river"
            for n in range(200)
        }
        self.refusal = ""
        self.bio = "counts engines"
        self.cut_after: int | None = None
        self.pages = 0
        self.opened = 0


class Account(AccountReading):
    """The source that reads that account."""

    def __init__(self, network: Network, access: Access) -> None:
        super().__init__(Author("ada@example.social", "Ada", network.bio), access.client(), access)
        self.network = network
        self.refusal = network.refusal
        network.opened += 1

    def lists(self) -> Mapping[str, Pages]:
        return {"posts": self._pages}

    def _pages(self, cursor: str | None, etag: str) -> Iterator[Page]:
        network = self.network
        while True:
            if network.cut_after is not None and network.pages >= network.cut_after:
                raise NetworkError("The network is gone.", "Try again later.")
            network.pages += 1
            there = sorted(
                (id for id in network.posts if cursor is None or id < cursor), reverse=True
            )[:20]
            cursor = there[-1] if len(there) == 20 else None
            posts = (
                Post(
                    id,
                    self.author.handle,
                    network.posts[id],
                    Kind.REPOST if int(id) % 50 == 7 else Kind.POST,
                )
                for id in there
            )
            yield Page(tuple(posts), cursor)
            if cursor is None:
                return


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """Return the network, and register the source that reads it: the spec is `net:ada`."""
    there = Network()
    module: Any = ModuleType("source_of_this_test")
    module.NAME, module.HELP, module.NEEDS = "Net", "net:ada", "a network"
    module.matches = lambda spec: spec == "net:ada"
    module.read = lambda spec, options, access: Account(there, access)
    monkeypatch.setitem(sys.modules, "source_of_this_test", module)
    monkeypatch.setattr(registry, "BUILT_IN", (*registry.BUILT_IN, "source_of_this_test"))
    return there


@pytest.fixture
def quick(tiny_gpt2: Path) -> dict[str, Any]:
    """Return options of a make that is over soon."""
    return {**QUICK, "base": str(tiny_gpt2)}


@pytest.fixture
def unlearnt(monkeypatch: pytest.MonkeyPatch) -> None:
    """End a make after the first stage: these tests are about what was read, not learnt."""
    monkeypatch.setattr("popinjay.pipeline.learn", lambda run, options, listener, ask: None)


def test_a_second_make_is_fresh_and_a_third_reads_new_posts_only(
    network: Network, quick: dict[str, Any]
) -> None:
    said: list[Event] = []
    run = popinjay.make("net:ada", listener=said.append, **quick).run
    assert run.name == "ada@example.social"
    assert [row["id"] for row in rows(run, "posts.jsonl")] == sorted(network.posts)
    assert sum(row["kind"] == "repost" for row in rows(run, "posts.jsonl")) == 4
    assert [
        event.message for event in said if event.stage == "fetch" and event.what is EventKind.DONE
    ] == ["200 posts of ada@example.social"]
    model = run.record.stages["train"].makes
    network.pages = 0
    said.clear()
    popinjay.make("net:ada", listener=said.append, **quick)
    assert network.pages == 1
    assert {event.stage for event in said if event.what is EventKind.FRESH} >= {
        "collect",
        "clean",
        "dataset",
        "train",
        "evaluate",
        "card",
    }
    network.posts["0200"] = "a new one about the engines of the river and its gulls"
    network.pages = 0
    popinjay.make("net:ada", **quick)
    again = Run(run.path)
    assert network.pages == 1
    assert rows(again, "posts.jsonl")[-1]["text"] == network.posts["0200"]
    assert again.record.stages["train"].makes != model


@pytest.mark.usefixtures("unlearnt")
def test_an_interrupted_reading_is_resumed(
    network: Network, quick: dict[str, Any], own_home: Path
) -> None:
    network.cut_after = 4
    with pytest.raises(NetworkError):
        popinjay.make("net:ada", **quick)
    run = Run.find("ada@example.social", own_home)
    assert run.state(stage_named("collect")) is State.MISSING
    assert holding(run, network.posts["0150"]) == ["posts.jsonl"]
    assert holding(run, network.posts["0050"]) == []
    network.cut_after = None
    network.pages = 0
    popinjay.make("net:ada", **quick)
    assert network.pages == 10 - 4 + 1 + 1
    assert [row["id"] for row in rows(run, "posts.jsonl")] == sorted(network.posts)


def test_an_unreachable_network_leaves_the_persona_unchanged(
    network: Network, quick: dict[str, Any]
) -> None:
    run = popinjay.make("net:ada", **quick).run
    network.cut_after = 0
    with pytest.raises(NetworkError):
        popinjay.make("net:ada", **quick)
    again = Run(run.path)
    assert all(
        again.state(stage_named(name)) is State.FRESH for name in ("collect", "train", "card")
    )
    assert popinjay.load(run.name).say(n=1) is not None


@pytest.mark.usefixtures("unlearnt")
def test_prune_removes_deleted_posts(network: Network, quick: dict[str, Any]) -> None:
    run = popinjay.make("net:ada", **quick).run
    gone = network.posts.pop("0100")
    popinjay.make("net:ada", **quick)
    assert holding(run, gone)
    said: list[Event] = []
    popinjay.make("net:ada", prune=True, listener=said.append, **quick)
    assert holding(run, gone) == []
    assert holding(run, "0100") == []
    assert "199 posts of ada@example.social, 1 deleted there and removed here" in [
        event.message for event in said
    ]


def test_a_changed_profile_updates_the_card_without_training(
    network: Network, quick: dict[str, Any]
) -> None:
    run = popinjay.make("net:ada", **quick).run
    network.bio = "counts gulls"
    said: list[Event] = []
    popinjay.make("net:ada", listener=said.append, **quick)
    assert json.loads(run.file("authors.json").read_text())[0]["bio"] == "counts gulls"
    assert "train" in {event.stage for event in said if event.what is EventKind.FRESH}


@pytest.mark.usefixtures("unlearnt")
def test_a_refusal_binds_all_users_but_its_author(
    network: Network, quick: dict[str, Any], own_home: Path
) -> None:
    network.refusal = "Ada has said no to being learnt from."
    for whose in (None, "permission", "public-figure", "fictional"):
        with pytest.raises(SpecError, match="Ada has said no") as raised:
            popinjay.make("net:ada", whose=whose, **quick)
        assert "say whose='self'" in raised.value.hint
    assert not list(own_home.glob("*/fetched"))
    assert network.pages == 0
    assert popinjay.make("net:ada", whose="self", **quick).run.record.asked.whose == "self"


def test_inspect_shows_everything_and_stores_nothing(
    network: Network, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network.refusal = "Ada has said no to being learnt from."
    found = inspect("net:ada")[0]
    assert (found.result.counts.downloaded, found.result.counts.reposts, found.refusal) == (
        200,
        4,
        network.refusal,
    )
    assert main(["inspect", "net:ada"]) == 0
    assert (
        "popinjay make refuses this unless the posts are your own: Ada has said no"
        in capsys.readouterr().out
    )
    assert not own_home.exists() or not list(own_home.rglob("*.jsonl"))


# forgetting


@pytest.mark.usefixtures("unlearnt")
def test_a_forgotten_post_is_removed_from_the_mirror_for_good(
    network: Network, quick: dict[str, Any]
) -> None:
    run = popinjay.make("net:ada", **quick).run
    text = network.posts["0190"]
    assert forget(run, ["0190"]).removed[FETCHED] == 1
    assert holding(run, text) == []
    popinjay.make("net:ada", **quick)
    assert holding(run, text) == []
    popinjay.make("net:ada", prune=True, **quick)
    assert holding(run, text) == []
    assert len(rows(run, "posts.jsonl")) == 199


@pytest.mark.usefixtures("unlearnt")
def test_forgetting_halfway_through_a_reading(network: Network, quick: dict[str, Any]) -> None:
    run = popinjay.make("net:ada", **quick).run
    network.posts |= {
        f"{n:04d}": f"later number {n} counts {n * 31} lamps" for n in range(200, 300)
    }
    network.cut_after, network.pages = 2, 0
    with pytest.raises(NetworkError):
        popinjay.make("net:ada", **quick)
    forget(Run(run.path), ["0150"])
    network.cut_after = None
    popinjay.make("net:ada", **quick)
    assert [row["id"] for row in rows(run, "posts.jsonl")] == [
        id for id in sorted(network.posts) if id != "0150"
    ]


@pytest.mark.usefixtures("unlearnt")
def test_a_forgotten_author_is_not_read_any_more(
    network: Network, quick: dict[str, Any], ada: Path
) -> None:
    run = popinjay.make("net:ada", ada, name="both", **quick).run
    forget(run, authors=["ada@example.social"])
    assert not list(run.file(FETCHED).iterdir())
    network.pages = 0
    popinjay.make("net:ada", ada, name="both", **quick)
    assert network.pages == 0
    assert {row["author"] for row in rows(run, "posts.jsonl")} == {"ada_l"}


# hints


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ("@ada", "ada.bsky.social (Bluesky) or @ada@SERVER (Mastodon)"),
        ("ada@example.social", "Did you mean the account @ada@example.social?"),
        ("bluesky:ada.example", "Did you mean bsky:ada.example?"),
        ("x.com/ada", "your own archive is free"),
        ("https://twitter.com/ada/status/1", "or x:@ada if you pay"),
        ("https://www.threads.net/@ada", "Threads can't be read"),
        ("example.social/@ada", "Did you mean https://example.social/@ada?"),
        ("https://example.social/about", "looks like https://example.social/@ada"),
        ("nothing-like-it", "Popinjay reads: Mastodon export"),
    ],
)
def test_an_unknown_spec_gets_the_nearest_hint(spec: str, meant: str) -> None:
    with pytest.raises(SpecError, match="There is no file, folder or account") as raised:
        sources.read(spec, CollectOptions())
    assert meant in raised.value.hint


def test_a_mistyped_file_name_gets_a_hint(tmp_path: Path) -> None:
    (tmp_path / "twitter-2024-ada.zip").touch()
    with pytest.raises(SpecError) as raised:
        sources.read(str(tmp_path / "twitter-2024-aad.zip"), CollectOptions())
    assert raised.value.hint == f"Did you mean {tmp_path / 'twitter-2024-ada.zip'}?"


def test_popinjay_sources_lists_all_sources_with_their_needs(
    network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sources"]) == 0
    shown = capsys.readouterr().out
    assert main(["sources", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["sources"]
    assert {"name": "Net", "give": "net:ada", "needs": "a network"} in listed
    assert {
        "name": "X archive",
        "give": "the zip from x.com/settings/download_your_data, or its folder",
        "needs": None,
    } in listed
    assert all(one["name"] in shown for one in listed)
