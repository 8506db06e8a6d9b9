"""The language that a text looks to be in."""

from __future__ import annotations

import re

_NAMES = re.compile(r"[@#]\w+")


def detect_language(text: str) -> str:
    """Return the code of the language that the words look to be in, handles and hashtags aside."""
    import py3langid  # loads a model of some megabytes

    code: str = py3langid.classify(_NAMES.sub(" ", text))[0]
    return code
