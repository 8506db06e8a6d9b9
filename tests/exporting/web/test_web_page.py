"""The exported page in a real browser, with the real engine and the built-in base model."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chromium import chromium, needs_chromium
from opened_page import ENDED, READY, SECONDS, opened, written
from popinjay.exporting.export import export
from popinjay.options import ExportOptions
from popinjay.store.run import Run
from speaking_persona import POST, put_persona
from static_host import LOOPBACK, static_host
from web_engine import needs_engine, put_engine

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [needs_chromium, needs_engine]
HOSTILE = "<img src=x onerror=document.title=1> Ada"


@pytest.fixture
def site(own_home: Path, tmp_path: Path) -> Path:
    """A site with an exported page below a path."""
    put_engine()
    folder = put_persona(own_home, "ada")
    rows = [{"text": POST}, {"text": "I live in a house by the sea"}]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    author = {"handle": "ada", "name": HOSTILE}
    (folder / "authors.json").write_text(json.dumps([author]), encoding="utf-8")
    export(Run(folder), "web", tmp_path / "site/below/ada")
    return tmp_path / "site"


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A browser that reaches this machine only."""
    with chromium(LOOPBACK) as running:
        yield running


def write(page: Page, beginning: str = "") -> list[str]:
    """Have ten posts written; returns their texts."""
    return written(page, beginning).all_inner_texts()


