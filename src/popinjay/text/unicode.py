"""Characters that are invisible, but change how the text around them is shown."""

from __future__ import annotations

import re

# Embeddings, overrides, isolates, and the deprecated format characters behind them.
_DIRECTION_MARKS = re.compile("[\u202a-\u202e\u2066-\u206f]")


def without_direction_marks(text: str) -> str:
    """Return the text without marks that could turn the direction of what stands beside it."""
    return _DIRECTION_MARKS.sub("", text)
