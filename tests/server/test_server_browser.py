"""Tests of the page of `popinjay serve` in a real browser, with a real server and a tiny model."""

from __future__ import annotations

import json
import re
import signal
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chromium import needs_chromium
from server_page import (
    LONG_WORD,
    PATIENCE,
    PHONE,
    WIDE,
    Looked,
    Server,
    finished_posts,
    violations,
    write_ten,
)

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright, which drives the browser"
)
pytest.importorskip("fastapi", reason="needs the extra `serve`")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

MAKE_TITLE = "Make one that writes like you"
HOME_TITLE = re.compile("^What (it writes|they write)$")
LONG = 20.0  # epochs that take long enough to be stopped midway
MAKING = (
    500_000  # for a persona: half a minute on an idle machine, much more beside other trainings
)

pytestmark = needs_chromium
expect = sync_api.expect
expect.set_options(timeout=PATIENCE)


def quickly(page: Page, base: Path, epochs: float) -> None:
    """Let all jobs of this page use a tiny base model, where a user would choose another."""

    def change(route: Route) -> None:
        asked = route.request.post_data_json
        if (
            route.request.method == "POST"
            and isinstance(asked, Mapping)
            and asked["doing"] == "make"
        ):
            options = {**asked["options"], "base": str(base), "samples": 20, "epochs": epochs}
            route.continue_(post_data=json.dumps({**asked, "options": options}))
        else:
            route.continue_()

    page.route("**/api/jobs", change)


def drop(page: Page, file: Path) -> None:
    """Drop a file on the page as a user would drag it there."""
    page.locator(".drop").wait_for()
    page.evaluate(
        """async ([name, numbers]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(numbers)], name));
            const event = {dataTransfer: transfer, bubbles: true, cancelable: true};
            document.querySelector(".drop").dispatchEvent(new DragEvent("drop", event));
        }""",
        [file.name, list(file.read_bytes())],
    )


def begin_making(looked: Looked, archive: Path, base: Path, name: str, epochs: float = 0.1) -> Page:
    """Go from the first screen to a persona that is being made."""
    page = looked.go("make")
    quickly(page, base, epochs)
    page.set_input_files("#file", archive)
    page.get_by_label("Nobody’s").check()
    page.get_by_text("More", exact=True).click()
    page.get_by_label("What is it called?").fill(name)
    page.get_by_role("button", name="Make it").click()
    page.locator(".stages").wait_for()
    return page