def test_it_writes_keeps_and_works_offline(site: Path, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    with static_host(site) as host:
        address = f"{host.address}below/ada/"
        said = opened(page, address)
        posts = write(page, "My dream")
        assert len(posts) == 10
        assert all(post.startswith("My dream") for post in posts)
        assert page.inner_text("#status") == "10 posts."
        page.locator("#posts button", has_text="Keep").first.click()
        assert page.locator("#kept-posts p").all_inner_texts() == posts[:1]
        page.evaluate(
            """() => new Promise((resolve) => {
                const { serviceWorker } = navigator;
                if (serviceWorker.controller) resolve();
                serviceWorker.addEventListener("controllerchange", () => resolve());
            })"""
        )
    page.goto(address)  # the host is gone
    page.wait_for_selector(READY, timeout=SECONDS)
    assert page.locator("#kept-posts p").all_inner_texts() == posts[:1]
    assert len(write(page)) == 10
    assert said == []  # neither an error nor a violation of the policy
    assert page.title() != "1"
    assert page.inner_text("#title") == HOSTILE
    assert page.locator("img").count() == 1


def test_it_can_be_used_by_everyone(site: Path, browser: Browser) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    with static_host(site) as host:
        for scheme in ("light", "dark"):
            # The policy of the page keeps out the checker's own script too
            context = browser.new_context(
                color_scheme=scheme, bypass_csp=True, viewport={"width": 375, "height": 800}
            )
            page = context.new_page()
            opened(page, f"{host.address}below/ada/")
            page.focus("#beginning")
            page.keyboard.type("I")
            page.keyboard.press("Enter")
            page.wait_for_selector(ENDED, timeout=SECONDS)
            page.locator("#posts button", has_text="Keep").first.click()
            page.locator("summary").click()
            assert axe.Axe().run(page).response["violations"] == []
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 375
            context.close()


def test_copies_are_not_shown(site: Path, browser: Browser) -> None:
    with static_host(site) as host:
        page = browser.new_page()
        opened(page, f"{host.address}below/ada/")
        found = page.evaluate(
            """async () => {
                const { VerbatimIndex } = await import("./verbatim_index.js");
                const bytes = await (await fetch("posts.index")).arrayBuffer();
                const index = new VerbatimIndex(new Uint8Array(bytes));
                return [
                    "Yes, the river sings at night, and nobody in this place",
                    "i live in a HOUSE by the sea!",
                    "The river is wide and nobody sings in this town at night",
                ].map((text) => index.isCopied(text));
            }"""
        )
    assert found == [True, True, False]


def test_what_is_copied_says_that_a_machine_wrote_it(site: Path, browser: Browser) -> None:
    with static_host(site) as host:
        context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
        page = context.new_page()
        opened(page, f"{host.address}below/ada/")
        posts = write(page, "Today")
        page.locator("#posts button", has_text="Copy").first.click()
        page.locator("#status", has_text="Copied").wait_for()
        text = page.evaluate("navigator.clipboard.readText()")
    assert text.startswith(posts[0])
    assert "Written by a machine" in text


def test_the_model_is_the_same(site: Path, browser: Browser, own_home: Path) -> None:
    import numpy as np

    from popinjay.inference.onnx.decoder import OnnxDecoder
    from popinjay.sampling.prompt import prefill

    # In 8 bits, as the decoder it is compared with
    export(Run(own_home / "ada"), "web", site / "below/ada8", ExportOptions(quant="q8"))
    decoder = OnnxDecoder(own_home / "ada/model")
    prompts = ["My dream is", "The best thing about", "I can't believe"]
    read = [[decoder.bos_token, *decoder.encode(prompt)] for prompt in prompts]
    beginnings = ["", "My dream is ", "I am an astron", "the 日本", "😀", "hello wor"]
    with static_host(site) as host:
        page = browser.new_page()
        page.goto(f"{host.address}below/ada8/persona.json")
        found = page.evaluate(
            """async ([prompts, beginnings]) => {
                const base = new URL(".", location.href).href;
                const load = (name) => import(`${base}${name}`);
                const { default: factory } = await load("engine/ort-wasm-simd-threaded.mjs");
                const { OnnxDecoder } = await load("decoder.js");
                const { prefill } = await load("prompt.js");
                const { Tokenizer } = await load("tokenizer.js");
                const { unpackWeights } = await load("weights.js");
                const { bytesOf, jsonOf, listing } = await load("files.js");
                const list = await listing();
                const persona = await jsonOf("persona.json", list);
                const tokenizer = new Tokenizer(
                    await jsonOf("model/tokenizer.json.gzip", list), persona.special);
                const layout = await jsonOf("model/model.json", list);
                const parts = [];
                for (const part of layout.parts) parts.push(await bytesOf(`model/${part}`, list));
                const wasm = await bytesOf("engine/ort-wasm-simd-threaded.wasm.gzip", list);
                const decoder = await OnnxDecoder.open(
                    await factory({ numThreads: 1, wasmBinary: wasm.buffer }), layout,
                    await bytesOf("model/model.onnx", list),
                    unpackWeights(layout, parts), tokenizer);
                const logits = [];
                for (const prompt of prompts) {
                    await decoder.prefill(prompt.slice(0, -1));
                    decoder.start(2, prompt.length - 1);
                    const rows = await decoder.step([prompt[0], prompt.at(-1)]);
                    logits.push([...rows.subarray(rows.length / 2)]);
                }
                const begun = [];
                for (const one of beginnings) {
                    const prompt = await prefill(decoder, one, 10);
                    begun.push([prompt.tokens, prompt.healedTokens, prompt.continuations]);
                }
                return [logits, begun];
            }""",
            [read, beginnings],
        )
    for beginning, prompt in zip(beginnings, found[1], strict=True):
        begun = prefill(decoder, beginning, 10)
        assert prompt == [begun.tokens, begun.healed_tokens, [*map(list, begun.continuations)]]
    for tokens, logits in zip(read, found[0], strict=True):
        expected = decoder.prefill(tokens)
        assert np.argmax(logits) == np.argmax(expected)
        assert np.abs(np.array(logits) - expected).max() < 0.5  # embeddings in 8 bits


def test_open_serves_it(own_home: Path, tmp_path: Path) -> None:
    put_engine()
    put_persona(own_home, "ada")
    command = [sys.executable, "-m", "popinjay", "export", "ada", "--to", "web", "--open"]
    with subprocess.Popen(
        [*command, "--out", str(tmp_path / "out"), "--home", str(own_home)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "BROWSER": "true"},
    ) as running:
        assert running.stdout is not None
        address = next(
            found[0] for line in running.stdout if (found := re.search(r"http://\S+/", line))
        )
        with chromium(LOOPBACK) as browser:
            page = browser.new_page()
            opened(page, address)
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 0
