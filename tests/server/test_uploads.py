"""Tests of uploads: complete or absent, bounded in size, and never a path."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from popinjay.errors import PopinjayError
from popinjay.server.uploads import KEEP_SECONDS, Uploads, check_file_name
from serving import Client, served, wait


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uploads")


def files(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file() and ".uploads" in path.parts]


def begin(client: Client, head: str, body: bytes) -> socket.socket:
    """Send a request as raw bytes, of which more could follow."""
    connection = socket.create_connection(("127.0.0.1", client.port), timeout=20)
    connection.sendall(
        f"PUT /api/uploads?name=a.txt HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n"
        f"X-Popinjay: 1\r\n{head}\r\n\r\n".encode()
        + body
    )
    return connection


def send(client: Client, head: str, body: bytes) -> bytes:
    """Return the answer to that."""
    with begin(client, head, body) as connection:
        return connection.recv(4000)


@pytest.mark.parametrize(
    "name",
    [
        "twitter-ada.zip",
        "my posts (1).tar.gz",
        "Grüße 🦜.txt",
        "<img src=x onerror=alert(1)>.csv",
        "-",
        ".hidden",
        "a:b?.txt",
    ],
)
def test_a_file_arrives_unchanged(client: Client, home: Path, name: str) -> None:
    answer = client.ask("PUT", f"/api/uploads?name={quote(name)}", b"some posts\n" * 300_000)
    assert answer.status == 201
    assert answer.json["name"] == name
    assert answer.json["bytes"] == 3_300_000
    file = home / ".uploads" / answer.json["upload"] / name
    assert file.read_bytes() == b"some posts\n" * 300_000
    assert client.ask("DELETE", f"/api/uploads/{answer.json['upload']}").status == 204
    assert client.ask("DELETE", f"/api/uploads/{answer.json['upload']}").status == 404
    assert files(home) == []


@pytest.mark.parametrize(
    "name",
    [
        "../evil.txt",
        "a/b.txt",
        "a\\b.txt",
        "..",
        ".",
        ".partial",
        "a\x00.txt",
        "a\nb.txt",
        "x" * 201,
        "",
        "\ud800.txt",
    ],
)
def test_invalid_names_are_refused(client: Client, home: Path, name: str) -> None:
    assert client.ask(
        "PUT", f"/api/uploads?name={quote(name, errors='surrogatepass')}", b"x"
    ).status in (201, 422)
    assert all(
        path.parent.parent == home / ".uploads" and path.name != ".partial" for path in files(home)
    )
    for path in files(home):
        client.ask("DELETE", f"/api/uploads/{path.parent.name}")


@given(st.text(max_size=60))
def test_an_accepted_name_stays_in_its_folder(name: str) -> None:
    try:
        taken = check_file_name(name)
    except PopinjayError:
        return
    assert Path("/home/.uploads/0", taken).resolve().parent == Path("/home/.uploads/0").resolve()


@pytest.mark.parametrize("id", ["..", "../..", "%2e%2e", "0" * 15, "0" * 16, "/etc", "x" * 300])
def test_only_uploads_are_removed(client: Client, home: Path, id: str) -> None:
    assert client.ask("DELETE", f"/api/uploads/{id}").status in (404, 405)
    assert home.is_dir()


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("Content-Length: 5000000", b"x" * 2_000_000),
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n"),
    ],
)
def test_an_interrupted_upload_leaves_nothing(
    client: Client, home: Path, head: str, body: bytes
) -> None:
    with begin(client, head, body):
        wait(lambda: files(home))
    wait(lambda: not list((home / ".uploads").iterdir()))


def test_an_empty_upload_is_refused(client: Client, home: Path) -> None:
    answer = client.ask("PUT", "/api/uploads?name=a.txt", b"")
    assert answer.status == 422
    assert "empty" in answer.message
    assert files(home) == []


def test_too_large_uploads_are_refused_early(tmp_path: Path) -> None:
    with served(tmp_path) as client:
        client.app.state.app_state.uploads = Uploads(tmp_path, max_bytes=3 * 2**20)
        assert b" 413 " in send(client, f"Content-Length: {4 * 2**20}", b"")
        chunk = b"100000\r\n" + b"x" * 2**20 + b"\r\n"
        assert b" 413 " in send(client, "Transfer-Encoding: chunked", chunk * 4)
        client.app.state.app_state.uploads = Uploads(tmp_path, reserve=2**60)
        assert b" 507 " in send(client, "Content-Length: 5", b"hello")
        assert client.get("/api/about")["most_upload_bytes"] == 0
        wait(lambda: not files(tmp_path))


def test_unused_uploads_are_removed(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    kinds = {kind: uploads.begin() for kind in ("old", "needed", "new", "cut off", "coming")}
    for folder in kinds.values():
        (folder / "posts.txt").write_text("hello")
    for kind in ("cut off", "coming"):
        (kinds[kind] / "posts.txt").rename(kinds[kind] / ".partial")
    for kind in ("old", "needed", "coming"):
        long_ago = time.time() - KEEP_SECONDS - 60
        os.utime(kinds[kind], (long_ago, long_ago))
    uploads.sweep({kinds["needed"].name})
    assert {kind for kind, folder in kinds.items() if folder.exists()} == {
        "needed",
        "new",
        "cut off",
        "coming",
    }
    uploads.sweep({kinds["needed"].name}, remove_partial=True)
    assert {kind for kind, folder in kinds.items() if folder.exists()} == {"needed", "new"}
