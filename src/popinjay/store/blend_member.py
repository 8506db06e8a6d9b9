"""A member of a blend, as a row of the table `blend` of `run.toml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from popinjay.store.toml_table import Table


@dataclass(frozen=True, slots=True)
class BlendMember:
    """One of the models whose weights a blend adds up: a persona, or the base model."""

    name: str  # the persona's when it was blended, or that of the base model
    weight: float
    model: str  # the hash of its model
    whose: str | None = None  # as it was on record of that persona
    artifact: str = ""  # the label of that version in the lineage; empty for the base model
    other: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_base(self) -> bool:
        """Whether this is the base model, which has no posts of its own."""
        return not self.artifact

    @classmethod
    def from_table(cls, table: object, where: str) -> BlendMember:
        """Return the member that a table holds. Raises ValueError if it is damaged."""
        found = Table(table, where)
        return cls(
            name=found.text("name"),
            weight=found.needed("weight", float),
            model=found.text("model"),
            whose=found.value("whose", str),
            artifact=found.value("artifact", str) or "",
            other=found.rest,
        )

    def to_table(self) -> dict[str, Any]:
        """Return it as a table."""
        table = {
            "name": self.name,
            "weight": self.weight,
            "model": self.model,
            "whose": self.whose,
            "artifact": self.artifact or None,
        }
        return {key: value for key, value in table.items() if value is not None} | {**self.other}


def as_words(members: Sequence[BlendMember]) -> list[str]:
    """Return the members as `popinjay blend` takes them: `ada=0.7`."""
    return [f"{member.name}={member.weight:g}" for member in members]


def in_words(members: Sequence[BlendMember]) -> str:
    """Return whose voices a blend mixes, such as `0.7 ada and 0.3 bob`."""
    said = [f"{member.weight:g} {member.name}" for member in members]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