@pytest.mark.timeout(600)
def test_the_whole_way_from_a_dropped_file_to_a_shared_picture(
    look: Any, server: Server, archive: Path, base: Path
) -> None:
    looked = look(permissions=["clipboard-read", "clipboard-write"])
    page = looked.go("make")
    quickly(page, base, epochs=0.1)
    drop(page, archive)
    expect(page.get_by_role("row", name="Posts to learn from")).to_contain_text("200")
    page.get_by_role("button", name="Make it").click()
    # The origin of the posts must be given.
    assert page.evaluate("!document.querySelector('form.start').checkValidity()")
    page.get_by_label("Nobody’s").check()
    page.get_by_role("button", name="Make it").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("ada_l is ready", timeout=MAKING)
    expect(page.locator(".end .post")).to_have_count(10)
    expect(page.locator(".end .verdict")).not_to_be_empty()
    page.get_by_text("How it was made", exact=True).click()
    expect(page.locator(".stage[data-state=done]")).to_have_count(7)
    page.get_by_text("The curves", exact=True).click()
    expect(
        page.get_by_role("img", name=re.compile("Loss on the posts that it learns from: from"))
    ).to_be_visible()
    assert violations(page) == []
    page.get_by_role("link", name="Let it write").click()
    page.get_by_role("button", name="My dream is").click()
    expect(page.get_by_label("It begins with")).to_have_value("My dream is")
    expect(page.get_by_role("button", name="Ten more")).to_be_visible()
    post = finished_posts(page).first
    text = post.locator(".text").inner_text()
    assert text.startswith("dream is")  # this model knows no capital

    post.get_by_role("button", name="Keep").click()
    expect(post.get_by_role("button", name="Kept")).to_be_visible()
    assert server.get("api/personas/ada_l/kept")["kept"][0]["text"] == text
    post.get_by_role("button", name="Copy").click()
    expect(post.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(text)
    assert "Written by a machine" in copied

    post.get_by_role("button", name="Share…").click()
    page.get_by_role("button", name="As a picture").click()
    picture = page.get_by_role("dialog").get_by_role("img")
    expect(picture).to_be_visible()
    page.wait_for_function("document.querySelector('dialog img').naturalWidth === 1200")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save the picture").click()
    assert (
        Path(saved.value.path()).read_bytes() == (server.home / "ada_l" / "card.png").read_bytes()
    )


def test_shared_posts_are_labelled_as_generated(look: Any) -> None:
    page = look().go("say/ada")
    write_ten(page).first.get_by_role("button", name="Share…").click()
    page.get_by_label("Your Mastodon server").fill("https://Example.social/@ada")
    for name, place, most in (
        ("Bluesky", "https://bsky.app/intent/compose?text=", 300),
        ("X", "https://x.com/intent/post?text=", 280),
        ("Mastodon", "https://example.social/share?text=", 500),
    ):
        link = page.get_by_role("dialog").get_by_role("link", name=name, exact=True)
        address = str(link.get_attribute("href"))
        text = urllib.parse.unquote(address.removeprefix(place))
        assert address.startswith(place)
        assert "Written by a machine" in text
        assert "@" not in text.split("Written by a machine")[1]  # no account is mentioned
        assert len(text) <= most
        assert "noopener" in str(link.get_attribute("rel"))
    page.get_by_label("Your Mastodon server").fill("javascript:alert(1)")
    assert (
        page.get_by_role("dialog").locator("a", has_text="Mastodon").get_attribute("href") is None
    )


@pytest.mark.parametrize(
    ("post", "most"), [("w" * 400, 300), ("🦜" * 400, 300), ("漢" * 270, 280), ("a b " * 70, 280)]
)
def test_a_long_post_is_cut_not_its_label(look: Any, post: str, most: int) -> None:
    page = look().go("all")
    text = page.evaluate(
        "async ([post, most]) => (await import('/assets/share.js')).labelled(post, 'ada', most)",
        [post, most],
    )
    assert text.endswith("Written by a machine, not by a person.")
    assert text.startswith(post[:20])
    assert page.evaluate("text => [...new Intl.Segmenter().segment(text)].length", text) <= most


def test_foreign_text_is_shown_as_typed(look: Any) -> None:
    looked = look()
    page = looked.go("say/ada")
    assert "<img src=x onerror=alert(1)>" in page.locator("h1").inner_text()
    page.get_by_text("3 kept posts").click()
    assert page.locator(".kept .text").all_inner_texts() == [
        "\u202eturned \u2067round",
        "<script>alert(1)</script>",
        LONG_WORD,
    ]
    assert page.locator("main img[src=x], main script").count() == 0
    assert not looked.is_too_wide()


def test_streamed_posts_are_text_and_can_be_withdrawn(look: Any) -> None:
    """A stand-in for the stream sends all that can occur.

    Hostile texts, a sequence that is void, a post that is missing, and an end that never comes.
    """
    looked = look()
    page = looked.go("say/ada")
    bad = [
        "<img src=x onerror=alert(1)>",
        "\u202eevil \u2067deep",
        LONG_WORD,
        "z" + "\u0341" * 300,
        "</p></li><script>alert(1)</script>",
    ]
    told: list[tuple[str, dict[str, Any]]] = [
        ("piece", {"place": 0, "text": "a b"}),
        ("again", {"place": 0}),
        ("missing", {"place": 5}),
    ]
    for place, text in enumerate(bad):
        told += [("piece", {"place": place, "text": part}) for part in (text[:3], text[3:])]
        told += [("post", {"place": place, "text": text, "finished": True})] if place else []
    stream = "".join(f"event: {event}\ndata: {json.dumps(data)}\n\n" for event, data in told)
    page.route("**/say", lambda route: route.fulfill(body=stream, content_type="text/event-stream"))
    page.get_by_role("button", name="Write ten").click()
    expect(page.locator(".trouble").first).to_contain_text("The answer broke off.")
    texts = page.locator("ol .post .text").all_text_contents()
    assert texts[:5] == bad
    assert texts[5].startswith("Held back")
    assert set(texts[6:]) == {"Not written."}
    assert page.locator("main img[src=x], main script").count() == 0
    assert not looked.is_too_wide()
    whole = page.locator("ol").get_by_role("button", name="Share…")
    assert whole.count() == 4


@pytest.mark.timeout(600)
def test_two_tabs_a_stop_and_a_server_that_is_killed(
    look: Any, server: Server, archive: Path, base: Path
) -> None:
    one, other = look(), look()
    page = begin_making(one, archive, base, "survivor", epochs=LONG)
    other.page.goto(page.url)
    expect(other.page.locator(".stage[data-state=done]").first).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    for each in (page, other.page):
        expect(each.get_by_text("It is stopped.")).to_be_visible()
    other.page.get_by_role("button", name="Resume").click()
    for each in (page, other.page):
        expect(each.get_by_role("button", name="Stop")).to_be_visible()

    server.end(signal.SIGKILL)
    expect(page.get_by_text("Popinjay does not answer. Trying again")).to_be_visible()
    server.start()
    for each in (page, other.page):
        expect(each.get_by_role("heading", level=1)).to_have_text(
            "survivor is ready", timeout=MAKING
        )
        expect(each.get_by_text("Popinjay does not answer")).to_be_hidden()
    page.reload()  # a later visit shows all of it
    page.get_by_text("How it was made", exact=True).click()
    expect(page.locator(".stage[data-state=done]")).to_have_count(7)


def test_an_invalid_file_is_refused_in_words(look: Any, tmp_path: Path) -> None:
    bad = tmp_path / "cat.zip"
    bad.write_bytes(b"PK\x03\x04 this is no archive")
    page = look().go("make")
    page.set_input_files("#file", bad)
    expect(page.locator(".trouble")).to_be_visible()
    page.get_by_role("link", name="Try something else").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(MAKE_TITLE)


def open_all(page: Page, where: str) -> None:
    """Open every part of a screen that can be opened, and wait for its content."""
    page.locator({"all": ".card", "look/ada": ".part", "say/ada": ".kept"}[where]).first.wait_for()
    for part in page.locator("main > div > details > summary, .kept > summary").all():
        part.click()
    if (options := page.get_by_text("Options", exact=True)).count():
        options.click()
    expect(page.locator(".part > div:empty")).to_have_count(0)


def test_nothing_is_wider_than_a_phone(look: Any, archive: Path) -> None:
    looked = look(viewport=PHONE)
    page = looked.go("make")
    assert not looked.is_too_wide()
    page.set_input_files("#file", archive)
    page.locator("form.start").wait_for()
    page.get_by_text("More", exact=True).click()
    assert not looked.is_too_wide()
    for where in ("all", "look/ada", "say/ada"):
        open_all(looked.go(where), where)
        assert not looked.is_too_wide(), where
    write_ten(page, "w" * 60).first.get_by_role("button", name="Share…").click()
    assert not looked.is_too_wide()


def press_until(page: Page, key: str, what: str) -> None:
    """Press keys until an element of this role and name has the focus."""
    for _ in range(60):
        if (
            page.evaluate(
                "() => (document.activeElement.innerText || document.activeElement.id).trim()"
            )
            == what
        ):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{what} can't be reached")


def test_the_page_can_be_used_by_keyboard(look: Any) -> None:
    page = look().go("all")
    press_until(page, "Tab", page.locator(".card a").first.inner_text().strip())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    press_until(page, "Tab", "prompt")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Ten more")).to_be_visible()
    press_until(page, "Tab", "Share…")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="Share…").first).to_be_focused()


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
def test_axe_finds_nothing(look: Any, scheme: str, archive: Path) -> None:
    looked = look(color_scheme=scheme)
    page = looked.go("make")

    def check(where: str) -> None:
        assert (where, violations(page)) == (where, [])

    check("make")
    page.set_input_files("#file", archive)
    page.locator("form.start").wait_for()
    page.get_by_text("More", exact=True).click()
    check("inspection")
    looked.go("")
    expect(page.locator(".said li").first).to_be_visible()
    check("home")
    for where in ("all", "look/ada", "say/ada"):
        open_all(looked.go(where), where)
        check(where)
    write_ten(page)
    check("what it says")
    page.get_by_role("button", name="Share…").first.click()
    check("sharing")


