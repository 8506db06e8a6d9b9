"""Tests of access: foreign host names, other sites in the browser, requests without the token."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from popinjay.errors import OptionError
from popinjay.server.api_error import ApiError
from popinjay.server.auth import Auth, split_host
from popinjay.server.listen import address, listen
from serving import Client, served, served_apart

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with served(tmp_path_factory.mktemp("here")) as client:
        yield client


@pytest.fixture(scope="module")
def open_to_others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with served(tmp_path_factory.mktemp("others"), TOKEN, ("parrot.example",)) as client:
        yield client


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"]
)
def test_local_host_names_are_accepted(here: Client, host: str) -> None:
    assert (
        here.ask("GET", "/api/personas", headers={"Host": host.format(port=here.port)}).status
        == 200
    )


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{port}",
        "127.0.0.1.evil.example:{port}",
        "localhost",
        "localhost:1",
        "127.0.0.1",
        "127.0.0.2:{port}",
        "",
        ":{port}",
        "localhost:{port}:{port}",
    ],
)
def test_foreign_host_names_are_refused(here: Client, host: str) -> None:
    for path in ("/", "/api/personas", "/v1/models", "/assets/index.html", "/openapi.json"):
        assert here.ask("GET", path, headers={"Host": host.format(port=here.port)}).status in (
            400,
            403,
        )


@given(st.text(st.characters(codec="latin-1"), max_size=40))
def test_no_other_name_is_accepted(name: str) -> None:
    if split_host(name.lower()) not in [
        (known, 8000) for known in ("127.0.0.1", "localhost", "[::1]")
    ]:
        with pytest.raises(ApiError):
            Auth(8000).check("GET", "/api/personas", {"host": name})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "http://127.0.0.1:{port}.evil.example", "X-Popinjay": "1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "X-Popinjay": "1"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_other_sites_change_nothing(here: Client, headers: dict[str, str]) -> None:
    for method, path in (
        ("POST", "/api/jobs"),
        ("PUT", "/api/uploads?name=a.txt"),
        ("DELETE", "/api/jobs/x"),
        ("POST", "/api/personas/x/picture"),
    ):
        answer = here.ask(
            method,
            path,
            b"{}",
            {name: value.format(port=here.port) for name, value in headers.items()},
        )
        assert answer.status == 403
        assert answer.message == "Requests from other sites are not allowed."
    assert (
        here.ask(
            "OPTIONS",
            "/api/jobs",
            headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
        ).status
        == 403
    )


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://127.0.0.1:{port}"}, {"Sec-Fetch-Site": "same-origin"}, {"X-Popinjay": "1"}],
)
def test_our_own_page_and_programs_are_accepted(here: Client, headers: dict[str, str]) -> None:
    sent = {name: value.format(port=here.port) for name, value in headers.items()}
    assert (
        here.ask("POST", "/api/jobs", b"{}", {"Content-Type": "application/json", **sent}).status
        == 422
    )


def test_other_sites_read_nothing_and_link_to_the_page_only(here: Client) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert here.ask("GET", "/", headers=link).status == 200
    assert here.ask("GET", "/api/personas", headers=link).status == 403
    assert (
        here.ask(
            "GET", "/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
        ).status
        == 403
    )
    assert (
        here.ask(
            "GET",
            "/api/personas",
            headers={"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
        ).status
        == 403
    )
    assert (
        "access-control-allow-origin"
        not in here.ask("GET", "/api/personas", headers={"Origin": here.url}).headers
    )


def test_every_answer_has_its_headers(here: Client) -> None:
    for path, host in (
        ("/", ""),
        ("/api/personas", ""),
        ("/nothing", ""),
        ("/assets/nothing", ""),
        ("/", "evil.example"),
    ):
        answer = here.ask("GET", path, headers={"Host": host} if host else {})
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


def test_a_client_with_the_token_is_accepted(open_to_others: Client) -> None:
    ask = open_to_others.ask
    assert ask("GET", "/").status == 200  # which takes the token
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": TOKEN},
        {"Cookie": "popinjay=1"},
        {"Authorization": "Bearer \xe4"},
    ):
        for path in ("/api/personas", "/api/jobs", "/v1/models", "/openapi.json", "/api/about"):
            assert ask("GET", path, headers=headers).status == 401
    assert ask("GET", "/api/personas", headers={"Authorization": f"Bearer {TOKEN}"}).status == 200
    # A page can't send that.
    assert ask("POST", "/api/jobs", {}, {"Authorization": f"Bearer {TOKEN}"}).status == 403


def test_a_browser_is_given_a_cookie_for_the_token(open_to_others: Client) -> None:
    ask = open_to_others.ask
    assert ask("POST", "/api/login", {"token": TOKEN[:-1]}).status == 401
    given = ask("POST", "/api/login", {"token": TOKEN})
    assert given.status == 204
    cookie = given.headers["set-cookie"]
    assert re.search("HttpOnly", cookie, re.I)
    assert re.search("SameSite=strict", cookie, re.I)
    assert TOKEN not in cookie
    sent = cookie.split(";")[0]
    assert ask("GET", "/api/personas", headers={"Cookie": sent}).status == 200
    assert (
        ask("GET", "/api/personas", headers={"Cookie": f'odd; [a]="b; {sent}; c=d'}).status == 200
    )
    assert ask("GET", "/api/personas", headers={"Cookie": sent[:-1]}).status == 401
    assert (
        ask("POST", "/api/jobs", {}, {"Cookie": sent, "Origin": "https://evil.example"}).status
        == 403
    )


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("192.0.2.7", 200),
        ("[2001:db8::7]", 200),
        ("parrot.example", 200),
        ("evil.example", 403),
        ("localhost", 200),
    ],
)
def test_with_a_token_addresses_and_own_names_are_accepted(
    open_to_others: Client, host: str, status: int
) -> None:
    assert (
        open_to_others.ask("GET", "/", headers={"Host": f"{host}:{open_to_others.port}"}).status
        == status
    )


def test_too_large_bodies_are_not_read(here: Client) -> None:
    answer = here.ask(
        "POST",
        "/api/jobs",
        b'{"specs": ["' + b"a" * 5 * 2**20 + b'"]}',
        {"X-Popinjay": "1", "Content-Type": "application/json"},
    )
    assert answer.status in (400, 413)


def test_the_command_prints_its_address(tmp_path: Path) -> None:
    with served_apart(tmp_path, "--host", "127.0.0.1") as (client, process):
        assert client.ask("GET", "/api/personas").status == 401
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_addresses() -> None:
    assert address(None, 8765, None) == "http://127.0.0.1:8765/"
    assert address("192.0.2.7", 80, "t") == "http://192.0.2.7:80/#token=t"
    assert address("::", 80, "t").endswith(":80/#token=t")
    assert "[2001:db8::1]" in address("2001:db8::1", 80, "t")


def test_a_port_in_use_is_reported(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OptionError, match=str(port)):
            listen("127.0.0.1", (port,))
        listen("127.0.0.1", (port, 0)).close()
    with pytest.raises(OptionError):
        listen("127.0.0.1", (70_000,))
