"""How the cost of our training scales with posts: seconds and memory, on the built-in base."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from popinjay.options import TrainOptions
from popinjay.stages.dataset import MOST_VALIDATION, VALIDATION_SHARE
from training import ours
from training.children import in_subprocess


def measure(texts: Sequence[str], epochs: float) -> dict[str, Any]:
    """Train once on these posts, the validation posts set apart; return what it took."""
    cut = min(MOST_VALIDATION, round(len(texts) * VALIDATION_SHARE))
    found, gigabytes = in_subprocess(
        _train, list(texts[cut:]), list(texts[:cut]), TrainOptions(epochs=epochs)
    )
    return {"posts": len(texts), **found, "peak GB": gigabytes}


def _train(posts: list[str], validation: list[str], options: TrainOptions) -> dict[str, Any]:
    return ours.train_alone(posts, validation, options)[1]
