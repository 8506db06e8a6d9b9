"""How fast posts are read over networks, beside the raw transfer of the same bytes.

Run: python bench/networks.py [--posts 5000] [--pairs 7] [--only bluesky]

Popinjay looks the account up, reads every page, makes posts of it and keeps them so that no page is lost by a power cut (two fsyncs a page).
What it is held against asks the same server for the same addresses, over one connection as well, and drops what it gets unread. Both wait
for the server, which is on this machine, so that what it needs is in both; over a real network it would be most of the time.
"""

from __future__ import annotations

import argparse
import http.client
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode, urlsplit

from pairs import in_turns, show_pairs
from popinjay import sources
from popinjay.options import CollectOptions, FetchOptions
from popinjay.sources import Access
from popinjay.sources.network.http_client import USER_AGENT, HttpClient

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))


@dataclass(frozen=True)
class Account:
    """An account on a server that is running, and what tells popinjay of it."""

    spec: str
    variables: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)  # of FetchOptions
    most: int = sys.maxsize  # posts that such a network hands out


Serve = Callable[
    [int, Path], AbstractContextManager[Account | str]
]  # posts and folder; a text says why there is none


@contextmanager
def bluesky(posts: int, folder: Path) -> Iterator[Account | str]:
    """A real PDS and PLC directory."""
    from bluesky_network import Network
    from repositories import bsky_post
    from servers.install import missing

    if why := missing():
        yield why
        return
    network = Network(folder)
    try:
        network.start()
        ada = network.sign_up("ada.test")
        written = [
            bsky_post(
                f"the tide came in for the {n}th time, and number {n * 37} of the gulls over the pier was not amused",
                n,
            )
            for n in range(posts)
        ]
        ada.write([(*path.split("/"), record) for path, record in written])
        yield Account("ada.test", network.variables)
    finally:
        network.stop()


@contextmanager
def mastodon(posts: int, folder: Path) -> Iterator[Account | str]:
    """A stand-in of ours: the one real server that is small enough, snac2, gives 256 posts of an account and no more."""
    from mastodon_standin import StandIn

    server = StandIn()
    try:
        server.write(posts)
        yield Account(server.spec)
    finally:
        server.close()


@contextmanager
def x_api(posts: int, folder: Path) -> Iterator[Account | str]:
    """A stand-in of ours, as X itself costs; it hands out no more than X does."""
    from archives import posts as tweets
    from x_api_standin import KEY, XStandIn, post

    server = XStandIn()
    server.posts = [post(item) for item in tweets(posts)]
    try:
        yield Account(
            "x:ada_l",
            {"X_BEARER_TOKEN": KEY, "POPINJAY_X_API": server.address},
            {"i_have_the_right": True},
            most=server.cap,
        )
    finally:
        server.close()


SERVERS: dict[str, tuple[str, Serve]] = {  # a row a network
    "bluesky": ("Bluesky (a real PDS)", bluesky),
    "mastodon": ("Mastodon (a stand-in of ours)", mastodon),
    "x": ("X API (a stand-in of ours)", x_api),
}


def read_all(account: Account) -> int:
    """Read the account into a folder that is new; how many posts there are."""
    access = Access(FetchOptions(allow_local=True, **account.options))
    with tempfile.TemporaryDirectory() as folder:
        reading = sources.read(account.spec, CollectOptions(), access)
        reading.fetch(Path(folder), lambda author, id: False)
        return sum(1 for _ in reading.posts())


def addresses_of(account: Account) -> list[tuple[str, dict[str, str]]]:
    """Every address that is asked for the account, with the headers that are sent along."""
    asked: list[tuple[str, dict[str, str]]] = []
    get = HttpClient.get

    def remember(
        self: HttpClient, address: str, query: Mapping[str, str] | None = None, **how: Any
    ) -> Any:
        asked.append(
            (f"{address}?{urlencode(query)}" if query else address, dict(how.get("headers") or {}))
        )
        return get(self, address, query, **how)

    HttpClient.get = remember  # type: ignore[method-assign]
    try:
        read_all(account)
    finally:
        HttpClient.get = get  # type: ignore[method-assign]
    return asked


def transfer(asked: list[tuple[str, dict[str, str]]]) -> int:
    """Ask for the same, one connection a host, and drop it; how many bytes that were."""
    connections: dict[str, http.client.HTTPConnection] = {}
    size = 0
    try:
        for address, headers in asked:
            place = urlsplit(address)
            connection = connections.setdefault(
                place.netloc, http.client.HTTPConnection(place.netloc)
            )
            path = f"{place.path}?{place.query}" if place.query else place.path
            connection.request(
                "GET",
                path,
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", **headers},
            )
            size += len(connection.getresponse().read())
    finally:
        for connection in connections.values():
            connection.close()
    return size


def show_speed(name: str, account: Account, posts: int, pairs: int) -> None:
    """Time both and show it."""
    posts, asked = min(posts, account.most), addresses_of(account)
    assert read_all(account) == posts
    size = transfer(asked)
    print(f"{name}: {posts:,} posts, {len(asked)} requests, {size / 2**20:.1f} MB as sent")
    times = in_turns(partial(read_all, account), partial(transfer, asked), pairs)
    rates = (f"{posts / median(seconds):,.0f}" for seconds in zip(*times, strict=True))
    show_pairs(
        times,
        "popinjay",
        "the raw transfer",
        list(
            zip(
                ("popinjay, posts a second", "the raw transfer, posts a second"), rates, strict=True
            )
        ),
    )
    print()


def main() -> None:
    """Show every network that can be had here."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=5_000)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--only", choices=sorted(SERVERS))
    args = parser.parse_args()
    for key in [args.only] if args.only else SERVERS:
        name, serve = SERVERS[key]
        with tempfile.TemporaryDirectory() as folder, serve(args.posts, Path(folder)) as account:
            if isinstance(account, str):
                print(f"{name}: {account}\n")
                continue
            os.environ.update(account.variables)
            show_speed(name, account, args.posts, args.pairs)


if __name__ == "__main__":
    main()
