"""Tests of a persona's screens in a real browser: its posts, its report, its files, its end."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chromium import needs_chromium
from popinjay.store.run import Run
from server_page import PATIENCE, PHONE, Looked, Server, finished_posts, violations, write_ten

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright, which drives the browser"
)
pytest.importorskip("fastapi", reason="needs the extra `serve`")

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium
expect = sync_api.expect
expect.set_options(timeout=PATIENCE)


@pytest.fixture
def other(server: Server) -> Any:
    """Return the folder of a second persona, which a test may change."""
    folder = server.home / "other"
    shutil.copytree(server.home / "ada", folder)
    yield folder
    for name in ("other", "renamed"):
        shutil.rmtree(server.home / name, ignore_errors=True)


def asked_for_posts(looked: Looked) -> list[str]:
    """Return the addresses that are asked to write posts, as they are asked."""
    found: list[str] = []
    looked.page.on(
        "request", lambda request: found.append(request.url) if "/say" in request.url else None
    )
    return found


def test_ten_posts_are_there_on_arrival(look: Any) -> None:
    looked = look()
    asked = asked_for_posts(looked)
    page = looked.go("say/ada")
    expect(finished_posts(page)).to_have_count(10)
    assert not [url for url in asked if url.endswith("/say")]  # none had to be written for it
    heights = page.evaluate(
        "[...document.querySelectorAll('ol .post .text')].map(p => p.offsetHeight)"
    )
    assert min(heights) > 10
    assert page.locator("ol .post .bot").count() == 10
    lefts = page.evaluate(
        "[...document.querySelectorAll('ol .post')].map(p => p.getBoundingClientRect().left)"
    )
    assert len(set(lefts)) == 2  # columns


def test_the_first_post_is_above_the_fold_of_a_phone(look: Any) -> None:
    page = look(viewport=PHONE).go("say/ada")
    first = finished_posts(page).first
    first.wait_for()
    box = first.bounding_box()
    assert box is not None
    assert box["y"] + 60 < PHONE["height"]
    assert box["width"] > 300


def test_a_chip_writes_ten_posts_that_begin_so(look: Any) -> None:
    page = look().go("say/ada")
    chips = page.get_by_role("group", name="Beginnings to try").get_by_role("button")
    assert chips.all_inner_texts()[:2] == ["My dream is", "Today I"]
    chips.nth(1).click()
    chips.nth(0).click()  # takes the place of those
    expect(page.get_by_role("button", name="Ten more")).to_be_visible()
    # This model knows no capitals.
    expect(finished_posts(page).first.locator(".text")).to_have_text(re.compile("^dream is"))


def test_dials_are_folded(look: Any) -> None:
    page = look().go("say/ada")
    expect(page.get_by_label("How daring?")).to_be_hidden()
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("How long at most?").select_option("140")
    for text in write_ten(page).locator(".text").all_inner_texts():
        assert len(text) <= 140


def test_moving_a_dial_writes_the_same_ten_anew(look: Any, server: Server) -> None:
    page = look().go("say/ada")
    asked: list[dict[str, Any]] = []
    page.on(
        "request",
        lambda request: asked.append(request.post_data_json) if "/say" in request.url else None,
    )
    page.get_by_text("Options", exact=True).click()
    dial = page.get_by_label("How long?")
    expect(dial).to_have_attribute("aria-valuetext", "as it comes")
    dial.focus()
    with page.expect_request(lambda request: "/say" in request.url):
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
    expect(dial).to_have_attribute("aria-valuetext", "ends twice as readily")
    expect(page.get_by_role("button", name="Ten more")).to_be_visible()
    assert [one.get("length") for one in asked] == [0.5]  # once, after the last key
    finished_posts(page).first.get_by_role("button", name="Keep").click()
    expect(page.get_by_text("4 kept posts")).to_be_visible()
    row = server.get("api/personas/ada/kept")["kept"][0]
    assert (row["length"], row["number"], row["seed"]) == (0.5, 1, asked[0]["seed"])
    with page.expect_request(lambda request: "/say" in request.url):
        page.get_by_role("button", name="All as it comes").click()
    expect(page.get_by_role("button", name="Ten more")).to_be_visible()
    expect(dial).to_have_attribute("aria-valuetext", "as it comes")
    assert [one.get("length") for one in asked] == [0.5, None]
    assert asked[0]["seed"] == asked[1]["seed"]
    assert violations(page) == []
    page.get_by_text("4 kept posts").click()
    page.locator(".kept .post").first.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("3 kept posts")).to_be_visible()


def test_a_post_is_kept_shared_and_removed(look: Any, server: Server) -> None:
    looked = look(permissions=["clipboard-read", "clipboard-write"])
    page = looked.go("say/ada")
    post = finished_posts(page).first
    text = post.locator(".text").inner_text()
    post.get_by_role("button", name="Keep").click()
    page.get_by_text("4 kept posts").click()
    kept = page.locator(".kept .post").first
    assert kept.locator(".text").inner_text() == text
    kept.get_by_role("button", name="Copy").click()
    expect(kept.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").startswith(text)
    kept.get_by_role("button", name="Share…").click()
    assert page.get_by_role("dialog").locator("h3").count() == 0
    expect(page.get_by_role("dialog").get_by_role("button", name="As a picture")).to_have_count(1)
    page.keyboard.press("Escape")
    kept.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("3 kept posts")).to_be_focused()
    assert len(server.get("api/personas/ada/kept")["kept"]) == 3


def test_the_report_stands_in_the_page_with_its_game(look: Any) -> None:
    page = look().go("look/ada")
    page.get_by_role("heading", name="Which one is real?").wait_for()
    assert page.locator("iframe").count() == 0
    assert page.locator("h1").count() == 1
    page.locator("#play .post").first.click()
    expect(page.locator("#told")).to_contain_text("is real.")
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#count")).to_contain_text("2 of")
    assert page.locator(".verdict").count() == 1
    box = page.locator(".report-host").bounding_box()
    assert box is not None
    assert box["height"] > 1500  # all of it, without a scroll of its own


def test_what_takes_time_is_announced_meanwhile(look: Any) -> None:
    """The answers are held back, as those about a large model take seconds."""
    looked = look()
    page = looked.page
    held: list[Any] = []
    for path in ("**/api/personas/ada", "**/api/personas/ada/report/content"):
        page.route(path, lambda route: held.append(route))
    page.goto(f"{looked.server.address}#/look/ada")
    expect(page.get_by_text("Loading…")).to_be_visible()
    held.pop().continue_()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("Loading…")).to_have_count(0)
    expect(page.get_by_text("Reading the report…")).to_be_visible()
    expect(page.get_by_role("button", name="Delete…")).to_be_visible()  # all else is here
    held.pop().continue_()
    expect(page.get_by_role("heading", name="Which one is real?")).to_be_visible()
    expect(page.get_by_text("Reading the report…")).to_have_count(0)


def test_a_report_that_can_not_be_read_says_so_in_its_place(look: Any) -> None:
    looked = look()
    looked.page.route("**/report/content", lambda route: route.abort())
    page = looked.go("look/ada")
    expect(page.locator(".report .trouble")).to_be_visible()
    expect(page.get_by_role("button", name="Delete…")).to_be_visible()
    looked.complaints.clear()  # the browser's own word about it


def test_no_post_keeps_the_height_of_the_one_before(look: Any) -> None:
    page = look().go("say/ada")
    expect(finished_posts(page)).to_have_count(10)
    page.evaluate(
        "document.querySelectorAll('ol .post').forEach(one => { one.style.height = '900px'; })"
    )
    posts = write_ten(page)
    expect(posts).to_have_count(10)
    heights = [box["height"] for one in posts.all() if (box := one.bounding_box())]
    assert len(heights) == 10
    assert max(heights) < 900


def text_of(page: Page) -> str:
    return str(page.locator("main").inner_text())


@pytest.mark.timeout(600)
def test_a_persona_that_must_be_measured_says_so_and_is(look: Any, other: Path) -> None:
    samples = other / "samples.jsonl"
    samples.write_text(samples.read_text() + '{"text": "more", "tokens": 1, "finished": true}\n')
    page = look().go("look/other")
    expect(page.get_by_text("Its report or its model card is out of date.")).to_be_visible()
    assert "{" not in text_of(page)
    assert violations(page) == []
    page.get_by_role("button", name="Measure").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("is ready", timeout=500_000)
    page.goto(page.url.split("#")[0] + "#/look/other")
    page.get_by_role("heading", name="Which one is real?").wait_for()
    expect(page.locator(".condition")).to_have_count(0)


def test_a_persona_that_is_not_finished_says_so(look: Any, other: Path) -> None:
    for name in ("report.json", "samples.jsonl", "README.md", "report.html"):
        (other / name).unlink()
    record = (other / "run.toml").read_text().split("[stages.evaluate")[0]
    (other / "run.toml").write_text(record)
    page = look().go("look/other")
    expect(page.get_by_text("It is not finished.")).to_be_visible()
    assert "{" not in text_of(page)
    assert page.locator("#card").count() == 0
    expect(page.get_by_role("link", name="Choose the posts")).to_be_visible()
    expect(page.get_by_role("button", name="Delete…")).to_be_visible()


def test_a_persona_that_is_being_made_says_so(look: Any, other: Path) -> None:
    (other / "report.json").unlink()
    looked = look()
    with Run(other).locked():
        page = looked.go("look/other")
        expect(page.get_by_text("It is being made right now.")).to_be_visible()
        assert page.get_by_role("link", name="Choose the posts").count() == 0
        assert violations(page) == []
    looked.complaints.clear()  # the browser's own word about the report, which is not there


def test_files_are_grouped_and_downloaded_as_a_zip(look: Any, tmp_path: Path) -> None:
    page = look().go("look/ada")
    page.locator("#files summary").click()
    expect(page.locator("#files h3")).to_have_text(
        ["To share", "The model", "Posts (private)", "How it was made"]
    )
    for name, is_private in (("Download as zip", False), ("With all posts", True)):
        with page.expect_download() as begun:
            page.get_by_text(name).click()
            if is_private:
                page.get_by_role("button", name="Download everything").click()
        file = tmp_path / f"{is_private}.zip"
        begun.value.save_as(file)
        assert begun.value.suggested_filename == "ada.zip"
        with zipfile.ZipFile(file) as archive:
            assert ("ada/posts.jsonl" in archive.namelist()) == is_private
            assert "ada/model/config.json" in archive.namelist()


def test_the_card_shows_the_pipeline(look: Any) -> None:
    page = look().go("look/ada")
    page.locator("#card summary").first.click()
    pipeline = page.locator("#card :is(img, .steps-of-card)").first
    expect(pipeline).to_be_visible()
    if pipeline.evaluate("element => element.tagName") == "IMG":
        page.wait_for_function("document.querySelector('#card img').naturalWidth > 0")


def test_a_persona_is_renamed_and_deleted(look: Any, server: Server, other: Path) -> None:
    looked = look()
    page = looked.go("look/other")
    page.get_by_role("button", name="Rename…").click()
    page.get_by_label("New name").fill("ada")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(page.get_by_role("dialog").locator(".trouble")).to_contain_text("ada")
    looked.complaints.clear()  # the browser's own word about a 409
    page.get_by_label("New name").fill("renamed")
    assert violations(page) == []
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    page.wait_for_url("**/#/look/renamed")
    page.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("the posts as they were read")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    assert violations(page) == []
    dialog.get_by_role("button", name="Cancel").click()
    assert (server.home / "renamed").is_dir()
    page.get_by_role("button", name="Delete…").click()
    dialog.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/#/all*")
    assert not (server.home / "renamed").exists()
