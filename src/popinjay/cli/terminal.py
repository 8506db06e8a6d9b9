"""What every command shows in its own way or not at all: JSON, errors and warnings."""

from __future__ import annotations

import json
from typing import Any

from popinjay.standard_streams import print_error

PREFIX = "popinjay: "


def show_json(value: Any) -> None:
    """Print a JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def show_still_known(name: str, what: str) -> None:
    """Warn that a model still knows what was forgotten, unless `what` is empty."""
    if what:
        show_error(
            f"warning: {name} was told to forget {what}, but its model learnt from it and knows it "
            "until it is trained again.",
            f"Train it again: popinjay forget {name} --retrain",
        )


def show_error(message: str, hint: str) -> None:
    """Print an error and a hint on standard error."""
    print_error(f"{PREFIX}{message}", indent=len(PREFIX))
    if hint:
        show_note(hint)


def show_note(text: str) -> None:
    """Print a sentence on standard error, below the errors."""
    print_error(f"{' ' * len(PREFIX)}{text}", indent=len(PREFIX))
