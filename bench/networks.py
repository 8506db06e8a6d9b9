"""Measure how fast posts are read from networks, beside the raw transfer of the same bytes.

    python bench/networks.py [--posts 5000] [--pairs 7] [--only bluesky]

Popinjay looks the account up, reads every page, builds posts and saves them durably (two fsyncs a
page). The baseline requests the same addresses from the same server, also over one connection, and
drops the responses unread. Both wait for the server, which runs on this machine, so its time counts
in both; over a real network it would be most of the time.
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
from popinjay.network.http_client import USER_AGENT, HttpClient
from popinjay.options import CollectOptions, FetchOptions
from popinjay.sources import Access

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))


_TEXT = (
    "the tide came in for the {}th time, and number {} of the gulls over the pier was not amused"
)


@dataclass(frozen=True)
class Account:
    """An account on a running server, and what popinjay needs to read it."""

    spec: str
    variables: Mapping[str, str] = field(default_factory=dict)  # of the environment
    options: Mapping[str, Any] = field(default_factory=dict)  # of FetchOptions
    max_posts: int = sys.maxsize  # that the network returns


# Takes the number of posts and a folder; yields the reason as text if there can be no server.
Serve = Callable[[int, Path], AbstractContextManager[Account | str]]


@contextmanager
def bluesky(posts: int, folder: Path) -> Iterator[Account | str]:
    """Run a real PDS and PLC directory."""
    from bluesky_network import running_network
    from repositories import bsky_post
    from servers.install import missing

    if why := missing():
        yield why
        return
    with running_network(folder) as network:
        ada = network.sign_up("ada.test")
        ada.write([_record(*bsky_post(_TEXT.format(n, n * 37), n)) for n in range(posts)])
        yield Account("ada.test", network.variables)


def _record(path: str, record: Mapping[str, Any]) -> tuple[str, str, Mapping[str, Any]]:
    """Split a record's path into its collection and key."""
    collection, key = path.split("/")
    return collection, key, record


@contextmanager
def mastodon(posts: int, folder: Path) -> Iterator[Account | str]:
    """Run our fake server: the only real one that is small enough, snac2, returns 256 posts."""
    from mastodon_standin import StandIn

    server = StandIn()
    try:
        server.write(posts)
        yield Account(server.spec)
    finally:
        server.close()


@contextmanager
def x_api(posts: int, folder: Path) -> Iterator[Account | str]:
    """Run our fake server, since X itself charges for reads; it returns no more than X does."""
    from archives import posts as tweets
    from x_api_standin import KEY, XStandIn, post

    server = XStandIn()
    server.posts = [post(item) for item in tweets(posts)]
    try:
        yield Account(
            "x:ada_l",
            {"X_BEARER_TOKEN": KEY, "POPINJAY_X_API": server.address},
            {"i_have_the_right": True},
            max_posts=server.cap,
        )
    finally:
        server.close()


SERVERS: dict[str, tuple[str, Serve]] = {
    "bluesky": ("Bluesky (a real PDS)", bluesky),
    "mastodon": ("Mastodon (our fake server)", mastodon),
    "x": ("X API (our fake server)", x_api),
}


def read_all(account: Account) -> int:
    """Read the account into a new folder and return how many posts there are."""
    access = Access(FetchOptions(allow_local=True, **account.options))
    with tempfile.TemporaryDirectory() as folder:
        reading = sources.read(account.spec, CollectOptions(), access)
        reading.fetch(Path(folder), lambda author, id: False)
        return sum(1 for _ in reading.posts())


def addresses_of(account: Account) -> list[tuple[str, dict[str, str]]]:
    """Return every address requested for the account, with the headers of its request."""
    requests: list[tuple[str, dict[str, str]]] = []
    get = HttpClient.get

    def record(
        self: HttpClient, address: str, query: Mapping[str, str] | None = None, **options: Any
    ) -> Any:
        headers = dict(options.get("headers") or {})
        requests.append((f"{address}?{urlencode(query)}" if query else address, headers))
        return get(self, address, query, **options)

    HttpClient.get = record  # type: ignore[method-assign, assignment]
    try:
        read_all(account)
    finally:
        HttpClient.get = get  # type: ignore[method-assign]
    return requests


def transfer(requests: list[tuple[str, dict[str, str]]]) -> int:
    """Make the same requests, one connection for each host; return the number of bytes read."""
    connections: dict[str, http.client.HTTPConnection] = {}
    size = 0
    try:
        for address, headers in requests:
            url = urlsplit(address)
            connection = connections.setdefault(url.netloc, http.client.HTTPConnection(url.netloc))
            path = f"{url.path}?{url.query}" if url.query else url.path
            usual = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"}
            connection.request("GET", path, headers={**usual, **headers})
            size += len(connection.getresponse().read())
    finally:
        for connection in connections.values():
            connection.close()
    return size


def show_speed(name: str, account: Account, posts: int, pairs: int) -> None:
    """Time both in turns and print the result."""
    posts = min(posts, account.max_posts)
    requests = addresses_of(account)
    assert read_all(account) == posts
    size = transfer(requests)
    print(f"{name}: {posts:,} posts, {len(requests)} requests, {size / 2**20:.1f} MB as sent")
    times = in_turns(partial(read_all, account), partial(transfer, requests), pairs)
    rates = (f"{posts / median(seconds):,.0f}" for seconds in zip(*times, strict=True))
    labels = ("popinjay, posts a second", "the raw transfer, posts a second")
    show_pairs(times, "popinjay", "the raw transfer", list(zip(labels, rates, strict=True)))
    print()


def main() -> None:
    """Measure every network whose server can run here."""
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
