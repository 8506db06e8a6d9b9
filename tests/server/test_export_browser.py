"""Tests of the screen "Take it elsewhere" in a real browser, and of a page that is opened there."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from chromium import needs_chromium
from server_page import BAD_NAME, PATIENCE, PHONE, Server, violations
from speaking_persona import BASE, POST
from web_engine import KEPT, needs_engine, put_engine

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright, which drives the browser"
)
pytest.importorskip("fastapi", reason="needs the extra `serve`")

pytestmark = needs_chromium
expect = sync_api.expect
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    """Put the engine of pages where the server looks for it, if the user has it."""
    if KEPT.is_dir():
        put_engine()


@pytest.fixture
def exported_anew(server: Server) -> Any:
    """Remove what a test exported."""
    yield
    for job in server.get("api/jobs"):
        if job["doing"] == "export":
            shutil.rmtree(server.home / ".jobs" / job["id"], ignore_errors=True)


@pytest.mark.usefixtures("exported_anew")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_offered_exported_and_downloaded(
    look: Any, scheme: str, server: Server, tmp_path: Path
) -> None:
    looked = look(color_scheme=scheme, viewport=PHONE)
    page = looked.go("say/ada")
    page.get_by_role("link", name="Take it elsewhere").click()
    expect(page.get_by_role("heading", name="Put it on the web")).to_be_visible()
    kinds = page.locator(".kinds h3").all_inner_texts()
    assert kinds == ["GGUF", "Ollama", "ONNX", "LoRA adapter", "MLX", "Transformers"]
    assert BAD_NAME[:4] in page.locator("h1").inner_text()
    assert "keep what you export to yourself" not in page.locator("main").inner_text()  # fictional
    gguf = page.locator("#export-gguf")
    gguf.get_by_role("combobox").select_option("f16")
    gguf.get_by_role("button", name="Export: GGUF").press("Enter")
    link = gguf.get_by_role("link", name="Download")
    expect(link).to_be_focused()
    expect(gguf.locator("pre")).to_contain_text("llama-completion -m ./ada-gguf/")
    with page.expect_download() as waiting:
        link.click()
    assert waiting.value.suggested_filename == "ada-gguf.zip"
    waiting.value.save_as(tmp_path / "it.zip")
    with zipfile.ZipFile(tmp_path / "it.zip") as archive:
        assert "ada-gguf/ada-F16.gguf" in archive.namelist()
    expect(page.locator("#export-adapter")).to_contain_text("has no adapter")
    expect(page.locator("#export-mlx").get_by_role("link", name="Download")).to_be_visible()
    assert violations(page) == []
    assert not looked.is_too_wide()
    page.reload()
    expect(gguf.get_by_role("link", name="Download")).to_be_visible()  # it is still there
    assert server.get("api/personas/ada/exports")["jobs"][0]["state"] == "done"
    page.goto(f"{server.address}#/")
    page.get_by_role("heading", level=1).wait_for()
    assert page.locator(".unfinished").count() == 0
    page.goto(f"{server.address}#/export/ada")
    gguf.get_by_role("button", name="Remove").click()
    expect(gguf.get_by_role("combobox")).to_be_focused()


@pytest.mark.usefixtures("exported_anew")
def test_who_may_not_publish_is_told(look: Any, server: Server) -> None:
    folder = server.home / "famous"
    shutil.copytree(server.home / "ada", folder)
    record = folder / "run.toml"
    record.write_text(record.read_text().replace('"fictional"', '"public-figure"'))
    try:
        page = look().go("export/famous")
        expect(page.locator(".notice")).to_contain_text("keep what you export to yourself")
        assert violations(page) == []
    finally:
        shutil.rmtree(folder)


@needs_engine
@pytest.mark.usefixtures("exported_anew")
def test_the_page_is_made_and_opened_here(look: Any, server: Server) -> None:
    folder = server.home / "web"
    shutil.copytree(server.home / "ada", folder)
    shutil.rmtree(folder / "model")
    shutil.copytree(BASE, folder / "model")
    try:
        looked = look()
        page = looked.go("export/web")
        page.get_by_role("button", name="Make the page").click()
        opening = page.get_by_role("link", name="Open it here")
        expect(opening).to_be_focused()
        assert violations(page) == []
        with looked.context.expect_page() as waiting:
            opening.click()
        opened = waiting.value
        complaints: list[str] = []
        opened.on("console", lambda message: complaints.append(message.text))
        opened.wait_for_selector("body[data-ready]", timeout=PATIENCE)
        opened.fill("#beginning", "My dream")
        opened.click("#write")
        opened.wait_for_selector("body[data-speed]", timeout=PATIENCE)
        posts = opened.locator("#posts li[aria-busy=false] p").all_inner_texts()
        assert len(posts) == 10
        assert POST not in posts
        assert opened.locator("#title").inner_text().startswith(BAD_NAME[:4])
        assert opened.locator("#avatars img").count() == 1
        # It reaches nothing outside of its folder, and leaves nothing in the browser.
        reached = opened.evaluate("fetch('/api/personas').then(() => 'reached', () => 'refused')")
        assert reached == "refused"
        kept = opened.evaluate(
            "(async () => [(await navigator.serviceWorker.getRegistrations()).length,"
            " (await caches.keys()).length])()"
        )
        assert kept == [0, 0]
        assert [text for text in complaints if "Content Security Policy" not in text] == []
    finally:
        shutil.rmtree(folder)
