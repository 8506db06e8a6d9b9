"""Tests of the page's first screen, of making a persona and of the list, in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chromium import needs_chromium
from server_page import PATIENCE, PHONE, Looked, Server, violations

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright, which drives the browser"
)
pytest.importorskip("fastapi", reason="needs the extra `serve`")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = needs_chromium
expect = sync_api.expect
expect.set_options(timeout=PATIENCE)
# What can be typed into a terminal only, and addresses of the API.
TYPED = re.compile(r"popinjay (make|serve|say|forget|sources|status|bases)\b|--[a-z]|/api/")
LINES = [f"the {number} loaves are out and gerald is proud of them" for number in range(400)]


def catch_makes(page: Page, answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Answer each order to make a persona with a job that is there; return the orders."""
    ordered: list[dict[str, Any]] = []

    def keep(route: Route) -> None:
        asked = route.request.post_data_json
        if isinstance(asked, Mapping) and asked["doing"] == "make":
            ordered.append(dict(asked))
            route.fulfill(status=201, json=answer)
        else:
            route.continue_()

    page.route("**/api/jobs", keep)
    return ordered


def inspected(page: Page, file: Path) -> None:
    page.set_input_files("#file", file)
    page.locator("form.start").wait_for()


def written(folder: Path, name: str, lines: list[str]) -> Path:
    file = folder / name
    file.write_text("\n".join(lines))
    return file


def test_the_first_visit_offers_an_example(browser: Browser, tmp_path: Path) -> None:
    served = Server(tmp_path / "empty-home")
    try:
        looked = Looked(browser, served)
        page = looked.go("")
        expect(page.locator(".example")).to_contain_text("Nell, who is made up")
        expect(page.locator(".example")).to_contain_text(re.compile("It takes about .* here"))
        expect(page.locator(".steps li")).to_have_count(3)
        ordered = catch_makes(page, {"id": "none"})
        page.get_by_role("button", name="Make Nell").click()
        page.wait_for_url("**/#/job/none")
        assert [(one["options"]["whose"], one.get("specs")) for one in ordered] == [
            ("fictional", None)
        ]
        assert served.get("api/personas")["total"] == 0
        looked.context.close()
    finally:
        served.end()


@pytest.mark.parametrize(
    ("text", "posts"),
    [
        ("one\ntwo\n\nthree", ["one\ntwo", "three"]),
        (
            "first line\nsecond line\n\nanother\nof two",
            ["first line\nsecond line", "another\nof two"],
        ),
        ("one\r\ntwo\r\n", ["one", "two"]),
        (
            "\n".join(f"a{n}" for n in range(20)) + "\n\nlast",
            [*(f"a{n}" for n in range(20)), "last"],
        ),
        ("  \n\n ", []),
    ],
)
def test_blank_lines_part_posts_of_several_lines(look: Any, text: str, posts: list[str]) -> None:
    page = look().go("make")
    found = page.evaluate("async (text) => (await import('/assets/pasted.js')).postsIn(text)", text)
    assert found == posts


def test_pasted_posts_are_inspected(look: Any) -> None:
    page = look().go("make")
    page.get_by_label("Posts", exact=True).fill("\n".join(LINES[:30]))
    expect(page.locator("#pasted-hint")).to_contain_text("30 posts.")
    page.get_by_label("Posts", exact=True).fill("\n".join(LINES))
    page.locator("form.way", has_text="Pasted posts").get_by_role("button").click()
    expect(page.get_by_role("row", name="Posts in there")).to_contain_text("400")
    expect(page.get_by_label("What is it called?")).to_be_visible()  # nothing else could tell


def test_an_inspection_shows_posts_reasons_and_years(look: Any, tmp_path: Path) -> None:
    rows = [f"20{10 + number % 3}-05-01,{line}" for number, line in enumerate(LINES)]
    few = ["2012-06-01,ok", "2012-06-02,RT @brix: a repost of somebody", rows[0]]
    looked = look()
    page = looked.go("make")
    inspected(page, written(tmp_path, "loaves.csv", ["created_at,text", *rows, *few]))
    expect(page.locator(".amount")).to_contain_text("Taken for: ")
    kept, dropped = page.locator(".examples section").all()
    assert kept.locator("li").count() == 5
    assert "Short" in dropped.inner_text()
    assert page.locator(".less td").filter(has_text=re.compile(r"^− 0$")).count() == 0
    years = page.locator(".years li").all_inner_texts()
    assert [text.split() for text in years] == [["2010", "134"], ["2011", "133"], ["2012", "133"]]
    assert not TYPED.search(page.locator("main").inner_text())


