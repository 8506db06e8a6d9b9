"""How ours grows with the number of posts: seconds and memory, on the built-in base."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from popinjay.options import TrainOptions
from popinjay.stages.dataset import MOST_VALIDATION, VALIDATION_SHARE
from training import ours
from training.children import in_subprocess


def measure(texts: Sequence[str], epochs: float) -> dict[str, Any]:
    """One training from these posts, the shares that watch it taken off."""
    watched = min(MOST_VALIDATION, round(len(texts) * VALIDATION_SHARE))
    found, gigabytes = in_subprocess(
        _train, list(texts[watched:]), list(texts[:watched]), TrainOptions(epochs=epochs)
    )
    return {"posts": len(texts), **found, "peak GB": gigabytes}


def _train(posts: list[str], watched: list[str], options: TrainOptions) -> dict[str, Any]:
    return ours.train_alone(posts, watched, options)[1]
