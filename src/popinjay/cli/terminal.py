"""What every command shows in its own way or not at all: JSON, errors and warnings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from popinjay.standard_streams import print_error

if TYPE_CHECKING:
    from popinjay.store.run import Run

PREFIX = "popinjay: "


def show_json(value: Any) -> None:
    """Print a JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def show_still_known(run: Run) -> None:
    """Warn if a persona's model still knows what was forgotten. Raises PersonaError."""
    from popinjay.store.forgotten import Forgotten, clearing_command

    what = Forgotten.of(run).still_known(run).in_words()
    if not what:
        return
    if run.record.blend:
        show_error(
            f"warning: the posts that {run.name} was blended from are not what they were: {what} "
            "is forgotten, but its model knows it until it is blended again.",
            f"After its members are trained again: {clearing_command(run)}",
        )
    else:
        show_error(
            f"warning: {run.name} was told to forget {what}, but its model learnt from it and "
            "knows it until it is trained again.",
            f"Train it again: {clearing_command(run)}",
        )


def show_error(message: str, hint: str) -> None:
    """Print an error and a hint on standard error."""
    print_error(f"{PREFIX}{message}", indent=len(PREFIX))
    if hint:
        show_note(hint)


def show_note(text: str) -> None:
    """Print a sentence on standard error, below the errors."""
    print_error(f"{' ' * len(PREFIX)}{text}", indent=len(PREFIX))