# Adds up how much of the page moves from then on. Within five seconds, 0.1 counts as good.
WATCH = """() => {
    window.moved = 0;
    const add = list => list.getEntries().forEach(one => { window.moved += one.value; });
    window.watching = new PerformanceObserver(add);
    window.watching.observe({type: "layout-shift"});
}"""
# After what is on the way: an observer hears of a frame once it has been shown.
MOVED = """async () => {
    for (let frames = 0; frames < 3; frames++)
        await new Promise(go => requestAnimationFrame(() => setTimeout(go)));
    window.watching.takeRecords().forEach(one => { window.moved += one.value; });
    window.watching.disconnect();
    return window.moved;
}"""
# A stand-in for the server's stream: it sends the texts in `window.coming` in pieces, with time for
# the page to lay itself out in between.
STREAM = """() => {
    const real = window.fetch;
    const sent = (event, data) =>
        new TextEncoder().encode(`event: ${event}\\ndata: ${JSON.stringify(data)}\\n\\n`);
    const laidOut = () => new Promise(go => requestAnimationFrame(() => setTimeout(go)));
    const send = async stream => {
        const words = window.coming.map(text => text.match(/.{1,26}/g));
        for (let now = 0; now < Math.max(...words.map(some => some.length)); now++) {
            words.forEach((some, place) => {
                if (now < some.length) stream.enqueue(sent("piece", {place, text: some[now]}));
                if (now === 1 && place === 1) stream.enqueue(sent("again", {place}));
                if (now !== some.length - 1) return;
                if (place === 4) stream.enqueue(sent("missing", {place}));
                else stream.enqueue(sent("post", {place, text: window.coming[place]}));
            });
            await laidOut();
        }
        stream.enqueue(sent("end", {redrawn: {copied: 3, repeated: 12}}));
        stream.close();
    };
    window.fetch = (path, ...how) => path.endsWith("/say")
        ? Promise.resolve(new Response(new ReadableStream({start: stream => { send(stream); }})))
        : real(path, ...how);
}"""
SHORT, LONG_POST = "a few words of it", "many a word of a long post " * 18


