"""The page of `popinjay serve` in a real browser, with a real server in its own process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving import serve_command

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Locator, Page

PATIENCE = 180_000  # milliseconds, for what takes some seconds on an idle machine
# What a browser reports about a server that is gone.
EXPECTED = "ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE"
BAD_NAME = "<img src=x onerror=alert(1)> \u202eevil"
LONG_WORD = "W" * 10_000
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


class Server:
    """`popinjay serve` in its own process, always at the same port."""

    def __init__(self, home: Path, *more: str) -> None:
        self.home = home
        self._more = more
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = taken.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = serve_command(self.home, self.port, *self._more)
        surroundings = {
            **os.environ,
            "POPINJAY_TRACK": "none",
            "HF_HOME": str(self.home / "hub"),
            "HF_ENDPOINT": "http://127.0.0.1:9",
        }
        self._process = subprocess.Popen(command, env=surroundings, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.said = self._process.stdout.readline().decode()
        until = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, "popinjay serve ended at once"
            assert time.monotonic() < until, "popinjay serve does not answer"
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.address, timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path, timeout=30) as answer:
            return json.load(answer)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        self._process.communicate(timeout=60)


class Looked:
    """A page in the browser, with its error messages and requests."""

    def __init__(self, browser: Browser, server: Server, **settings: Any) -> None:
        self.server = server
        self.context = browser.new_context(**{"viewport": WIDE, **settings})
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", self._dismiss)
        self.page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((server.address, "blob:"))
                else self.strangers.append(request.url)
            ),
        )

    def _dismiss(self, dialog: Dialog) -> None:
        self.complaints.append("a dialog")
        dialog.dismiss()

    def go(self, where: str) -> Page:
        self.page.goto(f"{self.server.address}#/{where}")
        self.page.locator("h1").wait_for()
        return self.page

    def is_too_wide(self) -> bool:
        found: bool = self.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        return found


def write_ten(page: Page, prompt: str | None = None) -> Locator:
    """Let the persona on screen write ten posts; return them."""
    from playwright.sync_api import expect

    expect(page.get_by_role("button", name="Stop")).to_have_count(0)  # what is written on arrival
    if prompt is not None:
        page.get_by_label("It begins with").fill(prompt)
    page.get_by_label("It begins with").press("Enter")
    expect(page.get_by_role("button", name="Ten more")).to_be_visible()
    return finished_posts(page)


def finished_posts(page: Page) -> Locator:
    """Return the posts on screen that can be shared, without the kept ones."""
    return page.locator("ol .post", has=page.get_by_role("button", name="Share…"))


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """Return what axe finds on a page: its rules, and the elements that break them."""
    import pytest

    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="needs axe-playwright-python"
    )
    # To preload styles, axe would add an inline one, which the page's policy refuses.
    found = axe.Axe().run(page, options={"preload": False}).response["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]
