"""The phases of `make` that take time, in order.

A stage has one or more of them. Its events name the phase, so that the time left can be told for
all that is still to come (`make_clock.py`), and rates be kept for later makes (`estimate.py`).
"""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """A part of `make` whose duration grows with one amount of work."""

    PREPARE = "prepare"  # load the base model, score it, time a few steps
    LEARN = "learn"
    SETTLE = "settle"  # save the model, choose its sampling settings
    SCORE = "score"  # the held-out posts, by the model
    WRITE = "write"  # the posts that are measured
    SCORE_BASE = "score base"  # the held-out posts, by the untouched base model
    WRITE_BASE = "write base"  # as many posts by it, unless they are cached
    COMPARE = "compare"
    PICTURE = "picture"
    CARD = "card"


# In order; the first one begins with the stage.
PHASES_OF: dict[str, tuple[Phase, ...]] = {
    "train": (Phase.PREPARE, Phase.LEARN, Phase.SETTLE),
    "evaluate": (
        Phase.SCORE,
        Phase.WRITE,
        Phase.SCORE_BASE,
        Phase.WRITE_BASE,
        Phase.COMPARE,
    ),
    "picture": (Phase.PICTURE,),
    "card": (Phase.CARD,),
}