@pytest.mark.parametrize("size", [WIDE, PHONE, {"width": 1400, "height": 2000}])
def test_the_layout_is_stable_whatever_the_posts_are(look: Any, size: dict[str, int]) -> None:
    """Long posts take the place of short ones, and the other way round; some of both are mixed."""
    looked = look(viewport=size)
    page = looked.go("say/ada")
    page.locator(".kept").wait_for()
    page.evaluate(STREAM)
    mixed = [SHORT, LONG_POST, LONG_POST, SHORT, SHORT] * 2
    for texts in ([SHORT] * 10, [LONG_POST] * 10, [SHORT] * 10, mixed, mixed[::-1]):
        page.evaluate("texts => { window.coming = texts; }", texts)
        page.evaluate(WATCH)
        page.get_by_role("button", name=re.compile("Write ten|Ten more")).click()
        expect(page.get_by_text("9 posts, unselected.")).to_be_visible()
        expect(page.locator("ol .post:visible")).to_have_count(10)
        expect(page.get_by_role("button", name="Ten more")).to_be_visible()
        assert page.evaluate(MOVED) < 0.1  # in total


def test_the_layout_is_stable_while_posts_arrive(look: Any) -> None:
    page = look().go("say/ada")
    page.locator(".kept").wait_for()
    page.evaluate(WATCH)
    page.get_by_role("button", name="Write ten").click()
    expect(page.get_by_role("button", name="Ten more")).to_be_visible()
    assert page.evaluate(MOVED) < 0.1  # in total


