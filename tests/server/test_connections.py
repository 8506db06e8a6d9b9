"""Tests of connections: half-sent requests are cut off and block no other client."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from popinjay.server import connections
from serving import Client, served


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    # Whole requests come sooner, on a busy machine too.
    monkeypatch.setattr(connections, "HEAD_SECONDS", 1.5)
    monkeypatch.setattr(connections, "SILENCE_SECONDS", 0.6)
    monkeypatch.setattr(connections, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(connections, "MAX_WAITING", 5)
    with served(tmp_path) as client:
        yield client


def opened(client: Client, sent: bytes = b"") -> socket.socket:
    one = socket.create_connection(("127.0.0.1", client.port), timeout=20)
    one.sendall(sent)
    return one


def rest(one: socket.socket) -> bytes:
    """Return everything until the server closes the connection."""
    found = b""
    try:
        while data := one.recv(2**16):
            found += data
    except ConnectionResetError:
        pass
    one.close()
    return found


HALF = b"GET /api/about HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "


@pytest.mark.parametrize("sent", [b"", b"GET", HALF])
def test_half_a_request_is_cut_off(client: Client, sent: bytes) -> None:
    began = time.monotonic()
    assert rest(opened(client, sent)).startswith(b"HTTP/1.1 408")
    assert time.monotonic() - began > 0.5


def test_a_slow_client_is_cut_off_too(client: Client) -> None:
    one = opened(client, HALF)
    began = time.monotonic()
    with closing(one), pytest.raises((BrokenPipeError, ConnectionResetError)):
        while time.monotonic() - began < 15:
            one.sendall(b"a")
            time.sleep(0.1)
    assert time.monotonic() - began < 15


def request(client: Client, more: str = "", body: bytes = b"") -> bytes:
    return f"GET /api/about HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n{more}\r\n".encode() + body


def test_half_of_the_next_request_is_cut_off_too(client: Client) -> None:
    one = opened(client, request(client))
    assert one.recv(2**16).startswith(b"HTTP/1.1 200")
    one.sendall(HALF)
    assert b"HTTP/1.1 408" in rest(one)


def test_a_missing_body_is_not_waited_for(client: Client) -> None:
    head = (
        f"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n"
        "X-Popinjay: 1\r\nContent-Length: 900\r\n\r\n"
    )
    assert b"HTTP/1.1 2" not in rest(opened(client, head.encode() + b'{"doing": '))


def test_many_of_them_block_no_other_client(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 600.0)  # none is cut off for being late
    waiting = [opened(client, HALF) for _ in range(30)]
    with ExitStack() as stack:
        for one in waiting:
            stack.enter_context(closing(one))
        until = time.monotonic() + 30
        while (
            len(ended := select.select(waiting, [], [], 0)[0]) < 25
        ):  # all but as many as may wait
            assert time.monotonic() < until, "too few were cut off"
            time.sleep(0.05)
        assert client.ask("GET", "/api/about").status == 200
        answers = [rest(one) for one in ended]
        assert all(answer.startswith(b"HTTP/1.1 408") or not answer for answer in answers)
