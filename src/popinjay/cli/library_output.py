"""Suppress the warnings and log records of libraries, which users can do nothing about."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def suppressed() -> Iterator[None]:
    """Keep warnings and log records of libraries off standard error.

    Warnings that were requested from Python (-W, PYTHONWARNINGS) are shown. Records go to the
    handlers of the calling program; without any, Python would print those of level WARNING.
    """
    root = logging.getLogger()
    null_handler = logging.NullHandler()
    show = warnings.showwarning
    root.addHandler(null_handler)
    if not sys.warnoptions:
        warnings.showwarning = _ignore
    try:
        yield
    finally:
        warnings.showwarning = show
        root.removeHandler(null_handler)


def _ignore(*args: object, **kwargs: object) -> None:
    """Show no warning."""
