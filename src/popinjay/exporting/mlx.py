"""The model as mlx-lm loads it on Apple's processors, which is how a persona's folder holds it."""

from __future__ import annotations

import shlex

from popinjay.exporting.about import about
from popinjay.exporting.exporter import Exported, ExportRequest, ModelSize
from popinjay.exporting.plain_folder import estimate_plain, plain_folder
from popinjay.store.run import Run

HELP = (
    "a folder that mlx-lm loads on a Mac with Apple silicon; nothing is written, unless the "
    "persona is an adapter"
)
NEEDS = ""
QUANTS: tuple[str, ...] = ()


def check(run: Run | None = None) -> None:
    """Need nothing more: mlx-lm is needed only where the folder is loaded."""


def estimate(model: ModelSize, quant: str) -> int:
    """Return about how many bytes are written: none, unless the persona is an adapter."""
    return estimate_plain(model)


def export(request: ExportRequest) -> Exported:
    """Return the folder of a whole model: the persona's own, or one that it is merged into."""
    model = plain_folder(request)
    prompt = shlex.quote(about(request.run).prompt("My dream is"))
    return Exported(model, f"mlx_lm.generate --model {shlex.quote(str(model))} --prompt {prompt}")
