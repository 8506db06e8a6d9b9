"""Tests of `popinjay serve --cors`: pages of other sites, their preflights, and what is refused."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from popinjay.errors import OptionError
from popinjay.server.cors import checked_origins
from serving import Client, serve_command, served, served_apart
from speaking_persona import put_persona

PAGE = "http://localhost:3000"
OTHER = "https://evil.example"
TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("cors")
    put_persona(home, "ada")
    return home


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[Client]:
    """Start the server as users do, with one origin."""
    with served_apart(home, "--cors", PAGE) as (client, _):
        yield client


def preflight(client: Client, origin: str, method: str = "POST", sent: str = "") -> tuple[int, str]:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    if sent:
        headers["Access-Control-Request-Headers"] = sent
    answer = client.ask("OPTIONS", "/v1/chat/completions", headers=headers)
    return answer.status, answer.headers["Access-Control-Allow-Origin"] or ""


def test_a_page_of_the_origin_may_ask_and_read(client: Client) -> None:
    sent = "authorization, content-type, x-popinjay, x-stainless-os"
    assert preflight(client, PAGE, sent=sent) == (200, PAGE)
    cross_site = {"Origin": PAGE, "Sec-Fetch-Site": "cross-site"}
    for path in ("/v1/models", "/api/personas", "/health"):
        answer = client.ask("GET", path, headers=cross_site)
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, PAGE)
        assert "Origin" in answer.headers["Vary"]
        assert answer.headers["Access-Control-Allow-Credentials"] is None
    body = {"model": "ada", "messages": [{"role": "user", "content": "a"}], "max_tokens": 2}
    asked = client.ask("POST", "/v1/chat/completions", body, cross_site)
    assert asked.status == 200
    refused = client.ask("POST", "/v1/chat/completions", {}, cross_site)
    assert (refused.status, refused.headers["Access-Control-Allow-Origin"]) == (400, PAGE)


@pytest.mark.parametrize(
    "origin",
    [OTHER, "http://localhost", "http://localhost:3001", "https://localhost:3000", "null"],
)
def test_other_origins_are_refused(client: Client, origin: str) -> None:
    assert preflight(client, origin) == (400, "")
    for method, path in (("GET", "/v1/models"), ("POST", "/v1/completions"), ("GET", "/metrics")):
        answer = client.ask(
            method, path, headers={"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        )
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (403, None)


def test_a_foreign_host_name_is_refused_from_the_origin_too(client: Client) -> None:
    headers = {"Origin": PAGE, "Host": f"evil.example:{client.port}"}
    assert client.ask("GET", "/v1/models", headers=headers).status == 403


def test_methods_and_headers_of_a_preflight_are_checked(client: Client) -> None:
    assert preflight(client, PAGE, "TRACE")[0] == 400
    assert preflight(client, PAGE, sent="x-unheard-of")[0] == 400


def test_without_the_option_there_is_no_preflight(home: Path, tmp_path: Path) -> None:
    with served(tmp_path) as client:
        assert preflight(client, PAGE) == (403, "")


def test_other_pages_need_the_token_itself_not_the_cookie(tmp_path: Path) -> None:
    with served(tmp_path, TOKEN, cors=("*",)) as client:
        cookie = f"popinjay-{client.port}={client.app.state.app_state.auth.cookie}"
        page = {"Origin": OTHER, "Sec-Fetch-Site": "cross-site"}
        assert client.ask("GET", "/v1/models", headers={"Cookie": cookie}).status == 200
        assert client.ask("GET", "/v1/models", headers={**page, "Cookie": cookie}).status == 401
        answer = client.ask(
            "GET", "/v1/models", headers={**page, "Authorization": f"Bearer {TOKEN}"}
        )
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")
        assert preflight(client, OTHER) == (200, "*")


@pytest.mark.parametrize(
    "origin",
    ["localhost:3000", "http://localhost:3000/", "http://a/b", "ftp://a", "null", "", "http://*.a"],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(OptionError, match="--cors can't be"):
        checked_origins([origin], has_token=True)


def test_all_origins_need_a_token(tmp_path: Path) -> None:
    assert checked_origins(["*", PAGE.upper(), PAGE], has_token=True) == ("*", PAGE)
    ended = subprocess.run(
        serve_command(tmp_path, 0, "--cors", "*"), capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 2
    assert "--cors * would let every page" in ended.stderr
