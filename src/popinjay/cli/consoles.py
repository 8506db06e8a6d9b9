"""The consoles that text for people is printed to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

UNLIMITED_WIDTH = 10_000  # columns of output to a file or pipe, whose lines are not wrapped


def console(*, stderr: bool = False) -> Console:
    """Return a console that prints text as it is: no markup, no highlighting of numbers."""
    plain: dict[str, Any] = {"stderr": stderr, "markup": False, "highlight": False, "emoji": False}
    if (sys.stderr if stderr else sys.stdout).isatty():
        from rich.console import Console

        return Console(**plain)
    from popinjay.cli.piped_console import PipedConsole

    return PipedConsole(**plain, width=UNLIMITED_WIDTH)
