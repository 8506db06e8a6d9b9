"""The consoles that text for people is printed to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

UNLIMITED_WIDTH = 10_000  # columns of output to a file or pipe, whose lines are not wrapped


def console(*, stderr: bool = False) -> Console:
    """Return a console that prints text as it is: no markup, no highlighting of numbers."""
    from rich.console import Console

    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(
        stderr=stderr,
        markup=False,
        highlight=False,
        emoji=False,
        width=None if is_terminal else UNLIMITED_WIDTH,
    )
