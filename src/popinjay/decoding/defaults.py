"""How a model samples unless it is asked otherwise: temperature and top-p of its generation config."""

from __future__ import annotations

import json
from pathlib import Path

from popinjay.decoding.special import FILE
from popinjay.errors import BaseModelError
from popinjay.options import Sampling

PLAIN = Sampling(1.0, 0.95)  # HuggingTweets' settings, for models that say nothing of it


def read_sampling(folder: Path) -> Sampling:
    """Read the defaults from a model folder's generation_config.json; PLAIN if it has none.

    Raises BaseModelError for a file that can't be understood.
    """
    try:
        config = json.loads((folder / FILE).read_text(encoding="utf-8"))
        temperature = config.get("temperature", PLAIN.temperature)
        top_p = config.get("top_p", PLAIN.top_p)
        sampling = Sampling(float(temperature), float(top_p))
    except FileNotFoundError:
        return PLAIN
    except (OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise _unreadable(folder, error) from error
    if not (0 < sampling.temperature <= 10 and 0 < sampling.top_p <= 1):
        raise _unreadable(folder, f"temperature {temperature}, top_p {top_p}")
    return sampling


def write_sampling(folder: Path, sampling: Sampling) -> None:
    """Change the defaults in a model folder's generation_config.json."""
    file = folder / FILE
    config = json.loads(file.read_text(encoding="utf-8"))
    changed = json.dumps(config | sampling._asdict(), indent=2, sort_keys=True)
    file.write_text(changed + "\n", encoding="utf-8")


def _unreadable(folder: Path, why: object) -> BaseModelError:
    return BaseModelError(
        f"The {FILE} in {folder} can't be read: {why}",
        "It must be a folder as transformers writes it.",
    )
