"""Tests of the HTTP client with patient, broken and hostile servers."""

from __future__ import annotations

import datetime
import email.utils
import gzip
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from popinjay.errors import AnswerLost, NetworkError
from popinjay.events import Event, EventKind
from popinjay.network import connection as connecting
from popinjay.network import http_client
from popinjay.network.connection import is_public
from popinjay.network.http_client import HttpClient

# Path, headers, connection; whether to keep the connection.
Script = Callable[[str, dict[str, str], socket.socket], bool]


class Server:
    """A server that sends the bytes of a test's script, one thread a connection."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        self._script, self._context = script, context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def address(self, path: str = "/", scheme: str = "http") -> str:
        return f"{scheme}://localhost:{self.port}{path}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with (
                self._context.wrap_socket(connection, server_side=True)
                if self._context
                else connection as stream
            ):
                with stream.makefile("rb") as lines:
                    while line := lines.readline():
                        path = line.split()[1].decode()
                        headers = dict(
                            iter(
                                lambda: lines.readline().decode().strip().partition(": ")[::2],
                                ("", ""),
                            )
                        )
                        self.asked.append(
                            (path, {name.lower(): value for name, value in headers.items()})
                        )
                        if not self._script(path, self.asked[-1][1], stream):
                            return
        except OSError:
            pass  # the client hung up, which some tests are about


def answer(
    stream: socket.socket, body: bytes = b"{}", status: str = "200 OK", **headers: str
) -> bool:
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Length: {len(body)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    stream.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return True


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(script: Script, context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(script, context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
def local(heard: list[Event]) -> Iterator[HttpClient]:
    asking = HttpClient(heard.append, allow_local=True, after_failure="What was read is kept.")
    yield asking
    asking.close()


# rate limits and conditional requests


def test_one_connection_serves_many_requests_with_a_user_agent(
    serve: Callable[..., Server], local: HttpClient
) -> None:
    server = serve(lambda path, headers, stream: answer(stream, json.dumps(path).encode()))
    assert [local.json(server.address(f"/{n}"), {"q": "ä b"})[1] for n in range(5)] == [
        f"/{n}?q=%C3%A4+b" for n in range(5)
    ]
    assert server.connections == 1
    assert all(headers["user-agent"].startswith("popinjay/") for _, headers in server.asked)
    assert server.asked[0][1]["host"] == f"localhost:{server.port}"


def test_an_etag_is_sent_back_and_not_modified_gives_nothing(
    serve: Callable[..., Server], local: HttpClient
) -> None:
    def script(path: str, headers: dict[str, str], stream: socket.socket) -> bool:
        return (
            answer(stream, b"", "304 Not Modified")
            if headers.get("if-none-match") == 'W/"7"'
            else answer(stream, b"[1]", ETag='W/"7"')
        )

    server = serve(script)
    first = local.get(server.address())
    assert (first.status, first.etag, first.value()) == (200, 'W/"7"', [1])
    assert local.get(server.address(), etag=first.etag).status == 304


def test_packed_answers_are_unpacked(serve: Callable[..., Server], local: HttpClient) -> None:
    body = json.dumps(["post"] * 10_000).encode()
    server = serve(
        lambda path, headers, stream: answer(stream, gzip.compress(body), Content_Encoding="gzip")
    )
    assert local.json(server.address())[1] == ["post"] * 10_000


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_retry_after_is_obeyed_with_a_countdown(
    serve: Callable[..., Server], local: HttpClient, heard: list[Event], status: str
) -> None:
    moments: list[float] = []

    def script(path: str, headers: dict[str, str], stream: socket.socket) -> bool:
        moments.append(time.monotonic())
        return (
            answer(stream) if len(moments) > 1 else answer(stream, status=status, Retry_After="1")
        )

    assert local.get(serve(script).address()).status == 200
    assert moments[1] - moments[0] >= 1
    counted = [event.numbers["seconds_left"] for event in heard if event.what is EventKind.PROGRESS]
    assert counted == sorted(counted, reverse=True)
    assert len(counted) >= 2


def in_three_seconds(form: str) -> str:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=3)
    return {
        "epoch": str(int(moment.timestamp())),
        "iso": moment.isoformat(),
        "date": email.utils.format_datetime(moment, usegmt=True),
    }[form]


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("x-rate-limit-reset", "epoch"),
        ("ratelimit-reset", "epoch"),
        ("x-ratelimit-reset", "iso"),
        ("retry-after", "date"),
    ],
)
def test_every_format_of_a_rate_limits_end_is_understood(header: str, form: str) -> None:
    assert 1.5 < http_client._requested_pause({header: in_three_seconds(form)}, time.time()) < 4.5


@pytest.mark.parametrize(
    "value", ["", "soon", "-5", "1e9", "٣", "9" * 40, "nan", "Thu, 99 Foo 2026"]
)
def test_invalid_times_are_ignored(value: str) -> None:
    assert http_client._requested_pause({"retry-after": value}, time.time()) == 0


def test_whoever_asks_for_hours_is_left_in_peace(
    serve: Callable[..., Server], local: HttpClient
) -> None:
    server = serve(
        lambda path, headers, stream: answer(
            stream, status="429 Too Many Requests", Retry_After="7200"
        )
    )
    with pytest.raises(NetworkError, match=r"asks to come back in 2\.0 h") as raised:
        local.get(server.address())
    assert "kept" in raised.value.hint
    assert len(server.asked) == 1


def test_patience_ends(serve: Callable[..., Server], local: HttpClient, impatient: None) -> None:
    server = serve(
        lambda path, headers, stream: answer(
            stream, status="429 Too Many Requests", Retry_After="0"
        )
    )
    with pytest.raises(NetworkError, match="can't be read now: it is busy"):
        local.get(server.address())
    assert len(server.asked) == http_client.MAX_ATTEMPTS


# failures


def test_failed_requests_are_retried(
    serve: Callable[..., Server], local: HttpClient, impatient: None
) -> None:
    tries = iter(["502 Bad Gateway", "cut", "hang up", "200 OK"])

    def script(path: str, headers: dict[str, str], stream: socket.socket) -> bool:
        doing = next(tries)
        if doing == "cut":
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[1, 2")
        elif doing != "hang up":
            return answer(stream, b"[1]", doing)
        return False

    assert local.json(serve(script).address())[1] == [1]


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Length: 20\r\n\r\n0123456789",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    ],
)
def test_invalid_answers_are_one_sentence(
    serve: Callable[..., Server], local: HttpClient, impatient: None, said: bytes
) -> None:
    def script(path: str, headers: dict[str, str], stream: socket.socket) -> bool:
        stream.sendall(said)
        return False

    with pytest.raises(NetworkError, match=r"localhost:[0-9]+ can't be read now: ") as raised:
        local.get(serve(script).address())
    assert "\n" not in raised.value.message
    assert len(raised.value.message) < 250


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"a": ', b"[" * 100_000, b'"\xff"', b"1" * 5000]
)
def test_json_that_is_none_is_said_to_be_none(
    serve: Callable[..., Server], local: HttpClient, body: bytes
) -> None:
    server = serve(lambda path, headers, stream: answer(stream, body))
    with pytest.raises(NetworkError, match="answered with something that is not JSON"):
        local.json(server.address())
    assert len(server.asked) == 2


def test_a_refusal_is_an_answer(serve: Callable[..., Server], local: HttpClient) -> None:
    server = serve(
        lambda path, headers, stream: answer(stream, b'{"error": "no"}', "401 Unauthorized")
    )
    found, value = local.json(server.address())
    assert (found.status, value) == (401, None)
    assert found.value() == {"error": "no"}


@pytest.mark.parametrize("packed", [False, True])
def test_an_endless_answer_is_cut_off(
    serve: Callable[..., Server], local: HttpClient, packed: bool
) -> None:
    block = gzip.compress(b"0" * 2**24) if packed else b"0" * 2**16
    sent = 0

    def script(path: str, headers: dict[str, str], stream: socket.socket) -> bool:
        nonlocal sent
        stream.sendall(
            b"HTTP/1.1 200 OK\r\n"
            + (b"Content-Encoding: gzip\r\n" if packed else b"")
            + b"Transfer-Encoding: chunked\r\n\r\n"
        )
        while True:
            stream.sendall(f"{len(block):x}\r\n".encode() + block + b"\r\n")
            sent += len(block)

    with pytest.raises(NetworkError, match="sends more than 16 MB in one response"):
        local.get(serve(script).address())
    assert sent < 100 * 2**20


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_slow_answer_is_aborted(
    serve: Callable[..., Server],
    local: HttpClient,
    impatient: None,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
) -> None:
    monkeypatch.setattr(http_client, "RESPONSE_SECONDS", 0.3)
    monkeypatch.setattr(http_client, "MAX_ATTEMPTS", 2)
    over = threading.Event()

    def script(path: str, headers: dict[str, str], stream: socket.socket) -> bool:
        stream.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
            + (b"\r\n" if part == "body" else b"X: ")
        )
        while not over.wait(0.02):
            stream.sendall(b"a")
        return False

    with pytest.raises(NetworkError, match="can't be read now: it took too long"):
        local.get(serve(script).address())
    over.set()


def test_a_silent_server_times_out(
    serve: Callable[..., Server],
    local: HttpClient,
    impatient: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connecting, "READ_SECONDS", 0.2)
    monkeypatch.setattr(http_client, "MAX_ATTEMPTS", 2)
    over = threading.Event()
    with pytest.raises(NetworkError, match="can't be read now: it took too long"):
        local.get(serve(lambda path, headers, stream: over.wait(30) and False).address())
    over.set()


def test_nobody_there_is_said(local: HttpClient, impatient: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NetworkError, match=r"can't be read now: .*refused"):
        local.get(f"http://localhost:{port}/")


def test_a_connection_closed_by_the_server_is_reopened(
    serve: Callable[..., Server], local: HttpClient
) -> None:
    # Says it keeps it, and does not.
    server = serve(lambda path, headers, stream: answer(stream) and False)
    for _ in range(3):
        assert local.get(server.address()).status == 200
    assert server.connections == 3


# redirects and addresses


def test_redirects_stay_on_the_host_unless_allowed(
    serve: Callable[..., Server], local: HttpClient
) -> None:
    there = serve(
        lambda path, headers, stream: answer(
            stream, json.dumps([path, "authorization" in headers]).encode()
        )
    )

    def script(path: str, headers: dict[str, str], stream: socket.socket) -> bool:
        places = {"/away": there.address("/x"), "/here": "/end"}
        return (
            answer(stream, b'"end"')
            if path == "/end"
            else answer(stream, b"", "302 Found", Location=places[path])
        )

    server = serve(script)
    assert local.json(server.address("/here"))[1] == "end"
    with pytest.raises(NetworkError, match=f"redirects to 'localhost:{there.port}'"):
        local.get(server.address("/away"))
    assert not there.asked
    assert local.json(
        server.address("/away"), cross_host=True, headers={"Authorization": "secret"}
    )[1] == ["/x", False]


def test_circles_end(serve: Callable[..., Server], local: HttpClient) -> None:
    server = serve(
        lambda path, headers, stream: answer(
            stream, b"", "301 Moved", Location=f"/{len(path)}{path}"[:50]
        )
    )
    with pytest.raises(NetworkError, match="in circles"):
        local.get(server.address())
    assert len(server.asked) == http_client.MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    "there",
    [
        "http://10.0.0.1/",
        "file:///etc/passwd",
        "https://[::1]/",
        "gopher://localhost/",
        "https://a:b:c/",
    ],
)
def test_redirects_lead_to_no_private_address_and_no_file(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    server = serve(lambda path, headers, stream: answer(stream, b"", "302 Found", Location=there))
    asking = HttpClient()
    # The test's server counts as public.
    monkeypatch.setattr(connecting, "is_public", lambda address: address == "127.0.0.1")
    monkeypatch.setattr(
        asking,
        "_checked_url",
        lambda address, real=asking._checked_url: (
            real(address) if "localhost:" not in address else urlsplit(address)
        ),
    )
    with pytest.raises(
        NetworkError, match=r"in a local network|not a web address|not be encrypted"
    ):
        asking.get(server.address(), cross_host=True)
    assert len(server.asked) == 1
    asking.close()


@pytest.mark.parametrize(
    "address",
    "127.0.0.1 0.0.0.0 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 224.0.0.1 "
    "255.255.255.255 ::1 :: fe80::1 fe80::1%eth0 fc00::1 ff02::1 "
    "::ffff:127.0.0.1 ::ffff:192.168.0.1 64:ff9b::a00:1 2002:7f00:1:: "
    "2001:0:4136:e378:8000:63bf:3fff:fdd2".split(),
)
def test_local_and_private_addresses_are_not_public(address: str) -> None:
    assert address.startswith("2001:0:") or not is_public(address)


@pytest.mark.parametrize(
    "address",
    "::127.0.0.1 ::8.8.8.8 64:ff9b:1::808:808 fec0::1 192.0.0.8 192.0.0.9 192.88.99.1 5f00::1 "
    "::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8 2001:db8::1 "
    "3fff::1 2001:10::1 2001:20::1 100::1 4000::1 240.0.0.1 198.18.0.1 203.0.113.9 "
    "2002:c000:8:: ff0e::1 fd00::1".split(),
)
def test_addresses_of_special_use_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "2606:4700:4700::1111",
        "64:ff9b::808:808",
        "2a00:1450::1",
        "2002:808:808::",
        "::ffff:8.8.8.8",
    ],
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]:8443/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest",
    ],
)
def test_private_addresses_need_permission(address: str) -> None:
    asking = HttpClient()
    with pytest.raises(NetworkError, match="on this machine or in a local network") as raised:
        asking.get(address)
    assert "--allow-local" in raised.value.hint


def test_unencrypted_requests_are_refused() -> None:
    with pytest.raises(NetworkError, match="not be encrypted"):
        HttpClient().get("http://example.social/")


# TLS


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """Return a server's context with a self-signed certificate; `ca.pem` beside it trusts it."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    key, cert = folder / "key.pem", folder / "ca.pem"
    subprocess.run(
        [
            *"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -addext".split(),
            f"subjectAltName=DNS:{name}",
            "-keyout",
            key,
            "-out",
            cert,
            "-subj",
            f"/CN={name}",
        ],
        capture_output=True,
        check=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def test_a_certificate_is_checked_for_the_name_that_was_asked_for(
    serve: Callable[..., Server], local: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = serve(
        lambda path, headers, stream: answer(stream, b"1"), certificate(tmp_path, "localhost")
    )
    with pytest.raises(NetworkError, match="The certificate of localhost is invalid"):
        local.get(good.address(scheme="https"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert local.json(good.address(scheme="https"))[1] == 1
    other = serve(
        lambda path, headers, stream: answer(stream, b"1"), certificate(tmp_path, "example.social")
    )
    with pytest.raises(NetworkError, match="The certificate of localhost is invalid"):
        local.get(other.address(scheme="https"))


@pytest.mark.parametrize(
    "named",
    [
        "http://me:S3CRETPW@proxy.example:99999",
        "me:S3CRETPW@proxy.example:x",
        "http://me:S3CRETPW@[::1",
    ],
)
def test_no_message_contains_the_password_of_a_proxy(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", named)
    monkeypatch.delenv("https_proxy", raising=False)
    with pytest.raises(NetworkError, match="HTTPS_PROXY is not a valid proxy address") as caught:
        HttpClient().get("https://example.social/")
    assert "S3CRET" not in f"{caught.value} {caught.value.hint}"


def test_no_message_contains_a_password_from_an_address() -> None:
    error = NetworkError(
        "https://me:S3CRET@example.social/@ada is gone.",
        "Try at://did:plc:x or https://example.social:8080/@ada",
    )
    assert str(error) == error.message == "https://...@example.social/@ada is gone."
    assert error.hint == "Try at://did:plc:x or https://example.social:8080/@ada"


def test_a_proxy_gets_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    import base64

    monkeypatch.setenv("HTTPS_PROXY", "http://me:p%40ss@proxy.example:3128")
    monkeypatch.delenv("https_proxy", raising=False)
    found = connecting._proxy("example.social")
    assert found is not None
    assert (found.host, found.port) == ("proxy.example", 3128)
    assert base64.b64decode(found.headers["proxy-authorization"].split()[1]) == b"me:p@ss"
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    assert connecting._proxy("example.social") == connecting.Proxy("proxy.example", 3128, {})


def test_the_proxy_of_the_environment_is_used(
    serve: Callable[..., Server], local: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = serve(
        lambda path, headers, stream: answer(stream, b"1"), certificate(tmp_path, "localhost")
    )

    def forward(read: socket.socket, write: socket.socket) -> None:
        while data := read.recv(2**16):
            write.sendall(data)

    def tunnel(path: str, headers: dict[str, str], stream: socket.socket) -> bool:
        host, _, port = path.partition(":")
        with socket.create_connection((host, int(port))) as onward:
            stream.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=forward, args=(onward, stream), daemon=True)
            back.start()
            forward(stream, onward)
            onward.shutdown(socket.SHUT_WR)
            back.join()
        return False

    proxy = serve(tunnel)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("HTTPS_PROXY", f"http://localhost:{proxy.port}")
    assert local.json(there.address(scheme="https"))[1] == 1
    assert [path for path, _ in proxy.asked] == [f"localhost:{there.port}"]
    monkeypatch.setenv("NO_PROXY", "localhost")
    local.close()
    assert local.json(there.address(scheme="https"))[1] == 1
    assert len(proxy.asked) == 1
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(NetworkError, match="in a local network"):
        HttpClient().get("https://10.0.0.1/")
    local.close()


def test_a_request_that_changes_something_is_sent_once(
    serve: Callable[..., Server], local: HttpClient
) -> None:
    """On a new connection: one that was kept open may be closed by now, which could lose it."""

    def script(path: str, headers: dict[str, str], stream: socket.socket) -> bool:
        answer(stream, b"[]")
        return False  # the body would be taken for another request

    server = serve(script)
    assert local.send("POST", server.address(), {"a": "ä"}).value() == []
    assert local.send("POST", server.address(), body=("image/png", b"PNG")).value() == []
    kinds = [(headers["content-type"], headers["content-length"]) for _, headers in server.asked]
    assert kinds == [("application/json", "11"), ("image/png", "3")]
    assert server.connections == 2


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", b"junk\r\n"]
)
def test_an_answer_that_is_lost_is_told_from_a_request_not_sent(
    serve: Callable[..., Server], local: HttpClient, said: bytes
) -> None:
    def script(path: str, headers: dict[str, str], stream: socket.socket) -> bool:
        stream.sendall(said)
        return False

    server = serve(script)
    with pytest.raises(AnswerLost, match="was asked, and its answer did not come"):
        local.send("POST", server.address(), {})
    assert len(server.asked) == 1
    with pytest.raises(NetworkError, match="can't be reached now: connection refused") as caught:
        local.send("POST", "http://localhost:9/", {})
    assert not isinstance(caught.value, AnswerLost)
