"""The keys of the interactive session, and what a typed line requests."""

from __future__ import annotations

import re
from enum import Enum, auto

from popinjay.options import DIALS
from popinjay.store.kept import FILE

KEYS = (
    ("any text", "how the posts begin; empty for any beginning"),
    ("r", "ten others with the same beginning"),
    ("u", "back to the ten posts before these"),
    ("+ -", "more or less daring: raise or lower the temperature; ++ is two steps"),
    ("emoji=0.5", "turn a dial, such as emoji, hashtags or length; emoji= turns it back, = all"),
    ("3", "copy the third post (if your terminal allows it)"),
    ("s, s 3", f"save the post that you copied, or the third, to {FILE}"),
    ("?", "list these keys"),
    ("q", "quit, as does Ctrl-D; Ctrl-C stops the writing"),
)
ESCAPE = "To begin posts with one of these keys, type a space before it."
FIRST_HINT = "r ten others, + - more or less daring, 3 copies the third, s 3 saves it, ? help"


class Action(Enum):
    """What a typed line requests."""

    SAMPLE = auto()
    REPEAT = auto()
    BACK = auto()
    TEMPERATURE = auto()
    DIAL = auto()
    COPY = auto()
    SAVE = auto()
    HELP = auto()
    QUIT = auto()
    QUIT_WORD = auto()


_COMMANDS = (
    (re.compile(r"r()"), Action.REPEAT),
    (re.compile(r"u()"), Action.BACK),
    (re.compile(r"(\++|-+)"), Action.TEMPERATURE),
    (re.compile(rf"((?:{'|'.join(DIALS)}) ?= ?[\d.,]*|=)"), Action.DIAL),
    (re.compile(r"(\d{1,2})"), Action.COPY),
    (re.compile(r"s ?(\d{0,2})"), Action.SAVE),
    (re.compile(r"(?:\?|help)()"), Action.HELP),
    (re.compile(r"q()"), Action.QUIT),
    # How other programs are left. A post may well begin so, thus the session does not end.
    (re.compile(r"((?:quit|exit)(?:\(\))?|:w?q!?)"), Action.QUIT_WORD),
)


def parse(line: str) -> tuple[Action, str]:
    """Return the action of a line with its argument: the prompt, the number, signs or word.

    A line that starts with a space is a prompt, whatever it contains.
    """
    for pattern, action in _COMMANDS:
        if found := pattern.fullmatch(line.rstrip()):
            return action, found[1]
    return Action.SAMPLE, line.lstrip()
