"""Standard streams in all states that a shell allows: closed, full, or a broken pipe."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from contextlib import suppress
from dataclasses import asdict
from typing import TextIO

from popinjay.errors import OutputLost
from popinjay.events import Event

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))  # by file descriptor


def open_closed_streams() -> None:
    """Open the null device for standard streams that are closed (`>&-`).

    Otherwise the next file that is opened would get the descriptor of one of them, and what is
    printed would be written to that file.
    """
    for descriptor, (name, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is not None:
            continue
        null = os.open(os.devnull, os.O_RDWR)
        if null != descriptor and not _is_open(descriptor):
            os.dup2(null, descriptor)
            os.close(null)
            null = descriptor
        stream = open(null, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 (never closed)
        setattr(sys, name, stream)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def discard_output(stream: TextIO) -> None:
    """Send a stream's buffered output to the null device: Python's exit would fail on it again."""
    with suppress(OSError, ValueError):  # the stream has no file descriptor
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def print_error(text: str, *, indent: int = 2) -> None:
    """Write a line to standard error; if it can't be written, continue without it.

    On a terminal it is wrapped at words, with further lines indented by this many columns.
    """
    try:
        sys.stderr.write(f"{_wrapped(text, indent)}\n")
        sys.stderr.flush()
    except OSError:
        discard_output(sys.stderr)


def _wrapped(text: str, indent: int) -> str:
    """Return a text as a terminal shows it: whole words on each line, and whole addresses."""
    if not sys.stderr.isatty():
        return text
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):  # it is no terminal of the system
        columns = 0
    if len(text) < (columns or 80):
        return text
    beginning = text[: len(text) - len(text.lstrip())]
    return textwrap.fill(
        text.lstrip(),
        (columns or 80) - 1,
        initial_indent=beginning,
        subsequent_indent=" " * max(indent, len(beginning)),
        break_long_words=False,
        break_on_hyphens=False,
    )


def output_lost(error: OSError) -> OutputLost:
    """Return the error for standard output that can't be written, and discard the rest of it."""
    discard_output(sys.stdout)
    hint = "Free some space, or redirect the output. What was made is kept."
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
        raise output_lost(error) from error
