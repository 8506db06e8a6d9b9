"""An exported page in a browser: waiting for its model, and having it write."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SECONDS = 120_000  # milliseconds, for what takes a few seconds on an idle machine
READY, ENDED = "body[data-ready]", "body[data-speed]"
POSTS = "#posts li[aria-busy=false] p"


def opened(page: Page, address: str) -> list[str]:
    """Open the page and wait for the model; returns what the console will say."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    page.wait_for_selector(READY, timeout=SECONDS)
    return said


def written(page: Page, beginning: str = "") -> Locator:
    """Have posts written that begin like this; returns where they stand."""
    page.evaluate("delete document.body.dataset.speed")
    page.fill("#beginning", beginning)
    page.click("#write")
    page.wait_for_selector(ENDED, timeout=SECONDS)
    return page.locator(POSTS)