def test_a_failed_job_shows_its_reason_and_can_be_removed(look: Any, server: Server) -> None:
    page = look().go("make")
    id = page.evaluate("""async () => {
        const ask = async (...how) => (await fetch(...how)).json();
        const file = {method: "PUT", body: "too little"};
        const {upload} = await ask("/api/uploads?name=posts.txt", file);
        const job = await ask("/api/jobs", {
            method: "POST",
            headers: {"Content-Type": "application/json"},
            body: JSON.stringify({doing: "make", upload}),
        });
        return job.id;
    }""")
    page.goto(f"{server.address}#/job/{id}")
    expect(page.get_by_text("It did not work out.")).to_be_visible()
    assert page.locator(".trouble b").inner_text()
    page.get_by_role("button", name="Take it off the list").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOME_TITLE)
    assert id not in [job["id"] for job in server.get("api/jobs")]


def test_the_token_in_the_address_logs_a_browser_in(browser: Browser, tmp_path: Path) -> None:
    served = Server(tmp_path / "other-home", "--host", "127.0.0.1")
    try:
        address = served.said.split()[0]
        page = browser.new_page()
        page.goto(served.address)
        page.get_by_label("Token").fill("not the token")
        page.get_by_role("button", name="Log in").click()
        expect(page.locator(".trouble")).to_contain_text("This is not the token.")
        page.get_by_label("Token").fill(address)  # the whole address does too
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(MAKE_TITLE)
        page.context.clear_cookies()
        page.close()
        page = browser.new_page()
        page.goto(address)
        expect(page.locator(".steps li")).to_have_count(3)  # nothing is made yet: the introduction
        assert "token" not in page.url
        page.goto(f"{served.address}#/all")
        page.reload()
        expect(page.get_by_text("None yet.")).to_be_visible()
        page.close()
    finally:
        served.end()


def test_light_and_dark(look: Any) -> None:
    looked = look(color_scheme="dark")
    page = looked.go("all")
    colour = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(colour)
    page.get_by_role("button", name="Switch to light colours").click()
    assert page.evaluate(colour) != before
    page.reload()
    page.locator("h1").wait_for()
    assert page.evaluate(colour) != before  # remembered


def test_an_unknown_address_is_reported(look: Any) -> None:
    looked = look()
    page = looked.go("say/nobody")
    expect(page.locator(".trouble")).to_contain_text("nobody")
    looked.complaints.clear()  # the browser's own word about a 404
    looked.go("nowhere/at/all")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    page.get_by_role("link", name="To the start").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOME_TITLE)


def test_a_base_is_chosen_with_its_size_and_terms_are_accepted_by_name(
    look: Any, server: Server, archive: Path
) -> None:
    looked = look()
    page = looked.go("make")
    ordered: list[dict[str, Any]] = []

    def keep(route: Route) -> None:
        asked = route.request.post_data_json
        if (
            route.request.method == "POST"
            and isinstance(asked, Mapping)
            and asked["doing"] == "make"
        ):
            ordered.append(dict(asked["options"]))
            # One that is over, in place of a training.
            route.fulfill(status=201, json=server.get("api/jobs")[0])
        else:
            route.continue_()

    page.route("**/api/jobs", keep)
    page.set_input_files("#file", archive)
    page.get_by_label("Nobody’s").check()
    smollm2, gemma3, builtin = (
        page.get_by_role("radio", name=name) for name in ("SmolLM2 ", "Gemma 3", "Small and quick")
    )
    smollm2.check()
    expect(choice_of(page, "SmolLM2 ")).to_contain_text(
        re.compile("Real English. (93 MB to fetch|already here), about .* Licence: apache-2.0.")
    )
    expect(page.locator(".terms")).to_have_count(0)
    gemma3.check()
    expect(choice_of(page, "Gemma 3")).to_contain_text("140 languages.")
    page.get_by_role("button", name="Make it").click()
    assert ordered == []
    builtin.check()
    expect(page.locator(".terms")).to_have_count(0)
    expect(choice_of(page, "Small and quick")).to_contain_text("built in, about ")
    gemma3.check()
    page.get_by_label("I have read and accept the Gemma Terms of Use").check()
    with page.expect_response("**/api/jobs"):
        page.get_by_role("button", name="Make it").click()
    assert [(one["base"], one["accept"]) for one in ordered] == [("gemma3", "gemma")]


def choice_of(page: Page, name: str) -> Locator:
    return page.locator(".choice", has=page.get_by_role("radio", name=name))
