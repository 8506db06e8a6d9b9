"""Kills of a bot that posts: each approved draft stands on the server exactly once.

A child process posts and is killed by SIGKILL at random moments. Answers are lost, servers fail,
ask to wait, are killed and start again. The child's clock jumps, and the server's does not.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

import pytest

from bluesky_network import Account, Network, running_network
from mastodon_posting_standin import MastodonProcess
from popinjay.bots.bot_settings import keep
from popinjay.store.post_queue import DraftState, Queue
from popinjay.store.run import Run
from posting_accounts import app_password, bluesky_variables, mastodon_variables
from posting_child import post_all
from queued_persona import put_drafts, put_queued_persona
from servers.install import missing

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs signals")

DRAFTS = 4  # that are approved before each kill
LONGEST = 0.8  # seconds that a child posts before it is killed
SENDING = 0.03  # the same for every second child, from when it is seen to send
FAULTS = ("lost", "lost", "broken", "down", "limited", "gateway", "")


class Server(Protocol):
    """A server that can be disturbed."""

    @property
    def variables(self) -> Mapping[str, str]: ...

    def texts(self) -> list[str]: ...

    def disturb(self, chance: random.Random) -> None: ...

    def kill(self) -> None: ...

    def start(self) -> None: ...


class MastodonServer:
    """The stand-in, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._process = MastodonProcess(folder)
        self._process.start()
        self.variables = mastodon_variables(self._process)
        self.kill = self._process.kill
        self.start = self._process.start

    def texts(self) -> list[str]:
        return self._process.texts

    def disturb(self, chance: random.Random) -> None:
        """Have the next requests to post fail in some way, before or after they have posted."""
        faults = [chance.choice(FAULTS) for _ in range(chance.randrange(6))]
        self._process.change(faults=faults, pause=0.1)


class BlueskyServer:
    """The real PDS."""

    def __init__(self, network: Network, account: Account) -> None:
        self._network, self._account = network, account
        self.variables = bluesky_variables(account, app_password(account))
        self.kill, self.start = network.kill, network.start

    def texts(self) -> list[str]:
        found: list[str] = []
        more = {"limit": "100"}
        while True:
            answer = self._network.get(
                "com.atproto.repo.listRecords",
                repo=self._account.did,
                collection="app.bsky.feed.post",
                **more,
            )
            page = json.loads(answer)
            found += [row["value"]["text"] for row in page["records"]]
            if not page.get("cursor") or not page["records"]:
                return found
            more["cursor"] = page["cursor"]

    def disturb(self, chance: random.Random) -> None:
        """It fails only by being killed."""


@pytest.fixture
def mastodon(tmp_path: Path) -> Iterator[MastodonServer]:
    server = MastodonServer(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def bluesky(tmp_path: Path) -> Iterator[BlueskyServer]:
    if why := missing():
        pytest.skip(why)
    with running_network(tmp_path) as network:
        yield BlueskyServer(network, network.sign_up("ada.test"))


def campaign(server: Server, run: Run, kills: int, seed: int) -> Counter[str]:
    """Kill so many children while they post, and return in which states they left drafts."""
    chance = random.Random(seed)
    left: Counter[str] = Counter()
    with Queue(run) as queue:
        keep(queue, {"every": "1h", "quiet_hours": "none", "jitter": "0m"})
    for number in range(kills):
        put_drafts(run, *(f"Gull {number} of {n} has counted." for n in range(DRAFTS)))
        server.disturb(chance)
        is_killed = chance.random() < 0.1
        child = _child(server, run)
        if chance.random() < 0.5:
            _await_sending(run, child)
            time.sleep(SENDING * chance.random())
        else:
            time.sleep(LONGEST * chance.random())
        if is_killed:
            server.kill()
            time.sleep(0.2 * chance.random())
        child.kill()
        child.join()
        if is_killed:
            server.start()
        with Queue(run) as queue:
            left.update(str(draft.state) for draft in queue.drafts(DraftState.SENDING))
    last = _child(server, run)
    last.join()
    assert last.exitcode == 0
    return left


def _child(server: Server, run: Run) -> BaseProcess:
    """Return a process that has begun to post: a fork of one with all imports."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["posting_child", "popinjay.bots.accounts", "urllib3"])
    here, there = forks.Pipe(duplex=False)
    child = forks.Process(target=post_all, args=(run.path, server.variables, there))
    child.start()
    there.close()
    assert here.recv() == "begun"
    here.close()
    return child


def _await_sending(run: Run, child: BaseProcess) -> None:
    """Wait until the queue says that something is being sent, or the child has ended."""
    with Queue(run) as queue:
        while child.is_alive() and not queue.drafts(DraftState.SENDING):
            time.sleep(0.001)


def check(server: Server, run: Run) -> None:
    """Raise AssertionError unless each draft stands there exactly once, and is recorded so."""
    with Queue(run) as queue:
        drafts = queue.drafts()
    assert {draft.state for draft in drafts} == {DraftState.POSTED}
    assert Counter(server.texts()) == Counter(draft.text for draft in drafts)
    assert len({draft.uri for draft in drafts}) == len(drafts)


def test_six_kills_lose_and_double_nothing(mastodon: MastodonServer, own_home: Path) -> None:
    run = put_queued_persona(own_home)
    campaign(mastodon, run, 6, seed=1)
    check(mastodon, run)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("network", ["mastodon", "bluesky"])
def test_a_hundred_kills_on_each_network(
    network: str,
    own_home: Path,
    kills: int,
    seed: int,
    record_property: Callable[[str, object], None],
    request: pytest.FixtureRequest,
) -> None:
    """On a stand-in for Mastodon and the real Bluesky server."""
    server: Server = request.getfixturevalue(network)
    run, begun = put_queued_persona(own_home), time.monotonic()
    left = campaign(server, run, kills // 2, seed)
    check(server, run)
    _report(record_property, f"bot on {network}", kills // 2, begun)
    assert left["sending"] > 0  # some were killed at the moment that matters


def _report(record: Callable[[str, object], None], command: str, kills: int, begun: float) -> None:
    """Add a line to the table of kills."""
    for name, value in {
        "command": command,
        "kills": kills,
        "recovered": kills,
        "seconds": time.monotonic() - begun,
    }.items():
        record(name, value)
