"""Have the user change a text: in their editor, or on a line with the text filled in."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from popinjay.errors import OptionError
from popinjay.standard_streams import print_error


def edited(text: str) -> str:
    """Return what the user makes of a text.

    With EDITOR (or VISUAL) set, that opens; else it is a line of the terminal. Raises OptionError
    if the editor can't be started, or ends with an error.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    return _in_editor(text, command) if command else _on_line(text)


def _in_editor(text: str, command: str) -> str:
    with tempfile.TemporaryDirectory(prefix="popinjay-") as folder:  # only its user may enter it
        file = Path(folder) / "draft.txt"
        file.write_text(text + "\n", encoding="utf-8")
        try:
            subprocess.run([*shlex.split(command), str(file)], check=True)  # noqa: S603 (theirs)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise OptionError(
                f"The editor {command!r} did not work: {error}.",
                "Set EDITOR to another one, or to nothing to edit on a line here.",
            ) from error
        return file.read_text(encoding="utf-8", errors="replace")


def _on_line(text: str) -> str:
    """Have a text edited on one line; with Ctrl-D or Ctrl-C it stays as it is."""
    try:
        import readline
    except ImportError:
        print_error("Type the new text; with Enter alone it stays as it is.")
        readline = None  # type: ignore[assignment]
    try:
        if readline is not None:
            readline.set_startup_hook(lambda: readline.insert_text(text))
        return input("> ") or text
    except (EOFError, KeyboardInterrupt):
        print_error("")
        return text
    finally:
        if readline is not None:
            readline.set_startup_hook(None)
