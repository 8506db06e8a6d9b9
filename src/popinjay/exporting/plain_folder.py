"""A persona's model as plain transformers files: the persona's own folder, if it is whole."""

from __future__ import annotations

import shutil
from fnmatch import fnmatchcase
from pathlib import Path

from popinjay.errors import PersonaError
from popinjay.exporting.exporter import ExportRequest, ModelSize
from popinjay.models import bases
from popinjay.models.language_model import write_whole
from popinjay.models.model_files import is_thin
from popinjay.store.run import Run

# What has to accompany weights that were made from others.
TERMS = ("GEMMA_TERMS.html", "NOTICE*", "LICENSE*", "*TERMS*.html")


def plain_folder(request: ExportRequest) -> Path:
    """Return the folder of the whole model, after writing it if the persona is an adapter only.

    Raises BaseModelError if the adapter's base model is not on this machine.
    """
    model = request.run.folder("model")
    if not is_thin(model):
        return model
    request.note("The persona is an adapter: it is merged into its base model.")
    write_whole(model, request.folder)
    copy_terms(request.run, request.folder)
    return request.place


def estimate_plain(model: ModelSize) -> int:
    """Return about how many bytes are written: those of an adapter's whole model in float32."""
    return 4 * model.parameters if model.is_adapter else 0


def copy_terms(run: Run, folder: Path) -> None:
    """Copy the licences and terms of a persona's base model, which have to go along with it.

    Raises PersonaError if there should be some and are not.
    """
    model = run.folder("model")
    terms = [
        path for path in model.iterdir() if any(fnmatchcase(path.name, form) for form in TERMS)
    ]
    base = bases.row(run.record.trained.base) if run.record.trained.base else None
    if base and base.terms and base.terms.file not in {path.name for path in terms}:
        raise PersonaError(
            f"{run.name!r} is made from {base.name}, whose terms must go along with it, and "
            f"{base.terms.file!r} is not beside the model.",
            f"Make it again from {base.name}, which puts them there.",
        )
    for path in terms:
        shutil.copyfile(path, folder / path.name)
