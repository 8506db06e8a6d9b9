"""The start of the fault tests: a tiny base model, invented posts and a finished persona."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import children
import pytest

import archives
import models

# Pytest marks of tests that start children; personas have their picture there, as for users.
IN_CHILDREN = [
    pytest.mark.slow,
    pytest.mark.draws,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.name != "posix", reason="needs fork"),
]
NAME = "ada"
COUNT = 110  # posts
NEW = 20  # further ones in the newer archive
TRAINING = "--epochs 1 --batch-tokens 512 --samples 10 --held-out 0.25 --track none --quiet".split()


@dataclass(frozen=True)
class Place:
    """A folder that one command works in."""

    path: Path

    @property
    def home(self) -> Path:
        """The folder of personas."""
        return self.path / "home"

    @property
    def persona(self) -> Path:
        """The persona's folder."""
        return self.home / NAME

    @property
    def published(self) -> Path:
        """A folder to publish into."""
        return self.path / "published"


@dataclass(frozen=True)
class Workshop:
    """The material, read only, and places to work in."""

    path: Path

    @property
    def archive(self) -> Path:
        """An X archive of invented posts."""
        return self.path / "ada.zip"

    @property
    def other(self) -> Path:
        """An archive of another author."""
        return self.path / "bob.zip"

    @property
    def newer(self) -> Path:
        """An archive of the same author with further posts."""
        return self.path / "newer.zip"

    @property
    def base(self) -> Path:
        """A tiny base model."""
        return self.path / "base"

    @property
    def heard(self) -> Path:
        """The output of the last child."""
        return self.path / "heard"

    @property
    def made(self) -> Place:
        """The place of the finished persona."""
        return Place(self.path / "made")

    def ids(self) -> list[str]:
        """Return the ids of the posts that the persona learnt from."""
        lines = (self.made.persona / "train.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["id"] for line in lines]

    def place(self, name: str, *, made: bool) -> Place:
        """Return a place of this name in its initial state: empty, or with the finished persona."""
        path = self.path / "places" / name
        shutil.rmtree(path, ignore_errors=True)
        if made:
            shutil.copytree(self.made.path, path)
        else:
            path.mkdir(parents=True)
        return Place(path)

    def make(self, *more: str) -> tuple[str, ...]:
        """Return the arguments that make the persona."""
        making = ("make", str(self.archive), "--name", NAME, "--base", str(self.base))
        return (*making, "--whose", "self", "--contact", "ada@example.org", *TRAINING, *more)

    def run(
        self, place: Place, *words: str, first: tuple[children.Step, ...] = ()
    ) -> children.Ended:
        """Run a command there to its end."""
        return children.run(children.command(place.home, *words), *first, heard=self.heard)


def equipped(path: Path) -> Workshop:
    """Return a workshop in an empty folder.

    All of it is made in children, so that no library starts threads in this process.
    """
    shop = Workshop(path)
    children.warm_up()
    prepared = children.run(lambda: _prepare(shop), heard=shop.heard)
    assert prepared.status == 0, prepared.said
    shop.made.path.mkdir()
    made = shop.run(shop.made, *shop.make())
    assert made.status == 0, made.said
    kept = {
        "text": "the lamp hums at night",
        "prompt": "the lamp",
        "seed": 0,
        "time": "2026-01-01T00:00:00Z",
    }
    (shop.made.persona / "kept.jsonl").write_text(json.dumps(kept) + "\n", encoding="utf-8")
    return shop


def _prepare(shop: Workshop) -> None:
    models.gpt2(shop.base)
    archives.write_zip(shop.archive, archives.archive_files(archives.posts(COUNT)))
    archives.write_zip(shop.newer, archives.archive_files(archives.posts(COUNT + NEW)))
    theirs = [
        archives.tweet(
            f"bob counts {n * 37} lamps and {n * 13} gulls near the old river every day", n
        )
        for n in range(COUNT)
    ]
    archives.write_zip(shop.other, archives.archive_files(theirs, handle="bob", name="Bob"))
