"""Tests of little memory, of termination signals, and of a clock that is set back."""

from __future__ import annotations

import datetime
import random
import signal
import sys
import time
import tomllib
from pathlib import Path
from typing import Self

import children
import pytest
from campaign import Campaign, Command
from tried import each_command
from workshop import IN_CHILDREN, Workshop

pytestmark = IN_CHILDREN

ROOMS = (1, 12, 40)  # megabytes that a child may take beyond those that it begins with
PATIENCE = 20.0  # seconds for cleaning up, on a busy machine
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


# memory


def with_room(megabytes: int) -> None:
    """Leave so much memory to this process."""
    import resource

    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    taken = int(pages) * resource.getpagesize()
    most = taken + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and a limit that holds")
@each_command()
@pytest.mark.parametrize("megabytes", ROOMS)
def test_little_memory_is_one_sentence(command: Command, megabytes: int, shop: Workshop) -> None:
    campaign = Campaign(shop, command, random.Random(0))
    usual = campaign.undisturbed()
    ended, problems = campaign.disturbed(usual, lambda: with_room(megabytes))
    assert ended.is_clear, ended.said
    assert problems == []


# signals


@each_command()
@pytest.mark.parametrize("number", SIGNALS, ids=[number.name for number in SIGNALS])
def test_a_command_ended_by_a_signal_can_be_resumed(
    command: Command, number: signal.Signals, shop: Workshop, seed: int
) -> None:
    campaign = Campaign(shop, command, random.Random(f"{seed} {command.name} {number}"))
    usual = campaign.undisturbed()
    asked: list[float] = []

    def disturb(child: children.Child) -> None:
        if child.lasts(campaign.chance.uniform(0.1, 0.9) * usual.seconds):
            asked.append(time.monotonic())
            child.send(number)
            while not child.has_ended() and time.monotonic() - asked[0] < PATIENCE:
                time.sleep(children.PAUSE)
            asked.append(time.monotonic())

    ended, problems = campaign.disturbed(usual, disturb=disturb)
    assert problems == []
    assert not asked or asked[1] - asked[0] < PATIENCE
    if command.name == "keep" or ended.status == -number:
        return  # the one's work is a test's own, the other had hardly begun
    assert ended.status in (0, 128 + number), ended.said
    assert "Traceback" not in ended.said, ended.said
    assert ended.status == 0 or "popinjay: Stopped." in ended.said


# the clock


class SetBack(datetime.datetime):
    """A clock that goes back by another hour at each look."""

    looks = 0

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Self:
        """Return the time by that clock."""
        cls.looks += 1
        return super().now(tz) - datetime.timedelta(hours=cls.looks)


def with_a_clock_that_is_set_back() -> None:
    """Let all of popinjay use such a clock."""
    real = time.time

    def earlier() -> float:
        SetBack.looks += 1
        return real() - 3600.0 * SetBack.looks

    time.time = earlier
    for name, module in list(sys.modules.items()):
        if name.startswith("popinjay") and getattr(module, "datetime", None) is datetime.datetime:
            module.datetime = SetBack  # type: ignore[attr-defined]


@each_command()
def test_a_clock_that_is_set_back_changes_nothing(command: Command, shop: Workshop) -> None:
    campaign = Campaign(shop, command, random.Random(0))
    usual = campaign.undisturbed()
    ended, problems = campaign.disturbed(usual, with_a_clock_that_is_set_back)
    assert ended.status == 0, ended.said
    assert problems == []
    record = campaign.place_of("disturbed").persona / "run.toml"
    stages = tomllib.loads(record.read_text(encoding="utf-8"))["stages"]
    assert all(entry["seconds"] >= 0 for entry in stages.values())
    assert stages.keys() >= {"collect", "train", "card"}
