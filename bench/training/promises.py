"""Whether it keeps its word: the time it says before it starts, and the budget that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from popinjay.options import TrainOptions
from training import ours
from training.children import in_subprocess
from training.quality import bits
from training.texts import Posts


def measure(posts: Posts, budgets: Sequence[str]) -> list[dict[str, Any]]:
    """One training by default, and one for each budget: seconds asked for or said, and seconds taken."""
    found = []
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
