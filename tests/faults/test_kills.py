"""Killed anywhere, each command goes on or starts anew, and leaves what it would have left undisturbed."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import children
import pytest
from campaign import Campaign, Command, Figures
from snapshots import differences
from workshop import NAME, Place, Workshop

pytestmark = [
    pytest.mark.slow,
    pytest.mark.draws,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.name != "posix", reason="needs fork"),
]


def words(*given: str) -> Callable[[Workshop, Place], children.Step]:
    """The work of a command of these words; PUBLISHED among them stands for the folder to publish into."""

    def work(shop: Workshop, place: Place) -> children.Step:
        named = [str(place.published) if word == "PUBLISHED" else word for word in given]
        return children.command(place.home, *named)

    return work


def making(*more: str) -> Callable[[Workshop, Place], children.Step]:
    """The work of making the persona."""
    return lambda shop, place: children.command(place.home, *shop.make(*more))


def replacing(shop: Workshop, place: Place) -> children.Step:
    """The work of making another's persona in its place."""
    given = [str(shop.other) if word == str(shop.archive) else word for word in shop.make("--replace")]
    return children.command(place.home, *given)


def forgetting(*more: str) -> Callable[[Workshop, Place], children.Step]:
    """The work of forgetting the first two posts that it learnt from."""

    def work(shop: Workshop, place: Place) -> children.Step:
        first, second = shop.ids()[:2]
        return children.command(place.home, "forget", NAME, "--post", first, "--post", second, "--yes", *more)

    return work


KEPT = 4  # posts that are kept while the page's server is killed


def acknowledged(place: Place) -> Path:
    """The file of what the server said that it has kept, outside of its home."""
    return place.path.with_name(f"{place.path.name}-acknowledged")


def keeping(shop: Workshop, place: Place) -> children.Step:
    """The work of the page's server that is asked to keep posts, those that it does not have yet."""

    def work() -> None:
        from serving import served

        with served(place.home) as client:
            there = {row.get("seed") for row in client.get(f"/api/personas/{NAME}/kept")["kept"]}
            for seed in range(KEPT + 1):
                if seed not in there:
                    said = {"text": "the lamp hums at night", "prompt": "the lamp", "seed": seed}
                    client.post(f"/api/personas/{NAME}/kept", said)
                    with acknowledged(place).open("a") as file:
                        file.write(f"{seed}\n")

    return work


def published_before(shop: Workshop, place: Place) -> None:
    """Have it published once, without its posts."""
    ended = shop.run(place, "publish", NAME, "--to", str(place.published))
    assert ended.status == 0, ended.said


def without_engine(shop: Workshop, place: Place) -> None:
    """Have what makes it speak fast made anew."""
    import shutil

    shutil.rmtree(place.persona / "engine")


COMMANDS = (
    Command("make", 50, making(), begins_made=False),
    Command("make --replace", 15, replacing),
    Command("forget", 20, forgetting()),
    Command("forget --retrain", 25, forgetting("--retrain")),
    Command("report --samples", 25, words("report", NAME, "--samples", "16")),
    Command("card", 15, words("card", NAME, "--pick", "3", "--prompt", "the lamp")),
    Command("publish", 15, words("publish", NAME, "--to", "PUBLISHED")),
    Command("publish again", 15, words("publish", NAME, "--to", "PUBLISHED", "--with-posts"), prepare=published_before),
    Command("say", 10, words("say", NAME, "the", "-n", "2", "--seed", "1"), prepare=without_engine),
    Command("keep", 10, keeping),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name.replace(" ", "-"))
def test_killed_anywhere_nothing_is_lost(
    command: Command,
    shop: Workshop,
    kills: int,
    seed: int,
    record_property: Callable[[str, object], None],
) -> None:
    begun = time.monotonic()
    wanted = max(1, round(kills * command.share / sum(one.share for one in COMMANDS)))
    outcomes = Campaign(shop, command, random.Random(f"{seed} {command.name}")).outcomes(wanted)
    for name, value in asdict(Figures.of(command.name, outcomes, begun)).items():
        record_property(name, value)
    assert [str(outcome) for outcome in outcomes if outcome.problems] == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name.replace(" ", "-"))
def test_two_undisturbed_runs_leave_the_same(command: Command, shop: Workshop) -> None:
    """What is compared is what a command makes, and nothing by chance or by the clock."""
    campaign = Campaign(shop, command, random.Random(0))
    one, other = campaign.undisturbed(), campaign.undisturbed()
    assert differences(one.left, other.left) == []
    assert one.changes > 2
