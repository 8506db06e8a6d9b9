"""Commands as they are typed into a shell."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from popinjay.options import flag


def shell_command(words: Sequence[str], options: Mapping[str, Any] | None = None) -> str:
    """Return a command with words and options by name, quoted where the shell needs it.

    An option that is True is a flag without a value.
    """
    line = ["popinjay", *words]
    for name, value in (options or {}).items():
        line += [flag(name)] if value is True else [flag(name), str(value)]
    return subprocess.list2cmdline(line) if os.name == "nt" else shlex.join(line)
