"""The model as transformers loads it, which is how a persona's folder holds it."""

from __future__ import annotations

from pathlib import Path

from popinjay.errors import PersonaError
from popinjay.exporting import Exported
from popinjay.models.model_files import is_thin
from popinjay.store.run import Run

HELP = "a folder for transformers, and for all that loads its models: nothing is written"


def check() -> None:
    """Need nothing more."""


def export(run: Run, folder: Path) -> Exported:
    """Return the folder of the persona's model. Raises PersonaError if it is an adapter only."""
    model = run.folder("model")
    if not model.is_dir():
        raise PersonaError(
            f"{run.name!r} has no model yet.",
            f"See how far it is: popinjay status {run.name}.",
        )
    if is_thin(model):
        raise PersonaError(
            f"Only the adapter of {run.name!r} is kept, without its base model.",
            f"Write a whole model with: popinjay publish {run.name} --to FOLDER",
        )
    return Exported(model, f"transformers.pipeline('text-generation', model={str(model)!r})")
