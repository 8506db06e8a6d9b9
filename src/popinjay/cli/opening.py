"""Open a file or folder as a double click would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path

SECONDS = 5.0  # a starter that takes longer has found something to start


def opened(path: Path) -> bool:
    """Open a file or folder with the program of the desktop; return whether there is one."""
    if sys.platform == "win32":
        with suppress(OSError):
            os.startfile(path)  # noqa: S606 (as a double click)
            return True
        return False
    if sys.platform == "darwin":
        return _started("open", path)
    if not has_desktop():
        return False
    if _started("xdg-open", path) or (_is_wsl() and _started("wslview", path)):
        return True
    return path.suffix == ".html" and webbrowser.open(path.as_uri())


def has_desktop() -> bool:
    """Return whether this machine has a desktop, on which a browser can be opened."""
    if sys.platform in ("win32", "darwin"):
        return not os.environ.get("SSH_CONNECTION")
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or _is_wsl())


def _is_wsl() -> bool:
    return "WSL_DISTRO_NAME" in os.environ


def _started(program: str, path: Path) -> bool:
    """Return whether a program accepted a path."""
    if (found := shutil.which(program)) is None:
        return False
    try:
        done = subprocess.run(  # noqa: S603
            [found, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True
    except OSError:
        return False
    return done.returncode == 0
