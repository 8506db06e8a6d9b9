"""Who else is told how a persona is made: one class a tracker, all of the same shape.

A tracker is a subclass of `Tracker`. Other packages add theirs through the entry point group `popinjay.trackers`. Each runs in
a process of its own (`worker.py`), so that one that fails, hangs, prints or fills the disk is none of the training's business.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar

from popinjay.errors import OptionError

BUILT_IN = {
    "trackio": "popinjay.trackers.trackio:Trackio",
    "wandb": "popinjay.trackers.wandb:WeightsAndBiases",
    "mlflow": "popinjay.trackers.mlflow:MLflow",
}
DEFAULT = "trackio"  # local: nothing leaves the machine
NONE = "none"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One version of something in the lineage. `files` are given only where texts of posts may be told."""

    name: str
    type: str
    version: int
    hash: str
    files: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """What is told of it, whatever a tracker itself counts."""
        return {"version": f"v{self.version}", "hash": self.hash}

    def described(self) -> str:
        """What stands in for its content: the same as long as the content is."""
        return (
            json.dumps(
                {"name": self.name, "type": self.type, "hash": self.hash}, ensure_ascii=False
            )
            + "\n"
        )


@dataclass(frozen=True, slots=True)
class Location:
    """Where a tracker keeps what it is told of one persona: a folder of this machine, an address without a login, or both."""

    folder: str = ""
    address: str = ""

    def __str__(self) -> str:
        return self.folder or self.address or "a place of its own"


class Tracker(ABC):
    """Told about one persona's jobs, one after the other: `start`, then `log` and `sample`, then `finish`. Raises what it likes."""

    HELP: ClassVar[str]
    MODULE: ClassVar[str]  # what must be installed

    def __init__(self, persona: str, folder: Path) -> None:
        """`folder` is where it may keep files, beside the personas, unless its own settings say otherwise."""
        self.persona = persona
        self.folder = folder

    @classmethod
    def check(cls) -> None:
        """Raises OptionError where this tracker can't be told anything as things are."""
        if not is_installed(cls.MODULE):
            raise OptionError(
                f"{cls.MODULE} is not installed.",
                f"Install it with: pip install 'popinjay[{cls.MODULE}]'",
            )

    @classmethod
    def location(cls, persona: str, folder: Path) -> Location:
        """Where it keeps what it is told of a persona as things are; `folder` as above. Asked before it is told texts, and when all is told."""
        return Location()

    @classmethod
    def advice(cls, place: Location) -> str:
        """What may be done with what it was told, in a sentence; empty where there is nothing to say."""
        return ""

    @classmethod
    def forget(cls, persona: str, place: Location) -> str:
        """Remove what it was told of a persona, as far as that lies on this machine. What it can't reach and what to do there, in a sentence, or nothing."""
        return "Popinjay can't remove what this tracker was told: remove it there."

    @abstractmethod
    def start(self, job: str, kind: str, config: Mapping[str, Any]) -> None:
        """A job begins, such as `@ada-train` of the kind `train`."""

    @abstractmethod
    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Something was measured at this step of the job."""

    @abstractmethod
    def sample(self, step: int, text: str) -> None:
        """A post was written at this step. Called only where texts may be told."""

    @abstractmethod
    def finish(
        self,
        done: bool,
        numbers: Mapping[str, float],
        facts: Mapping[str, Any],
        uses: Sequence[Artifact],
        makes: Sequence[Artifact],
    ) -> None:
        """The job has ended, well (`done`) or not: what it came to, which versions it used and which it made."""


def is_installed(module: str) -> bool:
    """Whether a module can be imported (a folder that merely has its name cannot)."""
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is not None


def find(name: str) -> type[Tracker]:
    """The tracker of this name. Raises OptionError where there is none."""
    if name in BUILT_IN:
        module, _, kind = BUILT_IN[name].partition(":")
        built_in: type[Tracker] = getattr(importlib.import_module(module), kind)
        return built_in
    others = {entry.name: entry for entry in entry_points(group="popinjay.trackers")}
    if name in others:
        loaded: type[Tracker] = others[name].load()
        return loaded
    known = [*BUILT_IN, *others, NONE]
    near = difflib.get_close_matches(name, known, n=1)
    raise OptionError(
        f"There is no tracker {name!r}.",
        f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}.",
    )


def chosen(asked: str | None) -> tuple[str, ...]:
    """The names of the trackers to tell. Raises OptionError for one that is not there, or can't be told anything as things are."""
    asked = os.environ.get("POPINJAY_TRACK") or None if asked is None else asked
    if asked is None:
        return (DEFAULT,) if is_installed(DEFAULT) else ()
    names = tuple(dict.fromkeys(name.strip() for name in asked.split(",") if name.strip()))
    if names == (NONE,):
        return ()
    if not names or NONE in names:
        raise OptionError(
            f"--track can't be {asked!r}.",
            f"Give {', '.join(BUILT_IN)} or others with commas between, or {NONE} alone.",
        )
    for name in names:
        find(name).check()
    return names


def plain_name(name: str, marks: str = "._-") -> str:
    """A name of letters, digits and these marks, as trackers take them; where something had to go, with a hash that keeps it apart from others."""
    plain = re.sub(rf"[^A-Za-z0-9{re.escape(marks)}]", "_", name)[:100]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def folder_beside(persona: Path) -> Path:
    """Where trackers keep their files: beside the personas of a home, for all of them."""
    return persona.parent / ".trackers"
