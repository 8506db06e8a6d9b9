"""Times, sizes and counts in words, as the page writes them too (`assets/serve/words.js`)."""

from __future__ import annotations

_SIZES = ("bytes", "KB", "MB", "GB", "TB")


def duration(seconds: float) -> str:
    """Return a time in words: seconds up to a minute and a half, then minutes, then hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun: "1 post", "1,024 posts"."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def size(count: float) -> str:
    """Return a number of bytes in words, in powers of 1000."""
    unit = 0
    while count >= 1000 and unit < len(_SIZES) - 1:
        count /= 1000
        unit += 1
    digits = 1 if unit and count < 10 else 0
    return f"{count:,.{digits}f} {_SIZES[unit]}"
