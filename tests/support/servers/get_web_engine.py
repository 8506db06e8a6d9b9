"""Fetch the engine of exported pages into the user's cache, where tests find it: `make engine`.

Without it the tests that open such a page are skipped.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from popinjay.errors import PopinjayError
from popinjay.events import ignore
from popinjay.exporting.web.engine import add_engine, is_kept

if __name__ == "__main__" and not is_kept():
    print("Fetching the engine of exported pages for tests (once, 33 MB)")
    try:
        with tempfile.TemporaryDirectory() as folder:
            # The registry may be a mirror in the local network.
            add_engine(Path(folder, "engine"), ignore, allow_local=True)
    except PopinjayError as error:
        print(f"Skipping the tests that open exported pages: {error.message}", file=sys.stderr)
