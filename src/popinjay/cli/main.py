"""Run a command line: its exit code, its errors, its signals. Only this module exits."""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from popinjay.cli import commands, library_output, terminal
from popinjay.cli.all_commands import parser
from popinjay.cli.defaults import with_defaults
from popinjay.errors import OptionError, PopinjayError
from popinjay.interrupts import Terminated, ended_by_signals
from popinjay.memory import memory_errors
from popinjay.post import one_line
from popinjay.standard_streams import discard_output, open_closed_streams, output_lost

__all__ = ["main", "parser"]

EXIT_PROBLEM = 2
EXIT_INTERRUPTED = 130
# What writing to standard output raises.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what Tab would complete
        from popinjay.cli.completion import complete

        complete()
    open_closed_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Characters that the terminal's encoding lacks are printed as escapes.
        sys.stdout.reconfigure(errors="backslashreplace")
    with _log_shown() if "--debug" in given else library_output.suppressed():
        return _run(given)


def _run(given: list[str]) -> int:
    """Run a command, print its error if there is one, and return its exit code."""
    try:
        args = _parsed(given)
        with memory_errors(), ended_by_signals():
            args.run(args)
        sys.stdout.flush()
    except PopinjayError as error:
        if "--debug" in given:
            raise
        terminal.show_error(one_line(error.message), one_line(error.hint))
        return EXIT_PROBLEM
    except KeyboardInterrupt:
        terminal.show_error("Stopped.", commands.hint_after_interrupt(given))
        return EXIT_INTERRUPTED
    except Terminated as error:
        terminal.show_error("Stopped.", commands.hint_after_interrupt(given))
        return 128 + error.number  # as shells do
    except BrokenPipeError:  # the reader of the pipe has closed it
        discard_output(sys.stdout)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        problem = output_lost(error)  # errors of any other file are StorageErrors
        terminal.show_error(problem.message, problem.hint)
        return EXIT_PROBLEM
    return 0


def _parsed(given: list[str]) -> argparse.Namespace:
    """Return the arguments, with the user's defaults for those not given. Raises OptionError."""
    if any("\x00" in word for word in given):
        raise OptionError("An argument can't contain a NUL byte.", "Check how it was passed.")
    top = parser()
    args, unknown = top.parse_known_args(given)
    if len(unknown) == 1 and not unknown[0].startswith("-") and getattr(args, "prompt", "") is None:
        # Before Python 3.13 argparse finds an optional positional argument only right after the
        # previous one.
        args.prompt = unknown.pop()
    if unknown:
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return with_defaults(args, top)


@contextmanager
def _log_shown() -> Iterator[None]:
    """Show popinjay's log records on standard error."""
    import logging

    log = logging.getLogger("popinjay")
    handler = logging.StreamHandler()
    level = log.level
    log.setLevel(logging.DEBUG)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


if __name__ == "__main__":
    sys.exit(main())
