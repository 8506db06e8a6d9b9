"""Compare the time of `popinjay --help` with that of a Python that does nothing.

    python bench/startup.py

Both are timed as whole processes. Run it with the Python of the environment that popinjay is
installed in.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pairs import in_turns, show_pairs

PAIRS = 15


def run(command: Sequence[str]) -> None:
    """Run a command to its end without output. Raises CalledProcessError if it fails."""
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    """Time both in turns and print the result."""
    script = Path(sys.executable).parent / "popinjay"
    popinjay = [str(script)] if script.exists() else [sys.executable, "-m", "popinjay.cli.main"]
    pairs = in_turns(
        partial(run, [*popinjay, "--help"]), partial(run, [sys.executable, "-c", "pass"]), PAIRS
    )
    show_pairs(pairs, "popinjay --help", "python -c pass")


if __name__ == "__main__":
    main()
