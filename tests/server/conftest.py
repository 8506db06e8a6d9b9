"""What the tests of the server share."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from archives import archive_files, posts, write_zip
from chromium import NOWHERE, chromium
from models import gpt2
from popinjay.pipeline import make
from server_page import BAD_NAME, EXPECTED, LONG_WORD, Looked, Server
from serving import Client, served

if TYPE_CHECKING:
    import openai
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[Client]:
    """Serve the folder of a module's fixture `home`."""
    with served(home) as client:
        yield client


@pytest.fixture(scope="module")
def ai(client: Client) -> Iterator[openai.OpenAI]:
    """Return OpenAI's own client of that server."""
    import openai

    with openai.OpenAI(
        base_url=f"{client.url}/v1", api_key="none is needed", max_retries=0, timeout=120
    ) as ai:
        yield ai


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(f"{NOWHERE} , EXCLUDE 127.0.0.1") as running:
        yield running


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny model of small letters only, whose posts pass the filters and suit any font."""
    return gpt2(tmp_path_factory.mktemp("plain-gpt2"), every_byte=False)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the archive of an author whose name is as hostile as possible."""
    return write_zip(
        tmp_path_factory.mktemp("archive") / "twitter-ada.zip",
        archive_files(posts(200), name=BAD_NAME),
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, archive: Path, base: Path) -> Iterator[Server]:
    """Start a server with one persona, for which hostile posts were kept."""
    home = tmp_path_factory.mktemp("served")
    make(
        archive,
        name="ada",
        home=home,
        base=str(base),
        epochs=0.1,
        samples=40,
        whose="fictional",
        track="none",
    )
    rows = [
        {"text": text, "prompt": "", "temperature": 1.0}
        for text in (LONG_WORD, "<script>alert(1)</script>", "\u202eturned \u2067round")
    ]
    (home / "ada" / "kept.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    running = Server(home)
    yield running
    running.end()


@pytest.fixture
def look(browser: Browser, server: Server) -> Iterator[Callable[..., Looked]]:
    """Open the page; at the end, it must have no errors and no requests to other hosts."""
    looked: list[Looked] = []

    def begin(**settings: Any) -> Looked:
        looked.append(Looked(browser, server, **settings))
        return looked[-1]

    yield begin
    for one in looked:
        one.context.close()
        assert [text for text in one.complaints if not re.search(EXPECTED, text)] == []
        assert one.strangers == []
