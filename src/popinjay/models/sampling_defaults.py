"""A model's default temperature and top-p, in its generation config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from popinjay.models.generation_config import (
    UNREADABLE,
    read_config,
    unreadable,
    write_config,
)
from popinjay.options import Sampling, SayOptions

PLAIN = Sampling(1.0, 0.95)  # HuggingTweets' settings, for models whose config gives none


def read_sampling(folder: Path) -> Sampling:
    """Read the defaults from a model folder's generation_config.json; PLAIN if it has none.

    Raises BaseModelError if the file is invalid.
    """
    config = PLAIN._asdict() | read_config(folder)
    temperature, top_p = config["temperature"], config["top_p"]
    try:
        sampling = Sampling(float(temperature), float(top_p))
    except UNREADABLE as error:
        raise unreadable(folder, error) from error
    if not (0 < sampling.temperature <= 10 and 0 < sampling.top_p <= 1):
        raise unreadable(folder, f"temperature {temperature}, top_p {top_p}")
    return sampling


def write_sampling(folder: Path, sampling: Sampling) -> None:
    """Set the defaults in a model folder's generation_config.json."""
    write_config(folder, read_config(folder) | sampling._asdict())


def unprompted_settings(given: Sampling, seed: int) -> dict[str, Any]:
    """Return the settings of unprompted posts, for the report and to identify cached ones."""
    return {**given._asdict(), "max_tokens": SayOptions.max_tokens, "seed": seed}
