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


def roughly(seconds: float) -> str:
    """Return an estimated time in words, no more precise than it is: "about 5 minutes"."""
    if seconds < 20:
        return "a few seconds"
    if seconds < 50:
        return f"about {round(seconds, -1):.0f} seconds"
    minutes = seconds / 60
    if minutes < 1.5:
        return "about a minute"
    if minutes < 55:
        return f"about {minutes if minutes < 10 else 5 * round(minutes / 5):.0f} minutes"
    hours = minutes / 60
    if hours < 1.25:
        return "about an hour"
    return f"about {hours:.0f} hours" if hours >= 10 else f"about {hours:.1f} hours"


def time_left(seconds: float) -> str:
    """Return how long something will still take, in steps that a person can use."""
    if seconds < 10:
        return "a few seconds left"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s left"
    if seconds < 3600:
        return f"about {seconds / 60:.0f} min left"
    hours = seconds / 3600
    return f"about {hours:.0f} h left" if hours >= 10 else f"about {hours:.1f} h left"
