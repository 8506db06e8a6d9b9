"""Take the screenshot of an exported page: `python docs/make_web_screenshot.py NAME`.

NAME is a persona of the demo, whose people are fictional, such as `nellmarrow`. It is exported,
opened in Chromium, and writes ten posts; no seed decides which.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from chromium import chromium
from popinjay.exporting.export import export
from popinjay.exporting.web.serving import served
from popinjay.store.run import Run
from static_host import LOOPBACK

FILE = Path(__file__).parent / "screenshots" / "web.png"
SIZE = {"width": 1000, "height": 760}  # pixels
MOST_BYTES = 150_000
PATIENCE = 120_000  # milliseconds


def main(name: str) -> None:
    """Export a persona and write the screenshot of its page."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / name
        export(Run.find(name), "web", place)
        with served(place) as address, chromium(LOOPBACK) as browser:
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            page.goto(address)
            page.wait_for_selector("body[data-ready]", timeout=PATIENCE)
            page.locator("#beginnings button").first.click()
            page.wait_for_selector("body[data-speed]", timeout=PATIENCE)
            page.mouse.move(0, 0)
            page.screenshot(path=FILE)
    print(f"{FILE}: {FILE.stat().st_size:,} bytes of at most {MOST_BYTES:,}")


if __name__ == "__main__":
    main(sys.argv[1])
