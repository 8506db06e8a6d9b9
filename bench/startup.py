"""How long `popinjay --help` takes against a Python that does nothing, as whole processes.

Run: python bench/startup.py, with the Python of the environment that popinjay is installed in.
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
    """Run it to its end, unseen. Raises CalledProcessError where it fails."""
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    """Time both and show it."""
    script = Path(sys.executable).parent / "popinjay"
    popinjay = [str(script)] if script.exists() else [sys.executable, "-m", "popinjay.cli.main"]
    pairs = in_turns(
        partial(run, [*popinjay, "--help"]), partial(run, [sys.executable, "-c", "pass"]), PAIRS
    )
    show_pairs(pairs, "popinjay --help", "python -c pass")


if __name__ == "__main__":
    main()
