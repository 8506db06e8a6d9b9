"""Tests of kills: each command resumes or restarts, and leaves what it would have left."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import asdict

import pytest
from campaign import Campaign, Command, Figures
from snapshots import differences
from tried import COMMANDS, each_command
from workshop import IN_CHILDREN, Workshop

pytestmark = IN_CHILDREN


PART = 15.0  # of the shares: larger ones are split, so that two processes can share them
PARTS = [
    (command, count, number)
    for command in COMMANDS
    for count in (max(1, round(command.share / PART)),)
    for number in range(count)
]


def part_name(part: tuple[Command, int, int]) -> str:
    return f"{part[0].slug}-{part[2]}"


@pytest.mark.parametrize("part", PARTS, ids=part_name)
def test_kills_lose_nothing(
    part: tuple[Command, int, int],
    shop: Workshop,
    kills: int,
    seed: int,
    record_property: Callable[[str, object], None],
) -> None:
    command, count, number = part
    begun = time.monotonic()
    share = command.share / count / sum(one.share for one in COMMANDS)
    campaign = Campaign(shop, command, random.Random(f"{seed} {command.name} {number}"))
    outcomes = campaign.outcomes(max(1, round(kills * share)))
    for name, value in asdict(Figures.of(command.name, outcomes, begun)).items():
        record_property(name, value)
    assert [str(outcome) for outcome in outcomes if outcome.problems] == []


@each_command()
def test_two_undisturbed_runs_leave_the_same(command: Command, shop: Workshop) -> None:
    """What is compared depends on the command only, not on chance or the clock."""
    campaign = Campaign(shop, command, random.Random(0))
    one, other = campaign.undisturbed(), campaign.undisturbed()
    assert differences(one.left, other.left) == []
    assert one.changes > 2
