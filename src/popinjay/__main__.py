"""`python -m popinjay`: the command line, for when the script is not on the path."""

from __future__ import annotations

import sys

from popinjay.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
