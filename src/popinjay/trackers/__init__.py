"""Experiment trackers: one class per tracker.

A tracker is a subclass of `Tracker`. Other packages add theirs through the entry point group
`popinjay.trackers`. Each runs in its own process (`worker.py`), so that one that fails, hangs,
prints or fills the disk does not affect the training.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from popinjay import plugins
from popinjay.errors import OptionError

GROUP = "popinjay.trackers"  # of entry points
BUILT_IN = {
    "trackio": "popinjay.trackers.trackio:Trackio",
    "wandb": "popinjay.trackers.wandb:WeightsAndBiases",
    "mlflow": "popinjay.trackers.mlflow:MLflow",
}
DEFAULT = "trackio"  # local: no data leaves the machine
NONE = "none"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A version of an artifact in the lineage. It has `files` only if texts may be tracked."""

    name: str
    type: str
    version: int
    hash: str
    files: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """The metadata of this version, in addition to what the tracker counts itself."""
        return {"version": f"v{self.version}", "hash": self.hash}

    def described(self) -> str:
        """Return a file's content that stands for this version: equal for equal versions."""
        description = {"name": self.name, "type": self.type, "hash": self.hash}
        return json.dumps(description, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class Location:
    """Where a tracker stores a persona's data: a local folder, an address, or both.

    The address has no login.
    """

    folder: str = ""
    address: str = ""

    def __str__(self) -> str:
        return self.folder or self.address or "its own storage"


class Tracker(ABC):
    """A tracker of one persona's jobs.

    For each job, one after another, `start` is called, then `log` and `sample`, then `finish`. Any
    method may raise any exception.
    """

    HELP: ClassVar[str]
    MODULE: ClassVar[str]  # what must be installed

    def __init__(self, persona: str, folder: Path) -> None:
        """Track a persona; `folder`, beside the personas, is the default place for files."""
        self.persona = persona
        self.folder = folder

    @classmethod
    def check(cls) -> None:
        """Raise OptionError if the tracker is not installed or not configured."""
        if not is_installed(cls.MODULE):
            raise OptionError(
                f"{cls.MODULE} is not installed.",
                f"Install it with: pip install 'popinjay[{cls.MODULE}]'",
            )

    @classmethod
    def location(cls, persona: str, folder: Path) -> Location:
        """Return where a persona's data is stored with the current settings.

        It is called before texts are tracked, and at the end. `folder` is the default place for
        files, as above.
        """
        return Location()

    @classmethod
    def advice(cls, location: Location) -> str:
        """Return a sentence on what the user can do with the data; empty if there is none."""
        return ""

    @classmethod
    def forget(cls, persona: str, location: Location) -> str:
        """Delete a persona's data, as far as it is on this machine.

        Returns a sentence on the data elsewhere and how to delete it; empty if there is none.
        """
        return "Popinjay can't delete the data of this tracker: delete it there."

    @abstractmethod
    def start(self, job: str, kind: str, config: Mapping[str, Any]) -> None:
        """Start a job, such as `@ada-train` of the kind `train`."""

    @abstractmethod
    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log metrics at a step of the job."""

    @abstractmethod
    def sample(self, step: int, text: str) -> None:
        """Log a post that was generated at a step. Called only if texts may be tracked."""

    @abstractmethod
    def finish(
        self,
        done: bool,
        numbers: Mapping[str, float],
        facts: Mapping[str, Any],
        uses: Sequence[Artifact],
        makes: Sequence[Artifact],
    ) -> None:
        """End a job.

        Args:
            done: Whether it succeeded.
            numbers: Its final metrics.
            facts: Other facts, such as its seconds.
            uses: The artifacts that it used.
            makes: The artifacts that it made.
        """


def is_installed(module: str) -> bool:
    """Return whether a module can be imported, and is not just a folder of this name."""
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is not None


def find(name: str) -> type[Tracker]:
    """Return the tracker of this name. Raises OptionError if there is none."""
    found: type[Tracker] = plugins.find("tracker", name, BUILT_IN, GROUP, others=[NONE])
    return found


def chosen(option: str | None) -> tuple[str, ...]:
    """Return the names of the trackers to use, given the value of --track.

    Raises OptionError if one is unknown, not installed or not configured.
    """
    if option is None:
        option = os.environ.get("POPINJAY_TRACK") or None
    if option is None:
        return (DEFAULT,) if is_installed(DEFAULT) else ()
    names = tuple(dict.fromkeys(name.strip() for name in option.split(",") if name.strip()))
    if names == (NONE,):
        return ()
    if not names or NONE in names:
        raise OptionError(
            f"track can't be {option!r}.",
            f"Give {', '.join(BUILT_IN)} or others, separated by commas, or {NONE} alone.",
            ["track"],
        )
    for name in names:
        find(name).check()
    return names


def plain_name(name: str, marks: str = "._-") -> str:
    """Return a name of letters, digits and these marks only, as trackers require.

    A name with other characters gets a hash appended, which keeps it distinct.
    """
    plain = re.sub(rf"[^A-Za-z0-9{re.escape(marks)}]", "_", name)[:100]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def folder_beside(persona: Path) -> Path:
    """Return the trackers' default folder, which all personas of a home share."""
    return persona.parent / ".trackers"
