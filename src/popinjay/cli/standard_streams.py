"""Standard input, output and error as a shell may hand them over: closed, full, or read by nobody any more."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

from popinjay.errors import OutputLost

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))  # by number


def open_closed() -> None:
    """Put the null device in the place of streams that are closed (`>&-`).

    Otherwise the next file that is opened gets the number of one of them, and whatever is printed.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is not None:
            continue
        null = os.open(os.devnull, os.O_RDWR)
        if null != number and not _is_open(number):
            os.dup2(null, number)
            os.close(null)
            null = number
        setattr(sys, name, open(null, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 (it stays open to the end)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def divert(stream: TextIO) -> None:
    """Send what is still to be written to a stream nowhere: it would only fail again, when Python ends."""
    with suppress(OSError, ValueError):  # no file behind it
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def tell(text: str) -> None:
    """Write a line to standard error. Where it can't be written, the work goes on without."""
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except OSError:
        divert(sys.stderr)


def lost(error: OSError) -> OutputLost:
    """Say that standard output can't be written."""
    divert(sys.stdout)
    hint = "Free some space, or send it elsewhere. What was made is kept."
    return OutputLost(f"Standard output can't be written: {error.strerror or error}.", hint)
