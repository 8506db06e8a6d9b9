"""Killed anywhere, each command goes on or starts anew, and leaves what it would have left."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import asdict

from campaign import Campaign, Command, Figures
from snapshots import differences
from tried import COMMANDS, each_command
from workshop import IN_CHILDREN, Workshop

pytestmark = IN_CHILDREN


@each_command()
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


@each_command()
def test_two_undisturbed_runs_leave_the_same(command: Command, shop: Workshop) -> None:
    """What is compared is what a command makes, and nothing by chance or by the clock."""
    campaign = Campaign(shop, command, random.Random(0))
    one, other = campaign.undisturbed(), campaign.undisturbed()
    assert differences(one.left, other.left) == []
    assert one.changes > 2
