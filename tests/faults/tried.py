"""The commands that are put through all of this, with what each is to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import children
from campaign import Command
from workshop import NAME, Place, Workshop


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
    """Return the work of making another's persona in its place."""
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


def acknowledged(place: Place) -> Path:
    """The file of what the server said that it has kept, outside of its home."""
    return place.path.with_name(f"{place.path.name}-acknowledged")


def keeping(shop: Workshop, place: Place) -> children.Step:
    """Return the work of the page's server that is asked to keep those posts that it lacks."""

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
)


def name_of(command: Command) -> str:
    """Its name as a test's."""
    return command.name.replace(" ", "-")
