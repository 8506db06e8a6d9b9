"""How large exports get: of a persona, or of typical ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from popinjay.errors import OptionError
from popinjay.exporting import find, names
from popinjay.models import bases
from popinjay.models.model_files import files_of
from popinjay.models.weights import Weights
from popinjay.store.run import Run

TYPICAL = (bases.BUILT_IN, "smollm2")  # bases whose sizes are shown if no persona is named


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the list of exporters.

    Attributes:
        name: What --to takes.
        help: What the format is and which programs load it.
        needs: What it needs on this machine; empty for nothing.
        quants: The types of weights to choose from, the default first.
        problem: Why it can't work here; empty if it can.
        sizes: About how many bytes it writes by model and by type of weights.
    """

    name: str
    help: str
    needs: str
    quants: tuple[str, ...]
    problem: str
    sizes: dict[str, dict[str, int]]


def kinds(run: Run | None = None) -> list[Kind]:
    """Return all exporters with the sizes of a persona's exports, or of those of typical bases."""
    models = {run.name: parameters_of(run)} if run else _typical()
    return [_kind(name, models) for name in names()]


def parameters_of(run: Run) -> int:
    """Return the number of weights of a persona's model. Raises BaseModelError."""
    return _count(files_of(run.folder("model")).folder)


def _kind(name: str, models: dict[str, int]) -> Kind:
    """Return the row of an exporter; one that is broken says so in its row."""
    try:
        exporter = find(name)
    except OptionError as error:
        return Kind(name, "", "", (), error.message, {})
    problem = ""
    try:
        exporter.check()
    except OptionError as error:
        problem = f"{error.message} {error.hint}".strip()
    sizes = {
        model: {quant: exporter.estimate(count, quant) for quant in exporter.QUANTS or ("",)}
        for model, count in models.items()
    }
    return Kind(name, exporter.HELP, exporter.NEEDS, exporter.QUANTS, problem, sizes)


def _typical() -> dict[str, int]:
    return {name: _parameters(bases.row(name)) for name in TYPICAL}


def _parameters(base: bases.Base) -> int:
    return base.parameters or (_count(base.folder) if base.folder else 0)


def _count(folder: Path) -> int:
    return sum(math.prod(tensor.shape) for tensor in Weights(folder).shapes().values())
