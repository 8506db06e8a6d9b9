"""A console for files and pipes, whose lines end where their text ends."""

from __future__ import annotations

import re
from typing import Any

from rich.console import Console

_BLANKS_AT_END = re.compile(r" +(?=\n)")


class PipedConsole(Console):
    """A console that leaves out the blanks that fill the last column of a table."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as `rich` does, without blanks at the ends of lines."""
        with self.capture() as printed:
            super().print(*objects, **options)
        self.file.write(_BLANKS_AT_END.sub("", printed.get()))
        self.file.flush()
