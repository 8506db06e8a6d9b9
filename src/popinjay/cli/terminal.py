"""What every command shows in its own way or not at all: JSON, errors and warnings."""

from __future__ import annotations

import json
from typing import Any

from popinjay.standard_streams import print_error


def show_json(value: Any) -> None:
    """Print a JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def show_still_known(name: str, what: str) -> None:
    """Warn that a model still knows what was forgotten, unless `what` is empty."""
    if what:
        print_error(
            f"popinjay: warning: {name} was told to forget {what}, but its model learnt from it "
            "and knows it until it is trained again."
        )
        print_error(f"          Train it again: popinjay forget {name} --retrain")


def show_error(message: str, hint: str) -> None:
    """Print an error and a hint on standard error."""
    print_error(f"popinjay: {message}")
    if hint:
        print_error(f"          {hint}")
