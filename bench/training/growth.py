"""How ours grows with the number of posts: seconds and memory, on the built-in base."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from popinjay import bases
from popinjay.dataset import MOST_VALIDATION, VALIDATION_SHARE
from popinjay.language_model import LanguageModel
from popinjay.options import TrainOptions
from training import ours
from training.children import apart


def measure(texts: Sequence[str], epochs: float) -> dict[str, Any]:
    """One training from these posts, the shares that watch it taken off."""
    watched = min(MOST_VALIDATION, round(len(texts) * VALIDATION_SHARE))
    found, gigabytes = apart(_train, list(texts[watched:]), list(texts[:watched]), epochs)
    return {"posts": len(texts), **found, "peak GB": gigabytes}


def _train(posts: list[str], watched: list[str], epochs: float) -> dict[str, Any]:
    model = LanguageModel.load(bases.folder_of(bases.row(bases.BUILT_IN)))
    with tempfile.TemporaryDirectory() as folder:
        return ours.train(model, posts, watched, Path(folder), TrainOptions(epochs=epochs), lambda: 0.0)[1]
