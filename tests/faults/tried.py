"""The commands that the fault tests run."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable

import children
import pytest
from campaign import Command
from workshop import NAME, Place, Workshop

from serving import Client, served

KEPT_ROUTE = f"/api/personas/{NAME}/kept"


def words(*given: str) -> Callable[[Workshop, Place], children.Step]:
    """Return the work of a command of these words; PUBLISHED is the folder to publish into."""

    def work(shop: Workshop, place: Place) -> children.Step:
        named = [str(place.published) if word == "PUBLISHED" else word for word in given]
        return children.command(place.home, *named)

    return work


def making(*more: str) -> Callable[[Workshop, Place], children.Step]:
    """Return the work of making the persona."""
    return lambda shop, place: children.command(place.home, *shop.make(*more))


def replacing(shop: Workshop, place: Place) -> children.Step:
    """Return the work of making another author's persona in its place."""
    given = [
        str(shop.other) if word == str(shop.archive) else word for word in shop.make("--replace")
    ]
    return children.command(place.home, *given)


def forgetting(*more: str) -> Callable[[Workshop, Place], children.Step]:
    """Return the work of forgetting the first two posts that it learnt from."""

    def work(shop: Workshop, place: Place) -> children.Step:
        first, second = shop.ids()[:2]
        return children.command(
            place.home, "forget", NAME, "--post", first, "--post", second, "--yes", *more
        )

    return work


KEPT = 4  # posts that are kept while the page's server is killed
BUSY_SECONDS = 60.0  # that a client asks again while another process holds the persona


def keeping(shop: Workshop, place: Place) -> children.Step:
    """Return the work of the page's server that is asked to keep the missing posts."""
    return lambda: _keep(place)


def _keep(place: Place) -> int:
    from popinjay.errors import PopinjayError

    place.home.mkdir(exist_ok=True)
    try:
        with served(place.home) as client:
            there = {row.get("seed") for row in client.get(KEPT_ROUTE)["kept"]}
            lacking = [seed for seed in range(KEPT + 1) if seed not in there]
            return max((_ask_to_keep(client, seed) for seed in lacking), default=0)
    except PopinjayError as error:
        print(f"popinjay: {error.message}", file=sys.stderr)
        return 2


def _ask_to_keep(client: Client, seed: int) -> int:
    """Repeat a request until the persona is free; return the exit status of its answer."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        said = {"text": "the lamp hums at night", "prompt": "the lamp", "seed": seed}
        answer = client.ask("POST", KEPT_ROUTE, said)
        if answer.status == 201:
            return 0
        if answer.status != 409 or time.monotonic() > until:
            break
        time.sleep(0.05)
    print(f"popinjay: {answer.message}", file=sys.stderr)
    return 2 if answer.status in (409, 422, 507) else children.CRASHED


def published_before(shop: Workshop, place: Place) -> None:
    """Publish it once before, without its posts."""
    ended = shop.run(place, "publish", NAME, "--to", str(place.published))
    assert ended.status == 0, ended.said


def updating(shop: Workshop, place: Place) -> children.Step:
    """Return the work of learning newer posts."""
    return children.command(place.home, "update", NAME, str(shop.newer), "--quiet")


def updated_before(shop: Workshop, place: Place) -> None:
    """Update it, so that there is an earlier version."""
    ended = children.run(updating(shop, place), heard=shop.heard)
    assert ended.status == 0, ended.said


def member_before(shop: Workshop, place: Place) -> None:
    """Make another persona of the same base, to be blended with."""
    making = [str(shop.other) if word == str(shop.archive) else word for word in shop.make()]
    ended = shop.run(place, *["bob" if word == NAME else word for word in making])
    assert ended.status == 0, ended.said


def without_engine(shop: Workshop, place: Place) -> None:
    """Remove the engine, so that it is made anew."""
    shutil.rmtree(place.persona / "engine")


COMMANDS = (
    Command("make", 50, making(), begins_made=False),
    Command("make --replace", 15, replacing),
    Command("forget", 20, forgetting()),
    Command("forget --retrain", 25, forgetting("--retrain")),
    Command("report --samples", 25, words("report", NAME, "--samples", "16")),
    Command("card", 15, words("card", NAME, "--pick", "3", "--prompt", "the lamp")),
    Command("publish", 15, words("publish", NAME, "--to", "PUBLISHED")),
    Command(
        "publish again",
        15,
        words("publish", NAME, "--to", "PUBLISHED", "--with-posts"),
        prepare=published_before,
    ),
    Command("say", 10, words("say", NAME, "the", "-n", "2", "--seed", "1"), prepare=without_engine),
    Command("keep", 10, keeping),
    Command("update", 25, updating),
    Command("restore", 15, words("restore", NAME, "v0"), prepare=updated_before),
    Command(
        "blend",
        20,
        words("blend", f"{NAME}=0.7", "bob=0.3", "--name", "both", "--samples", "10", "--quiet"),
        prepare=member_before,
    ),
)


def each_command(*names: str) -> pytest.MarkDecorator:
    """Run a test with each command, or with those of these names."""
    chosen = [command for command in COMMANDS if command.name in names or not names]
    return pytest.mark.parametrize("command", chosen, ids=lambda command: command.slug)
