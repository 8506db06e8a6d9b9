"""Tests of the screen on which people choose what a persona may post, in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from chromium import needs_chromium
from popinjay.store.post_queue import DraftState, Queue
from popinjay.store.run import Run
from queued_persona import put_drafts, put_queued_persona
from server_page import PATIENCE, PHONE, Looked, Server, violations

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright, which drives the browser"
)
pytest.importorskip("fastapi", reason="needs the extra `serve`")

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium
expect = sync_api.expect
expect.set_options(timeout=PATIENCE)

TEXTS = ("the first parrot sings", "the second parrot hums", "a third one is silent")
LONG = "many a word of a long post " * 11


@pytest.fixture
def ada(server: Server) -> Run:
    """Return the served persona, with three drafts to decide about."""
    run = Run(server.home / "ada")
    with Queue(run) as queue:
        queue.remove([draft.id for draft in queue.drafts()])
    put_drafts(run, *TEXTS, approved=False)
    return run


def states(run: Run) -> dict[str, str]:
    with Queue(run) as queue:
        return {draft.text: str(draft.state) for draft in queue.drafts()}


def shows(page: Page, text: str) -> None:
    """Wait until a draft is on the card."""
    expect(page.locator(".draft .text")).to_have_text(text)


def opened(looked: Looked, text: str = TEXTS[0]) -> Page:
    page = looked.go("queue/ada")
    shows(page, text)
    return page


def test_everything_is_decided_by_keys(look: Any, ada: Run) -> None:
    page = opened(look())
    page.keyboard.press("l")
    shows(page, TEXTS[1])
    page.keyboard.press("n")
    shows(page, TEXTS[2])
    page.keyboard.press("ArrowRight")
    shows(page, TEXTS[0])
    page.keyboard.press("e")
    area = page.get_by_role("textbox", name="The text of this post")
    expect(area).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("yes and no: y n l u")  # none of these decides while it is typed
    expect(page.get_by_text("Bluesky 19 of 300")).to_be_visible()
    page.keyboard.press("ControlOrMeta+Enter")
    expect(page.get_by_role("heading", name="All decided")).to_be_visible()
    expect(page.locator(".nothing")).to_be_focused()
    assert states(ada) == {
        TEXTS[0]: "superseded",
        TEXTS[1]: "rejected",
        TEXTS[2]: "approved",
        "yes and no: y n l u": "approved",
    }
    for text in (TEXTS[0], TEXTS[2], TEXTS[1]):
        page.keyboard.press("u")
        shows(page, text)
    page.keyboard.press("u")  # of "later"
    shows(page, TEXTS[0])
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    assert {states(ada)[text] for text in TEXTS} == {"draft"}


def test_decisions_are_announced_and_the_focus_stays_where_it_is(look: Any, ada: Run) -> None:
    page = opened(look())
    yes = page.get_by_role("button", name="Yes")
    yes.focus()
    page.keyboard.press("Enter")
    shows(page, TEXTS[1])
    expect(yes).to_be_focused()
    said = page.locator("#said")
    expect(said).to_have_text(f"Approved. 2 drafts left. Next: {TEXTS[1]}")
    page.get_by_role("button", name="Edit").press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator(".draft")).to_be_focused()  # what had the focus is gone
    expect(page.get_by_role("listitem").filter(has_text="approved")).to_have_text("1 approved")


def test_the_keys_can_be_switched_off(look: Any, ada: Run) -> None:
    page = opened(look())
    page.get_by_label("Keys decide").uncheck()
    page.keyboard.press("y")
    page.get_by_role("button", name="Later").click()
    shows(page, TEXTS[1])
    assert states(ada)[TEXTS[0]] == "draft"
    page.reload()
    expect(page.get_by_label("Keys decide")).not_to_be_checked()


def swipe(page: Page, by: int, *, down: int = 0) -> None:
    """Move a finger over the card, as a touch screen reports it."""
    box = page.locator(".draft").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: dict[str, float]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    touch("touchStart", {"x": x, "y": y})
    for step in range(1, 11):
        touch("touchMove", {"x": x + by * step / 10, "y": y + down * step / 10})
    if abs(by) > 20:
        moved = page.locator(".draft").evaluate("card => card.style.transform")
        assert str(moved).startswith("translateX(")
    touch("touchEnd")


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_cards_are_swiped(look: Any, ada: Run, motion: str) -> None:
    page = opened(look(viewport=PHONE, has_touch=True, reduced_motion=motion))
    swipe(page, 40)  # not far enough
    expect(page.locator(".draft")).to_have_attribute("style", re.compile("^(transform: ;)?$"))
    swipe(page, 10, down=80)  # scrolls
    assert states(ada)[TEXTS[0]] == "draft"
    page.evaluate("scrollTo(0, 0)")
    swipe(page, 150)
    shows(page, TEXTS[1])
    swipe(page, -150)
    shows(page, TEXTS[2])
    found = states(ada)
    assert (found[TEXTS[0]], found[TEXTS[1]]) == ("approved", "rejected")
    page.wait_for_timeout(1000)  # right after a swipe Chromium takes a tap for its end
    page.get_by_role("button", name="Undo").tap()
    shows(page, TEXTS[1])


def test_the_second_window_is_told_and_shows_the_new_state(look: Any, ada: Run) -> None:
    one, looked = opened(look()), look()
    other = opened(looked)
    one.get_by_role("button", name="Yes").click()
    shows(one, TEXTS[1])
    other.get_by_role("button", name="No").click()
    expect(other.locator(".trouble")).to_contain_text("is approved by now, not draft")
    shows(other, TEXTS[1])
    expect(other.locator(".counts")).to_contain_text("1 approved")
    assert states(ada)[TEXTS[0]] == "approved"
    looked.complaints.clear()  # the browser's own word about a 409


def test_a_text_that_came_too_late_is_shown_to_its_writer(look: Any, ada: Run) -> None:
    looked = look()
    page = opened(looked)
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("The text of this post").fill("a better parrot")
    with Queue(ada) as queue:  # as the terminal would
        queue.move(queue.drafts()[0].id, DraftState.DRAFT, DraftState.REJECTED)
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(page.locator(".counts")).to_contain_text("1 rejected")
    expect(page.get_by_label("The text of this post")).to_have_value("a better parrot")
    page.get_by_role("button", name="Approve this").click()
    expect(page.locator(".trouble")).to_contain_text("You had written: a better parrot")
    shows(page, TEXTS[1])
    looked.complaints.clear()  # the browser's own word about a 409


def test_drafts_are_written_with_progress_and_go_out_in_slots(look: Any, ada: Run) -> None:
    page = opened(look())
    for text in TEXTS[1:]:
        page.get_by_role("button", name="Yes").click()
        shows(page, text)
    page.get_by_role("button", name="Write 20 more").click()
    expect(page.get_by_role("progressbar", name="Writing drafts")).to_be_visible()
    page.get_by_role("button", name="No").click()  # meanwhile
    expect(page.locator(".writer .told")).to_have_text("20 drafts written.")
    expect(page.locator(".counts")).to_contain_text("20 to decide")
    expect(page.locator(".slot.taken")).to_have_count(2)
    rows = page.locator(".queue-lists details", has_text="Approved (2)").locator("li")
    expect(rows.first).to_contain_text(re.compile(r"Goes out .*, \d\d:\d\d"))
    expect(rows).to_contain_text(list(TEXTS[:2]))
    rows.first.get_by_role("button", name="Take back").click()
    expect(page.locator(".counts")).to_contain_text("1 approved")
    page.get_by_text("How often, and how").click()
    page.get_by_label("One post every").select_option("2h")
    page.get_by_label("Quiet from").fill("00:30")
    page.get_by_label("until").fill("12:00")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#said")).to_have_text("Saved")
    settings = look().server.get("api/personas/ada/queue/settings")
    assert (settings["every"], settings["quiet_hours"]) == ("2h", "00:30-12:00")


def test_what_failed_can_be_tried_again_and_what_was_posted_is_linked(look: Any, ada: Run) -> None:
    with Queue(ada) as queue:
        one, two, _ = queue.drafts()
        for draft in (one, two):
            queue.move(draft.id, DraftState.DRAFT, DraftState.APPROVED, decided_by="human")
            queue.move(draft.id, DraftState.APPROVED, DraftState.SENDING)
        address = {"url": "https://social.example/1", "posted_at": "2026-11-30T12:00:00+00:00"}
        queue.move(
            one.id, DraftState.SENDING, DraftState.POSTED, account="mastodon:@a@b", **address
        )
        queue.move(two.id, DraftState.SENDING, DraftState.FAILED, error="The server says no.")
    page = opened(look(), TEXTS[2])
    page.locator("summary", has_text="Posted (1)").click()
    link = page.get_by_role("link", name="Look at it there")
    assert link.get_attribute("href") == "https://social.example/1"
    assert "noopener" in str(link.get_attribute("rel"))
    expect(page.get_by_text("The server says no.")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".queue-lists").get_by_text("Approved (1)")).to_be_visible()
    assert states(ada)[TEXTS[1]] == "approved"


def test_a_public_figures_persona_can_not_post(look: Any, server: Server) -> None:
    run = put_queued_persona(server.home, "figure", whose="public-figure")
    put_drafts(run, *TEXTS, approved=False)
    page = look().go("queue/figure")
    expect(page.locator(".notice")).to_contain_text("a bot must not speak for them")
    page.get_by_role("button", name="Yes").click()
    shows(page, TEXTS[1])
    expect(page.get_by_role("heading", name="When it posts")).to_be_hidden()
    assert states(run)[TEXTS[0]] == "approved"


@pytest.mark.parametrize(
    ("scheme", "size"), [("light", {"width": 1280, "height": 900}), ("dark", PHONE)]
)
def test_axe_finds_nothing_on_the_queue(
    look: Any, ada: Run, scheme: str, size: dict[str, int]
) -> None:
    looked = look(color_scheme=scheme, viewport=size)
    page = opened(looked)
    page.keyboard.press("y")
    shows(page, TEXTS[1])
    page.keyboard.press("n")
    shows(page, TEXTS[2])
    expect(page.locator(".slot.taken")).to_have_count(1)
    for summary in page.locator("main summary:visible").all():
        summary.click()
    page.locator(".bot-settings").wait_for()
    assert violations(page) == []
    page.keyboard.press("e")
    page.get_by_label("The text of this post").fill(f"@ada {LONG}")
    expect(page.locator(".lengths .too-long")).to_be_visible()
    assert violations(page) == []
    assert not looked.is_too_wide()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="All decided")).to_be_visible()
    assert violations(page) == []