def test_each_base_and_time_says_what_it_takes(look: Any, archive: Path) -> None:
    page = look().go("make")
    inspected(page, archive)
    expect(page.locator(".choice .takes").first).to_contain_text("about")
    recommended = page.locator(".choice", has_text="recommended")
    assert recommended.count() == 2
    assert all(one.locator("input").is_checked() for one in recommended.all())
    assert page.locator("input[name=whose]:checked").count() == 0
    texts = page.locator(".choice", has=page.locator("input[name=budget]")).all_inner_texts()
    assert len(texts) == 5
    assert all("with everything" in text for text in texts)


def test_too_few_posts_are_refused_in_words(look: Any, tmp_path: Path) -> None:
    page = look().go("make")
    page.set_input_files("#file", written(tmp_path, "tiny.txt", ["one post"]))
    expect(page.locator(".amount.refused")).to_be_visible()
    assert not TYPED.search(page.locator("main").inner_text())
    assert page.locator("form.start").count() == 0
    expect(page.get_by_role("link", name="Try something else")).to_be_visible()


def test_a_refused_file_is_named_as_the_user_named_it(look: Any, tmp_path: Path) -> None:
    page = look().go("make")
    picture = tmp_path / "holiday.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000))
    page.set_input_files("#file", picture)
    expect(page.locator(".trouble")).to_contain_text("holiday.png")
    said = page.locator("main").inner_text()
    assert ".uploads" not in said
    assert not TYPED.search(said)


def test_the_first_screen_shows_what_personas_write(look: Any) -> None:
    looked = look()
    page = looked.go("")
    expect(page.locator(".speaker .said li")).to_have_count(3)
    expect(page.locator(".speaker .avatar img")).to_have_count(1)
    page.get_by_role("link", name="Let it write").click()
    expect(page.get_by_label("It begins with")).to_be_visible()


def test_a_list_of_few_needs_no_search(look: Any) -> None:
    page = look().go("all")
    expect(page.get_by_role("heading", level=1)).to_have_text("Personas")
    expect(page.locator(".card.new a")).to_have_attribute("href", "#/make")
    expect(page.get_by_label("Find one by its name")).to_be_hidden()


def test_a_long_list_is_searched_and_sorted(look: Any) -> None:
    looked = look()
    row = {
        "title": "", "handles": [], "state": "ready", "speaks": True, "posts": 1, "bytes": 1,
        "made": None, "whose": None, "base": None, "picture": False, "still_known": False,
        "verdict": None,
    }  # fmt: skip
    rows = [{**row, "name": f"p{number}"} for number in range(12)]
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(json={"personas": rows, "total": len(rows)})

    looked.page.route("**/api/personas?*", answer)
    page = looked.go("all")
    expect(page.get_by_label("Find one by its name")).to_be_visible()
    page.get_by_label("Sort by").select_option("Size")
    expect(page.locator(".card")).to_have_count(13)
    assert "sort=largest" in asked[-1]
    assert violations(page) == []


def test_a_phone_chooses_and_does_not_drop(look: Any) -> None:
    looked = look(viewport=PHONE, has_touch=True, is_mobile=True)
    page = looked.go("make")
    expect(page.get_by_text("Choose a file")).to_be_visible()
    expect(page.get_by_text("Drop a file here")).to_be_hidden()
    assert not looked.is_too_wide()


def test_a_base_that_cannot_be_fetched_leaves_a_way_on(look: Any) -> None:
    looked = look()
    job = {
        "id": "1", "doing": "make", "name": "ada", "specs": ["ada.bsky.social"], "upload": None,
        "options": {"base": "smollm2", "whose": "self"}, "created": "2026-01-01T00:00:00Z",
        "state": "failed", "error": "smollm2 is not on this machine, and can't be fetched.",
        "hint": "", "started": None, "ended": None, "result": None, "stop_asked": None,
    }  # fmt: skip
    looked.page.route("**/api/jobs/1", lambda route: route.fulfill(json=job))
    looked.page.route(
        "**/api/jobs/1/events",
        lambda route: route.fulfill(body="", content_type="text/event-stream"),
    )
    page = looked.go("job/1")
    ordered = catch_makes(page, {**job, "id": "1"})
    page.get_by_role("button", name="Make it with the built-in one").click()
    page.wait_for_timeout(200)
    assert [json.dumps(one["options"], sort_keys=True) for one in ordered] == [
        '{"base": "builtin", "whose": "self"}'
    ]
