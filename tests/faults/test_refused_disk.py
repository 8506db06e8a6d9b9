"""Tests of a full, read-only or broken disk: one clear sentence, and later runs succeed."""

from __future__ import annotations

import errno
import os
import random
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import children
import pytest
from campaign import Campaign, Command, Undisturbed
from snapshots import snapshot
from tried import each_command
from workshop import IN_CHILDREN, Place, Workshop

pytestmark = IN_CHILDREN

SIZES = (5_000, 60_000)  # bytes that a file may have
NOBODY = 65534


def check(campaign: Campaign, usual: Undisturbed, *first: children.Step) -> None:
    """Check that a refusal is reported clearly, and that all is as usual once it is over."""
    ended, problems = campaign.disturbed(usual, *first)
    assert ended.is_clear, ended.said
    assert problems == [], ended.said


def moments(changes: int, chance: random.Random) -> list[int]:
    """Return the first change, the last one, and one in between."""
    return sorted({1, chance.randint(1, changes), changes})


@each_command()
@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EROFS], ids=["full", "read-only"])
def test_a_disk_that_refuses_writes_is_reported(
    command: Command, reason: int, shop: Workshop, seed: int
) -> None:
    chance = random.Random(f"{seed} {command.name} {reason}")
    campaign = Campaign(shop, command, chance)
    usual = campaign.undisturbed()
    for number in moments(usual.changes, chance):
        place = campaign.place_of("disturbed").path
        check(campaign, usual, children.refusing_from(place, number, reason))


@each_command()
def test_a_file_size_limit_is_reported(command: Command, shop: Workshop) -> None:
    """Unlike the refusals above, this affects what libraries write in their own ways."""
    resource = pytest.importorskip("resource")
    campaign = Campaign(shop, command, random.Random(0))
    usual = campaign.undisturbed()
    for size in SIZES:
        check(campaign, usual, children.limited(resource.RLIMIT_FSIZE, size))


# a read-only home


@pytest.fixture
def for_others(shop: Workshop) -> Iterator[Place]:
    """Return a place that other users may read, and that only root may write."""
    place = shop.place("read-only", made=True)
    for path in (place.path, *place.path.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    opened = [folder for folder in place.path.parents if folder != folder.parent]
    modes = {folder: stat.S_IMODE(folder.stat().st_mode) for folder in opened}
    for folder, mode in modes.items():
        if not mode & 0o001:
            folder.chmod(mode | 0o111)
    yield place
    for folder, mode in modes.items():
        folder.chmod(mode)
    for path in (place.path, *place.path.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def as_nobody() -> None:
    """Give up the rights of root, which no permission restricts."""
    if os.geteuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)


@pytest.mark.parametrize(
    "words", ["status", "status ada", "lineage ada", "say ada the -n 2 --seed 1"]
)
def test_a_read_only_home_can_be_read(words: str, shop: Workshop, for_others: Place) -> None:
    before = snapshot(for_others.path)
    shop.heard.touch()
    shop.heard.chmod(0o666)
    ended = shop.run(for_others, *words.split(), first=(as_nobody,))
    assert (ended.status, "Traceback" in ended.said) == (0, False), ended.said
    assert snapshot(for_others.path) == before


@pytest.mark.parametrize(
    "words",
    [
        "forget ada --post 1",
        "forget ada --retrain",
        "report ada --samples 16",
        "card ada",
        "publish ada --to {}/published",
        "make {}/none.txt --name ada",
    ],
)
def test_a_read_only_home_is_not_written(words: str, shop: Workshop, for_others: Place) -> None:
    before = snapshot(for_others.path)
    given = words.format(for_others.path).split()
    ended = shop.run(for_others, *given, first=(as_nobody,))
    assert ended.status == 2, ended.said
    assert ended.is_clear, ended.said
    assert snapshot(for_others.path) == before


# a full disk


@pytest.fixture
def small_disk(shop: Workshop) -> Iterator[Path]:
    """Return an empty disk, a little larger than a finished persona."""
    if not shutil.which("mount") or os.geteuid():
        pytest.skip("needs root to mount a small disk")
    folder = shop.path / "small"
    folder.mkdir()
    taken = sum(path.stat().st_size for path in shop.made.path.rglob("*") if path.is_file())
    options = f"size={taken // 2**10 + 150}k"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"can't mount a small disk here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


@each_command("forget", "forget --retrain", "report --samples", "card", "publish", "say", "keep")
def test_a_full_disk_is_reported(command: Command, shop: Workshop, small_disk: Path) -> None:
    usual = Campaign(shop, command, random.Random(0)).undisturbed()
    place = Place(Path(shutil.copytree(shop.made.path, small_disk / "place")))
    if command.prepare:
        command.prepare(shop, place)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1024)):
            pass
    work = command.work(shop, place)
    ended = children.run(work, children.without_chance, heard=shop.heard)
    assert ended.is_clear, ended.said
    filler.unlink()
    again = children.run(work, children.without_chance, heard=shop.heard)
    assert again.status == 0 or "disk is full" in again.said, again.said
    if again.status == 0:
        assert snapshot(place.path) == usual.left


def test_a_home_on_a_full_disk_is_listed(shop: Workshop, small_disk: Path) -> None:
    ended = children.run(children.command(small_disk / "home", *shop.make()), heard=shop.heard)
    assert ended.is_clear, ended.said
    assert shop.run(Place(small_disk), "status").status == 0
