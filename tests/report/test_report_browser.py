"""Tests of the report's page in a real browser: the quiz, themes, small screens, no requests."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from chromium import chromium, needs_chromium
from popinjay.report.charts import Side
from popinjay.report.html import fragment
from popinjay.report.schema import Report
from reports import content, metrics, page, real_posts, report, written_posts

pytest.importorskip("playwright.sync_api", reason="needs playwright, which drives the browser")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page, Route

HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "\u202eevil \u2067deep",
    "W" * 900,
    "z" + "\u0341" * 300,
    "مرحبا يا صديقي",
    "<b>bold</b> & \u2028 so",
]

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


class Looked:
    """A page in the browser, with its error messages and requests."""

    def __init__(self, browser: Browser, file: Path, **settings: Any) -> None:
        self.page: Page = browser.new_page(
            **{"viewport": {"width": 1280, "height": 900}, **settings}
        )
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", self._dismiss)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())

    def _dismiss(self, dialog: Dialog) -> None:
        self.complaints.append("a dialog")
        dialog.dismiss()

    def width(self) -> int:
        found: int = self.page.evaluate("document.documentElement.scrollWidth")
        return found

    def background(self) -> str:
        found: str = self.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return found


@pytest.fixture
def look(browser: Browser, tmp_path: Path) -> Iterator[Any]:
    """Open the page of a report.

    At the end, it must have no errors and no requests but for its own file.
    """
    looked: list[Looked] = []

    def begin(text: str, **settings: Any) -> Looked:
        file = tmp_path / "report.html"
        file.write_text(text, encoding="utf-8")
        looked.append(Looked(browser, file, **settings))
        return looked[-1]

    yield begin
    for one in looked:
        one.page.close()
        assert one.complaints == []
        assert one.requests == [(tmp_path / "report.html").as_uri()]


def state(looked: Looked) -> dict[str, Any]:
    """Return what the quiz shows, and which of its two posts is real.

    Generated posts never say that they are real.
    """
    found: dict[str, Any] = looked.page.evaluate("""() => {
        const text = (id) => document.getElementById(id).textContent;
        const posts = [...document.querySelectorAll(".post")];
        const texts = posts.map(post => post.querySelector(".text").textContent);
        return {
            count: text("count"),
            score: text("score"),
            told: text("told"),
            title: text("game-title"),
            result: text("result"),
            meaning: text("meaning"),
            texts,
            tags: posts.map(post => post.querySelector(".tag").textContent),
            real: texts.findIndex(text => text.includes("really")),
            waits: document.getElementById("next").disabled,
            isOver: document.getElementById("play").hidden,
        };
    }""")
    return found


def test_the_quiz_can_be_played_with_the_mouse(look: Any) -> None:
    looked = look(page())
    for number in range(20):
        before = state(looked)
        assert (before["count"], before["told"], before["waits"]) == (
            f"Pair {number + 1} of 20",
            "",
            True,
        )
        assert sum("really" in text for text in before["texts"]) == 1
        place = before["real"]
        is_right = number < 13
        looked.page.locator(".post").nth(place if is_right else 1 - place).click()
        after = state(looked)
        assert after["told"] == f"{'Right' if is_right else 'No'}: number {place + 1} is real."
        assert after["tags"][place].startswith("real")
        assert after["tags"][1 - place].startswith("made up")
        assert after["score"] == f"you: {min(number + 1, 13)} right"
        # A second choice changes nothing.
        looked.page.evaluate("document.querySelectorAll('.post').forEach(post => post.click())")
        assert state(looked)["score"] == after["score"]
        looked.page.keyboard.press("Enter")
    end = state(looked)
    assert end["isOver"]
    assert end["title"] == "You: 13 of 20"
    assert end["result"] == "It takes 15 to be more than luck: the model fooled you."
    assert end["meaning"] == (
        "Guessing finds 10 of 20 on average. A program that goes by style alone finds about 12."
    )


def play_by_keys(looked: Looked, *, rightly: bool) -> list[str]:
    """Play all pairs; return the posts that came first."""
    firsts = []
    for _ in range(20):
        now = state(looked)
        firsts.append(now["texts"][0])
        looked.page.keyboard.press(str(now["real"] + 1 if rightly else 2 - now["real"]))
        looked.page.keyboard.press("Enter")  # the button for the next one has the focus
    return firsts


def test_the_quiz_can_be_played_with_keys_and_restarted(look: Any) -> None:
    looked = look(page())
    first_round = play_by_keys(looked, rightly=True)
    end = state(looked)
    assert end["title"] == "You: 20 of 20"
    assert end["result"] == "15 or more is rarely luck: you can tell."
    looked.page.keyboard.press("Tab")
    looked.page.keyboard.press("Enter")
    again = state(looked)
    assert (again["count"], again["score"], again["isOver"]) == (
        "Pair 1 of 20",
        "you: 0 right",
        False,
    )
    assert play_by_keys(looked, rightly=False) != first_round
    assert state(looked)["title"] == "You: 0 of 20"


def test_keys_outside_of_the_quiz_are_ignored(look: Any) -> None:
    looked = look(page())
    looked.page.locator("summary").first.focus()
    looked.page.keyboard.press("1")
    assert looked.page.locator("#told").text_content() == ""


def test_few_pairs_give_a_remark_about_chance(look: Any) -> None:
    looked = look(page(real=real_posts(3)))
    for _ in range(3):
        looked.page.keyboard.press("1")
        looked.page.keyboard.press("Enter")
    assert "of 3" in (looked.page.locator("#game-title").text_content() or "")
    assert "luck and a good eye look the same" in (
        looked.page.locator("#result").text_content() or ""
    )


def test_both_themes_and_the_switch(look: Any) -> None:
    light, dark = look(page(), color_scheme="light"), look(page(), color_scheme="dark")
    colours = light.background(), dark.background()
    assert colours[0] != colours[1]
    switch = light.page.locator("#theme")
    assert switch.get_attribute("aria-label") == "Switch to dark colours"
    switch.click()
    assert light.background() == colours[1]
    switch.click()
    assert light.background() == colours[0]
    dark.page.locator("#theme").click()
    assert dark.background() == colours[0]


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_screen(look: Any, width: int) -> None:
    told = report(verdict="W" * 200, notes=["X" * 300])
    against = Side("n" * 60, Report.from_json(told), metrics(500), written_posts())
    looked = look(
        page(name="m" * 200, authors=["y" * 200], report=told, against=against, real=HOSTILE),
        viewport={"width": width, "height": 740},
    )
    looked.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert looked.width() <= width
    for _ in HOSTILE:
        looked.page.keyboard.press("1")
        assert looked.width() <= width
        looked.page.keyboard.press("Enter")


@pytest.mark.parametrize(
    "against",
    [
        None,
        Side("ada-by-another-base", Report.from_json(report()), metrics(260, 1.9), written_posts()),
    ],
)
def test_labels_of_plots_do_not_overlap_on_a_phone(look: Any, against: Side | None) -> None:
    looked = look(page(against=against), viewport={"width": 360, "height": 740})
    looked.page.locator(".numbers > summary").click()
    overlapping = looked.page.evaluate("""() => {
        const overlap = (a, b) => a.left < b.right - 1 && b.left < a.right - 1
            && a.top < b.bottom - 4 && b.top < a.bottom - 4;
        const wordsOf = svg => [...svg.querySelectorAll("text")].map(
            text => [text.textContent, text.getBoundingClientRect()]);
        return [...document.querySelectorAll("svg.plot")].map(wordsOf).flatMap(words =>
            words.flatMap(([one, a], n) => words.slice(n + 1)
                .filter(([, b]) => overlap(a, b)).map(([other]) => [one, other])));
    }""")
    assert overlapping == []


def test_hostile_posts_are_shown_as_typed(look: Any) -> None:
    looked = look(
        page(
            real=HOSTILE,
            name="</title><script>alert(1)</script>",
            authors=["<img src=x onerror=alert(1)>"],
        )
    )
    seen = set()
    for _ in HOSTILE:
        seen |= set(looked.page.locator(".post .text").all_text_contents())
        looked.page.keyboard.press("2")
        looked.page.keyboard.press("Enter")
    assert {HOSTILE[0], HOSTILE[4], HOSTILE[5]} <= seen
    assert looked.page.title() == "<img src=x onerror=alert(1)>: report"
    assert looked.page.locator("img").count() == 0


def test_the_content_security_policy_blocks_foreign_content(
    look: Any, browser: Browser, tmp_path: Path
) -> None:
    """A page with a foreign script and picture in it: the browser loads neither."""
    file = tmp_path / "tampered.html"
    file.write_text(
        page().replace(
            "</main>",
            '<script>document.title = "broken"</script><img src="http://127.0.0.1:9/x.png"></main>',
        ),
        encoding="utf-8",
    )
    tampered = Looked(browser, file)
    assert tampered.page.title() == "Ada Lovelace: report"
    assert [text for text in tampered.complaints if "script-src" in text]
    assert [text for text in tampered.complaints if "img-src" in text or "default-src" in text]
    tampered.page.close()


def test_a_page_to_share_works_without_a_quiz(look: Any) -> None:
    looked = look(page(real=None))
    assert "made for sharing" in looked.page.locator("main").inner_text()
    assert looked.page.locator(".posts li").count() == 10
    before = looked.background()
    looked.page.locator("#theme").click()
    assert looked.background() != before


def test_without_javascript_only_the_quiz_is_missing(look: Any) -> None:
    looked = look(page(), java_script_enabled=False)
    assert looked.page.locator("svg.plot").count() == 15
    assert "needs JavaScript" in looked.page.locator("#game").inner_text()


def test_the_page_is_short_while_the_numbers_are_folded(look: Any) -> None:
    looked = look(page())
    height = looked.page.evaluate("document.documentElement.scrollHeight")
    assert height < 4000
    looked.page.locator(".numbers > summary").click()
    assert looked.page.evaluate("document.documentElement.scrollHeight") > height + 2000
    assert looked.page.locator("#game-title").bounding_box()["y"] < 300


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(look: Any, scheme: str) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="needs axe-playwright-python"
    )
    looked = look(page(), color_scheme=scheme)

    def check() -> None:
        found = axe.Axe().run(looked.page).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []

    check()
    looked.page.locator(".post").first.click()
    looked.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    check()
    play_by_keys(looked, rightly=True)
    check()


HOST = """<!doctype html><html lang="en"><title>Another page</title>
<style>:root { --ink: rgb(1, 2, 3); --card: rgb(250, 251, 252); color-scheme: light }
.post { outline: 9px solid red }</style>
<h1>Another page</h1><input id="field" aria-label="A field"><button id="leave">Leave</button>
<div id="here"></div>
<p class="verdict">of the other page</p>
<script type="module">
import { embedReport } from "/report.js";
const stop = new AbortController();
embedReport(document.getElementById("here"), await (await fetch("/content")).text(), stop);
document.getElementById("leave").addEventListener("click", () => stop.abort());
</script></html>"""


@pytest.fixture
def embedded(browser: Browser) -> Iterator[Page]:
    """Open another page that shows a report in a shadow root."""
    folder = importlib.resources.files("popinjay") / "assets" / "serve"
    files = {
        "/": ("text/html", HOST),
        "/content": ("text/html", fragment(content())),
        "/report.js": ("text/javascript", (folder / "report.js").read_text(encoding="utf-8")),
        "/report.css": ("text/css", (folder / "report.css").read_text(encoding="utf-8")),
    }
    shown = browser.new_page()
    complaints: list[str] = []
    shown.on("pageerror", lambda error: complaints.append(str(error)))

    def answer(route: Route) -> None:
        kind, body = files[urlsplit(route.request.url).path]
        route.fulfill(body=body, content_type=f"{kind}; charset=utf-8")

    shown.route("http://page.test/**", answer)
    shown.goto("http://page.test/")
    shown.locator("#count").wait_for()
    yield shown
    shown.close()
    assert complaints == []


def test_another_page_shows_the_report(embedded: Page) -> None:
    def style(selector: str, name: str) -> str:
        found: str = embedded.locator(selector).first.evaluate(
            f"element => getComputedStyle(element).{name}"
        )
        return found

    # It takes its colours from the page, and neither page's rules reach the other.
    assert style("#game", "backgroundColor") == "rgb(250, 251, 252)"
    assert style(".report", "color") == "rgb(1, 2, 3)"
    assert style(".post", "outlineWidth") != "9px"
    assert style("p.verdict >> nth=-1", "borderLeftWidth") == "0px"
    assert embedded.locator("#here h1").count() == 0

    embedded.locator("#field").focus()
    embedded.keyboard.press("1")
    assert embedded.locator("#told").text_content() == ""
    embedded.locator("h1").click()
    embedded.keyboard.press("1")
    assert "is real" in (embedded.locator("#told").text_content() or "")
    embedded.keyboard.press("Enter")
    embedded.keyboard.press("2")  # with the focus inside the report
    assert "is real" in (embedded.locator("#told").text_content() or "")


def test_a_page_that_is_left_hears_no_keys(embedded: Page) -> None:
    embedded.locator("#leave").click()
    embedded.locator("h1").click()
    embedded.keyboard.press("1")
    assert embedded.locator("#told").text_content() == ""
