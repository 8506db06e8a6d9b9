"""How large exports get: of a persona, or of typical ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from popinjay.errors import OptionError, PopinjayError
from popinjay.exporting import ModelSize, find, names
from popinjay.models import bases
from popinjay.models.model_files import files_of, is_thin
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
        problem: Why it can't work here, or not for this persona; empty if it can.
        sizes: About how many bytes it writes by model and by type of weights. 0: nothing is
            written, as the persona's own folder is loaded as it is.
    """

    name: str
    help: str
    needs: str
    quants: tuple[str, ...]
    problem: str
    sizes: dict[str, dict[str, int]]


def kinds(run: Run | None = None, *, for_page: bool = False) -> list[Kind]:
    """Return all exporters with the sizes of a persona's exports, or of those of typical bases.

    Raises BaseModelError if the files of the persona's model can't be read.

    Args:
        run: The persona.
        for_page: Whether problems are worded for the page, where no command can be typed.
    """
    models = {run.name: size_of(run)} if run else _typical()
    return [_kind(name, models, run, for_page=for_page) for name in names()]


def size_of(run: Run) -> ModelSize:
    """Return the size of a persona's model. Raises BaseModelError."""
    model = run.folder("model")
    return ModelSize(_count(files_of(model).folder), is_thin(model))


def _kind(name: str, models: dict[str, ModelSize], run: Run | None, *, for_page: bool) -> Kind:
    """Return the row of an exporter; one that is broken says so in its row."""
    try:
        exporter = find(name)
    except OptionError as error:
        return Kind(name, "", "", (), error.message, {})
    problem = ""
    try:
        exporter.check(run)
    except PopinjayError as error:
        problem = f"{error.message} {error.page_hint if for_page else error.hint}".strip()
    sizes = {
        name: {quant: exporter.estimate(model, quant) for quant in exporter.QUANTS or ("",)}
        for name, model in models.items()
    }
    return Kind(name, exporter.HELP, exporter.NEEDS, exporter.QUANTS, problem, sizes)


def _typical() -> dict[str, ModelSize]:
    return {name: ModelSize(_parameters(bases.row(name))) for name in TYPICAL}


def _parameters(base: bases.Base) -> int:
    return base.parameters or (_count(base.folder) if base.folder else 0)


def _count(folder: Path) -> int:
    return sum(math.prod(tensor.shape) for tensor in Weights(folder).shapes().values())
