"""The generation_config.json of a model's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from popinjay.errors import BaseModelError

FILE = "generation_config.json"
UNREADABLE = (OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError)


def read_config(folder: Path) -> dict[str, Any]:
    """Read the file; an empty dict if there is none. Raises BaseModelError if it can't be read."""
    try:
        config = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except UNREADABLE as error:
        raise unreadable(folder, error) from error
    if not isinstance(config, dict):
        raise unreadable(folder, "it holds no object")
    return config


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write the file."""
    text = json.dumps(config, indent=2, sort_keys=True)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def unreadable(folder: Path, why: object) -> BaseModelError:
    """Return the error for a file that can't be read."""
    return BaseModelError(
        f"The {FILE} in {folder} can't be read: {why}",
        "It must be a folder as transformers writes it.",
    )
