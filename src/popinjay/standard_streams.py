"""Standard input, output and error as a shell may pass them: closed, full, or no longer read."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import TextIO

from popinjay.errors import OutputLost
from popinjay.events import Event

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))  # by number


def open_closed() -> None:
    """Replace streams that are closed (`>&-`) by the null device.

    Otherwise the next file that is opened gets a closed stream's number, and whatever is printed.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is not None:
            continue
        null = os.open(os.devnull, os.O_RDWR)
        if null != number and not _is_open(number):
            os.dup2(null, number)
            os.close(null)
            null = number
        stream = open(null, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 (stays open)
        setattr(sys, name, stream)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def divert(stream: TextIO) -> None:
    """Discard what is still to be written to a stream: it would fail again when Python exits."""
    with suppress(OSError, ValueError):  # the stream has no file descriptor
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def tell(text: str) -> None:
    """Write a line to standard error. If that fails, the line is dropped and work goes on."""
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except OSError:
        divert(sys.stderr)


def lost(error: OSError) -> OutputLost:
    """Return the error that says that standard output can't be written."""
    divert(sys.stdout)
    hint = "Free some space, or send it elsewhere. What was made is kept."
    return OutputLost(f"Standard output can't be written: {error.strerror or error}.", hint)


def print_event(event: Event) -> None:
    """Print an event to standard output as one JSON line, without its empty fields.

    Raises OutputLost if standard output can't be written, BrokenPipeError if its reader has gone.
    """
    row = {key: value for key, value in asdict(event).items() if value not in (None, "", {})}
    try:
        print(json.dumps(row, ensure_ascii=False), flush=True)
    except BrokenPipeError:  # the reader has what it wanted: no failure
        raise
    except OSError as error:
        raise lost(error) from error
