"""How well training keeps its estimate of the time it takes, and a time budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from popinjay.options import TrainOptions
from training import ours
from training.children import in_subprocess
from training.quality import bits
from training.texts import Posts


def measure(posts: Posts, budgets: Sequence[str]) -> list[dict[str, Any]]:
    """Train once by default and once for each budget; return the seconds expected and taken."""
    found: list[dict[str, Any]] = []
    for budget in (None, *budgets):
        options = TrainOptions(budget=budget)
        done, _ = in_subprocess(_train, posts, options)
        meant = done["estimate"] if budget is None else options.budget_seconds()
        found.append(
            {
                "budget": budget,
                "meant": meant,
                "seconds": done["seconds"],
                "tokens": done["tokens"],
                "held-out": done["held-out"],
            }
        )
    return found


def _train(posts: Posts, options: TrainOptions) -> dict[str, Any]:
    model, done = ours.train_alone(posts.train, posts.validation, options)
    return {**done, "held-out": bits(model, posts.held_out)}
