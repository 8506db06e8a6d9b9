"""Tests of two commands at once on one persona: one waits or fails clearly; both can be done."""

from __future__ import annotations

import itertools
import random
import time
import tomllib

import children
import pytest
from campaign import Command
from snapshots import snapshot
from tried import COMMANDS
from workshop import IN_CHILDREN, Place, Workshop

pytestmark = IN_CHILDREN

TOGETHER = [command for command in COMMANDS if command.prepare is None or command.name == "say"]
PAIRS = list(itertools.combinations_with_replacement(TOGETHER, 2))


def pair_name(pair: tuple[Command, Command]) -> str:
    return " and ".join(command.slug for command in pair)


@pytest.mark.parametrize("pair", PAIRS, ids=pair_name)
def test_two_commands_at_once_do_no_harm(
    pair: tuple[Command, Command], shop: Workshop, seed: int
) -> None:
    chance = random.Random(f"{seed} {pair_name(pair)}")
    place = shop.place("pair", made=True)
    works = [command.work(shop, place) for command in pair]
    if chance.random() < 0.5:
        works.reverse()
    running = [
        children.start(works[0], heard=shop.path / "heard-first"),
        _after(chance.uniform(0.0, 1.0), works[1], shop),
    ]
    ended = [child.wait() for child in running]
    for one in ended:
        assert one.is_clear, one.said
    for one, work in zip(ended, works, strict=True):
        if one.status:
            again = children.run(work, heard=shop.heard)
            assert again.is_clear, again.said
    assert shop.run(place, "status").status == 0
    check_whole(place)


def _after(seconds: float, work: children.Step, shop: Workshop) -> children.Child:
    """Start a second one so much later, unless another one is next."""
    time.sleep(seconds)
    return children.start(work, heard=shop.path / "heard-second")


def check_whole(place: Place) -> None:
    """Check that nothing is half-written: every file can be read, and no stage is running."""
    left = snapshot(place.path)  # which reads all JSON and TOML
    assert not [name for name in left if ".partial" in name or "/.change" in name]
    record = tomllib.loads((place.persona / "run.toml").read_text(encoding="utf-8"))
    states = {name: entry["state"] for name, entry in record["stages"].items()}
    assert set(states.values()) == {"done"}
