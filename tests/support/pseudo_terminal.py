"""A real process in a real pseudo-terminal, and a user who types and reads."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence

PATIENCE = 120.0  # seconds, on a machine that is busy with other things
_ERASED = re.compile(
    r"[^\n]*(?:\r\x1b\[2K|\r\x1b\[J|[\r\n]+(?:\x1b\[\?25h)?[\r\n]*\x1b\[1A\x1b\[2K)"
)
_DRAWING = re.compile(r"\x1b\[[\d;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
# A shell runs background jobs with SIGINT ignored, which all processes started here would inherit.
_TAKE = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


class Terminal:
    """A Python process with its own terminal, in which Ctrl-C and Ctrl-D work as for users."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], *, columns: int = 80
    ) -> None:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (40, columns))
        os.set_blocking(self._ours, False)
        self._bytes = b""
        self.raw = ""
        self._read = ""  # what was shown when the last pattern was found, up to its end
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            # Its size is the terminal's, not that of the terminal in which the tests run.
            env={
                name: value
                for name, value in environment.items()
                if name not in ("COLUMNS", "LINES")
            },
        )
        os.close(theirs)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def until(self, pattern: str) -> str:
        """Return what is shown up to the next match of the pattern, without colours and drawing."""
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, shown := self._unread())):
            assert time.monotonic() < end, f"waited for {pattern!r}, and saw {shown!r}"
            assert self._hear(), f"it ended; waited for {pattern!r}, and saw {shown!r}"
        self._read = self.shown[: len(self.shown) - len(shown) + found.end()]
        return shown[: found.end()]

    def _unread(self) -> str:
        """Return what is shown after the last match; all of its line if that was drawn anew."""
        shown, read = self.shown, self._read
        while not shown.startswith(read):
            read = read[: read.rstrip("\n").rfind("\n") + 1]
        return shown[len(read) :]

    @property
    def shown(self) -> str:
        """Return all that was shown so far, without colours, drawing and erased text."""
        return _DRAWING.sub("", _ERASED.sub("", self.raw)).replace("\r", "")

    def end(self) -> int:
        """Wait until it ends; return its exit code."""
        while self._hear():
            pass
        return self._process.wait(PATIENCE)

    def _hear(self) -> bool:
        """Read what is shown next; return False at the end."""
        select.select([self._ours], [], [], 1.0)
        try:
            data = os.read(self._ours, 65536)
        except BlockingIOError:
            return True
        except OSError:  # Linux's sign that the other side is closed
            return False
        self._bytes += data
        self.raw = self._bytes.decode("utf-8", "replace")
        return bool(data)
