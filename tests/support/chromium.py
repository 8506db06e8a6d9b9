"""Debian's Chromium for tests of pages: without a window, and without a way out of this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
# The browser is another process, so that the network block in conftest.py does not reach it.
NOWHERE = "MAP * ~NOTFOUND"

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Debian's chromium: sudo apt-get install chromium"
)


@contextmanager
def chromium(reaches: str = NOWHERE) -> Iterator[Browser]:
    """Run a browser; `reaches` are Chromium's rules of which hosts it may resolve."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*QUIET, f"--host-resolver-rules={reaches}"]
        )
        yield running
        running.close()
