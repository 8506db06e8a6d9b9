"""The keys of the review of a queue."""

from __future__ import annotations

from enum import Enum, auto

from popinjay.cli.keys import END

KEYS = (
    ("y", "yes: it may be posted"),
    ("n", "no: it is never posted, nor written again"),
    ("e", "edit it, and approve what you made of it"),
    ("l", "later: it comes after all others"),
    ("u", "undo, several steps back if you like"),
    ("?", "list these keys"),
    ("q", "quit, as do Ctrl-D and Ctrl-C; what you decided is saved"),
)
HINT = "y yes   n no   e edit   l later   u undo   q quit   ? help"


class Action(Enum):
    """What a key requests."""

    APPROVE = auto()
    REJECT = auto()
    EDIT = auto()
    LATER = auto()
    UNDO = auto()
    HELP = auto()
    QUIT = auto()


_ACTIONS = {
    "y": Action.APPROVE,
    "n": Action.REJECT,
    "e": Action.EDIT,
    "l": Action.LATER,
    "u": Action.UNDO,
    "?": Action.HELP,
    "h": Action.HELP,
    "q": Action.QUIT,
    END: Action.QUIT,
}


def action_of(key: str) -> Action | None:
    """Return what a key requests; None for a key that requests nothing. Case does not count."""
    return _ACTIONS.get(key.lower())
