"""The personas that a blend is made of: found, locked, and checked before anything is written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from popinjay.common_base import base_of, check_common_base, open_base
from popinjay.errors import OptionError, PersonaError
from popinjay.mixing import BASE, Mix
from popinjay.models import bases
from popinjay.models.bases.base import Base
from popinjay.models.model_files import ModelFiles
from popinjay.store import lineage
from popinjay.store.blend_member import BlendMember
from popinjay.store.forgotten import Forgotten, clearing_command
from popinjay.store.journal import finish
from popinjay.store.run import Run
from popinjay.store.stage_table import POSTS
from popinjay.whose import strictest

NEEDED = ("authors.json", *POSTS)  # of each member's folder
LEAST_WEIGHT = 1e-4  # of the base: less comes from rounding


@dataclass(frozen=True)
class Member:
    """A persona that is blended, and its weight in the sum."""

    run: Run
    weight: float

    @property
    def name(self) -> str:
        """Its name."""
        return self.run.name

    @property
    def model(self) -> Path:
        """The folder of its model."""
        return self.run.folder("model")

    @property
    def hash(self) -> str:
        """The hash of its model, as its record has it."""
        return self.run.record.hashes()["model"]


@dataclass(frozen=True)
class Members:
    """The personas that are blended, and the weight of their base."""

    personas: tuple[Member, ...]
    base: Base
    base_weight: float  # 0 if the personas' weights add up to one

    @property
    def runs(self) -> list[Run]:
        """The folders of the personas."""
        return [member.run for member in self.personas]

    @property
    def base_hash(self) -> str | None:
        """The hash of the base, as the personas' records have it."""
        return self.runs[0].record.stages["train"].source

    @property
    def whose(self) -> str | None:
        """The strictest of what is on record about whose words these are; None if one is not."""
        return strictest([run.record.asked.whose for run in self.runs])

    @property
    def contact(self) -> str | None:
        """Whom to ask for removal: all of the personas' contacts."""
        found = dict.fromkeys(run.record.asked.contact for run in self.runs)
        return ", ".join(one for one in found if one) or None

    @property
    def authors(self) -> tuple[str, ...]:
        """The handles of all authors."""
        return tuple(dict.fromkeys(one for run in self.runs for one in run.record.asked.authors))

    def recorded(self) -> list[BlendMember]:
        """Return the rows of the record. Those of personas name their version in the lineage."""
        rows = []
        for member in self.personas:
            record = member.run.record
            version = lineage.current(member.name, record)["model"]
            whose = record.asked.whose
            rows.append(BlendMember(member.name, member.weight, member.hash, whose, version.label))
        if self.base_weight:
            version_of_base = base_of(self.runs[0]).version
            rows.append(BlendMember(self.base.name, self.base_weight, version_of_base))
        return rows

    def base_files(self) -> ModelFiles:
        """Return the files of the base."""
        return ModelFiles(bases.folder_of(self.base))


@contextmanager
def opened(mix: Mix, home: Path | None) -> Iterator[Members]:
    """Find the personas of a mix and hold their locks, so that none of them changes meanwhile.

    Raises PersonaError for one that can't be blended, PersonaBusy for one that is made right now,
    BaseModelError if they have different bases, and OptionError if nothing would be blended.
    """
    named = [(name, weight) for name, weight in mix.members if name != BASE]
    if not named:
        raise OptionError("A blend needs a persona.", "Such as: popinjay blend ada=0.7 bob=0.3")
    found = [(Run.find(name, home), weight) for name, weight in named]
    with ExitStack() as locks:
        for run in sorted({run.path: run for run, _ in found}.values(), key=lambda run: run.path):
            locks.enter_context(run.locked())
            finish(run)
        for run, _ in found:
            _check(run)
        check_common_base([run for run, _ in found])
        members = _members([Member(run, weight) for run, weight in found])
        if members.base_weight:
            open_base(members.runs[0])  # raises if it is missing or has changed
        yield members


def _members(personas: Sequence[Member]) -> Members:
    """Return the personas with the weight that is left for their base.

    The weights of a sum of models add up to one, or its layers would be scaled: what is missing
    to one, or too much, is the base's, which `base=` in a mix says in another way.
    """
    names = [member.name for member in personas]
    for name in names:
        if names.count(name) > 1:
            raise OptionError(f"{name!r} is named twice.", "Give each persona once.")
    rest = 1 - math.fsum(member.weight for member in personas)
    rest = 0.0 if abs(rest) < LEAST_WEIGHT else rest
    if len(personas) == 1 and not rest:
        raise OptionError(
            f"A blend of {names[0]!r} alone would be a copy of it.",
            f"Name another persona, or the base: popinjay blend {names[0]}=1.3 base=-0.3",
        )
    return Members(tuple(personas), bases.row(personas[0].run.record.trained.base), round(rest, 6))


def _check(run: Run) -> None:
    """Raise PersonaError if a persona can't be blended, as something is missing or forgotten."""
    if run.record.made("train") is None or not run.file("model").is_dir():
        raise PersonaError(
            f"{run.name!r} has not learnt to speak yet.",
            f"See how far it is: popinjay status {run.name}",
            page_hint="Make it again from the same posts: it goes on from there.",
        )
    missing = [name for name in NEEDED if not run.file(name).is_file()]
    if missing:
        raise PersonaError(
            f"{run.name!r} has no {missing[0]}, which a blend of it would need.",
            "Make it again from its archive: popinjay make SPEC",
            page_hint="Make it again from the same posts.",
        )
    if known := Forgotten.of(run).still_known(run):
        raise PersonaError(
            f"{run.name!r} still knows what it was told to forget: {known.in_words()}.",
            f"Do this first: {clearing_command(run)}",
            page_hint="Make it again first.",
        )
