"""What libraries warn and log about: kept from people, who can do nothing about it."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_back() -> Iterator[None]:
    """Keep warnings and log records of libraries off standard error.

    Whoever asks Python for warnings (-W, PYTHONWARNINGS) has them. Records go to whatever handlers
    the program that called us has set up; without any, Python would print those of level WARNING.
    """
    root, nowhere, show = logging.getLogger(), logging.NullHandler(), warnings.showwarning
    root.addHandler(nowhere)
    if not sys.warnoptions:
        warnings.showwarning = _to_nobody
    try:
        yield
    finally:
        warnings.showwarning = show
        root.removeHandler(nowhere)


def _to_nobody(*about: object, **more: object) -> None:
    """Show no warning."""
