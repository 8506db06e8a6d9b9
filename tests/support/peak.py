"""The peak memory of a program."""

from __future__ import annotations

import subprocess
import sys
from typing import NamedTuple

# A process inherits the peak of its parent. A small process in between keeps pytest's out of it.
_BETWEEN = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(done.returncode)
"""
READ_ALL = """
import sys
from popinjay import sources
from popinjay.options import CollectOptions
for post in sources.read(sys.argv[1], CollectOptions()).posts():
    pass
"""


class Peak(NamedTuple):
    """The peak memory of a program and its output."""

    megabytes: float
    output: str


def peak_of(*arguments: str) -> Peak:
    """Run Python with these arguments to its end. Raise CalledProcessError if it fails."""
    done = subprocess.run(
        [sys.executable, "-c", _BETWEEN, sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    largest = int(done.stderr.split()[-1])  # in kilobytes, but in bytes on macOS
    return Peak(largest / 2**20 if sys.platform == "darwin" else largest / 2**10, done.stdout)
