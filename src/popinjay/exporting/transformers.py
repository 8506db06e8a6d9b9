"""The model as transformers loads it, which is how a persona's folder holds it."""

from __future__ import annotations

from popinjay.exporting.exporter import Exported, ExportRequest, ModelSize
from popinjay.exporting.plain_folder import estimate_plain, plain_folder
from popinjay.store.run import Run

HELP = (
    "a folder that transformers loads, and all that reads its models; nothing is written, unless "
    "the persona is an adapter"
)
NEEDS = ""
QUANTS: tuple[str, ...] = ()


def check(run: Run | None = None) -> None:
    """Need nothing more."""


def estimate(model: ModelSize, quant: str) -> int:
    """Return about how many bytes are written: none, unless the persona is an adapter."""
    return estimate_plain(model)


def export(request: ExportRequest) -> Exported:
    """Return the folder of a whole model: the persona's own, or one that it is merged into."""
    model = plain_folder(request)
    return Exported(model, f"transformers.pipeline('text-generation', model={str(model)!r})")
