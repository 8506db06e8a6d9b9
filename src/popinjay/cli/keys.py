"""Read single keys from the terminal, without Enter."""

from __future__ import annotations

import os
import sys

END = "\x04"  # Ctrl-D, and a terminal that is closed
_ESCAPE = 0x1B
_SEQUENCE_SECONDS = 0.05  # within which the rest of an arrow key's bytes come


def read_key() -> str:
    """Return the next key as a character; of keys that send several, such as arrows, nothing.

    Ctrl-C raises KeyboardInterrupt. Keys that were pressed before count too.
    """
    if os.name == "nt":
        return _read_on_windows()
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal, termios.TCSADRAIN)
    try:
        return _read(terminal)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _read(terminal: int) -> str:
    import select

    data = os.read(terminal, 1)
    if data in (b"", b"\0"):  # a Ctrl-D that came between two keys is read as \0
        return END
    if data[0] == _ESCAPE:
        while select.select([terminal], [], [], _SEQUENCE_SECONDS)[0]:
            if not (more := os.read(terminal, 1)) or more.isalpha() or more == b"~":
                break
        return ""
    rest = 3 if data[0] >= 0xF0 else 2 if data[0] >= 0xE0 else 1 if data[0] >= 0xC0 else 0
    for _ in range(rest):
        data += os.read(terminal, 1)
    return data.decode("utf-8", "replace")


def _read_on_windows() -> str:
    import msvcrt

    key: str = msvcrt.getwch()  # type: ignore[attr-defined]
    if key == "\x03":
        raise KeyboardInterrupt
    if key in ("\x00", "\xe0"):  # the first half of an arrow or function key
        msvcrt.getwch()  # type: ignore[attr-defined]
        return ""
    return END if key == "\x1a" else key
