"""Tests of `popinjay serve --host`: without the token, every request is refused."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serving import Client, served, served_apart, wait

TOKEN = "a-token-that-nobody-guesses"
OPEN = {("GET", "/"), ("GET", "/favicon.ico"), ("GET", "/health"), ("POST", "/api/login")}
COMMAND = [sys.executable, "-m", "popinjay.cli.main", "serve", "--port", "0", "--no-browser"]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with served(tmp_path_factory.mktemp("home"), TOKEN) as found:
        yield found


def routes(client: Client) -> list[tuple[str, str]]:
    """Return every method and path that the server knows."""
    described = client.app.openapi()["paths"]
    named = [
        (method.upper(), re.sub(r"\{\w+\}", "ada", path))
        for path, methods in described.items()
        for method in methods
    ]
    return sorted({*named, ("GET", "/openapi.json")} - OPEN)


def test_no_route_answers_without_the_token(client: Client) -> None:
    found = routes(client)
    assert len(found) > 15
    for method, path in found:
        for headers in (
            {},
            {"X-Popinjay": "1"},
            {"X-Popinjay": "1", "Authorization": f"Bearer {TOKEN}x"},
            {"X-Popinjay": "1", "Authorization": f"Bearer {TOKEN[:-1]}"},
            {"X-Popinjay": "1", "Authorization": f"Basic {TOKEN}"},
            {"X-Popinjay": "1", "Cookie": f"popinjay-{client.port}={TOKEN}"},
            {"X-Popinjay": "1", "X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1"},
        ):
            answer = client.ask(method, path, {} if method != "GET" else None, headers)
            assert answer.status in (401, 403), (method, path, headers)
            assert set(answer.json) == {"error"}


def test_only_that_the_server_is_up_is_told_without_the_token(client: Client) -> None:
    answer = client.ask("GET", "/health", headers={})
    assert (answer.status, set(answer.json)) == (200, {"status", "version"})


def test_every_route_answers_with_the_token(client: Client) -> None:
    headers = {"X-Popinjay": "1", "Authorization": f"Bearer {TOKEN}"}
    for method, path in routes(client):
        answer = client.ask(method, path, {} if method != "GET" else None, headers)
        assert answer.status not in (401, 403, 500), (method, path, answer.body)


@pytest.mark.parametrize("method", METHODS)
def test_no_method_bypasses_the_token(client: Client, method: str) -> None:
    answer = client.ask(method, "/api/personas", headers={"X-Popinjay": "1"})
    assert answer.status in (401, 403)


@pytest.mark.parametrize(
    "path",
    [
        "/api/personas?token={token}",
        "/api/personas#token={token}",
        "//api/personas",
        "/./api/personas",
        "/api//personas",
        "/API/personas",
        "/api/personas/",
        "/assets/../api/personas",
        "/assets/%2e%2e/api/personas",
        "/assets/..%2fapi/personas",
        "/assets/..;/api/personas",
        "/assets/%2e%2e/%2e%2e/run.toml",
        "/%61pi/personas",
        "/favicon.ico/../api/personas",
        "/?/api/personas",
        "http://127.0.0.1:{port}/api/personas",
    ],
)
def test_no_spelling_of_a_path_bypasses_the_token(client: Client, path: str) -> None:
    asked = path.format(token=TOKEN, port=client.port)
    answer = client.ask("GET", asked, headers={})
    page = client.ask("GET", "/", headers={}).body
    assert answer.status in (400, 401, 403, 404) or answer.body == page


def test_other_host_names_are_refused_before_the_token_is_checked(client: Client) -> None:
    headers = {"Host": f"evil.example:{client.port}", "Authorization": f"Bearer {TOKEN}"}
    assert client.ask("GET", "/api/personas", headers=headers).status == 403


def test_guessed_tokens_are_refused(client: Client) -> None:
    for guess in ("", " ", "*", TOKEN[:-1], TOKEN + " x", TOKEN.upper(), "\x00", "a" * 10_000):
        answer = client.ask("POST", "/api/login", {"token": guess})
        assert answer.status in (401, 422)
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_each_start_has_its_own_token(tmp_path: Path, host: str) -> None:
    """The token that is printed once is in no file and does not work after the next start."""
    tokens: list[str] = []
    for _ in range(2):
        with started(tmp_path, host) as (token, client):
            assert client.ask("GET", "/api/personas").status == 401
            headers = {"Authorization": f"Bearer {token}"}
            assert client.ask("GET", "/api/personas", headers=headers).status == 200
            for old in tokens:
                headers = {"Authorization": f"Bearer {old}"}
                assert client.ask("GET", "/api/personas", headers=headers).status == 401
            tokens.append(token)
    assert tokens[0] != tokens[1]
    assert all(len(token) >= 32 for token in tokens)
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(token.encode() in content for token in tokens for content in files)


@contextmanager
def started(home: Path, host: str) -> Iterator[tuple[str, Client]]:
    """Start the server as users do; yield the token that it prints, and a client."""
    words = [*COMMAND, "--home", str(home), "--host", host]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address, _, token = process.stdout.readline().split()[0].partition("#token=")
            client = Client(int(address.rstrip("/").rpartition(":")[2]))
            wait(lambda: client.ask("GET", "/").status == 200)
            yield token, client
        finally:
            process.kill()


def test_without_host_only_loopback_is_bound(tmp_path: Path) -> None:
    with served_apart(tmp_path) as (client, process):
        assert client.ask("GET", "/api/personas").status == 200
        assert set(listening_at(client.port)) == {"127.0.0.1"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def listening_at(port: int) -> list[str]:
    """Return the IPv4 addresses at which a process listens on this port of this machine."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("needs /proc/net")
    found = []
    for line in table.read_text(encoding="ascii").splitlines()[1:]:
        local, state = (line.split()[place] for place in (1, 3))
        address, _, number = local.partition(":")
        if int(number, 16) == port and state == "0A":
            found.append(".".join(str(byte) for byte in bytes.fromhex(address)[::-1]))
    return found
