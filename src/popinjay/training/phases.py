"""The phases of `make` that take time, in order, and what the user is told of each."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """A part of `make`; a stage may have several."""

    PREPARE = "prepare"  # load the base model, score it, time a few steps
    LEARN = "learn"
    SETTLE = "settle"  # save the model, choose its sampling settings
    SCORE = "score"  # the held-out posts, by the model
    WRITE = "write"  # the posts that are measured
    BASE = "base"  # the same by the untouched base model, unless it is cached
    COMPARE = "compare"
    PICTURE = "picture"
    CARD = "card"
