"""A proxy before a Bluesky network on loopback, which loses answers and limits requests on demand.

Behind it are the real servers: what it lets through, they do. An account's document names the
proxy as its server, as far as clients see that look through it.

Faults wait in `faults` for requests that write a post, one for each:

    lost      it is done, and the connection ends without an answer
    dropped   it is not done, and the connection ends without an answer
    failed    it is done, and the answer is 502
    down      it is not done, and the answer is 503
    broken    it is done, and the answer is cut off
    limited   it is not done, and the answer is 429, with a reset after `pause` seconds

`instead` has answers in place of theirs: from "METHOD /path" to status, body and headers.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import urlsplit

from bluesky_network import Network

PUT = "/xrpc/com.atproto.repo.putRecord"
_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding")


class FaultyProxy:
    """The proxy, in a thread."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.faults: list[str] = []
        self.pause = 1.0  # seconds
        self.instead: dict[str, tuple[int, Any, Mapping[str, str]]] = {}
        self.asked: list[str] = []
        self._server = _Quiet(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.address = f"http://localhost:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that point popinjay at the network behind it."""
        return {"POPINJAY_PLC_DIRECTORY": self.address, "POPINJAY_BLUESKY_RESOLVER": self.address}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes, dict[str, str]] | None:
        """Return status, body and headers; None to end the connection."""
        path = urlsplit(target).path
        self.asked.append(f"{method} {path}")
        if instead := self.instead.get(f"{method} {path}"):
            status, said, more = instead
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            return status, data, {"Content-Type": "application/json", **more}
        is_post = path == PUT and json.loads(body)["collection"] == "app.bsky.feed.post"
        fault = self.faults.pop(0) if is_post and self.faults else ""
        if fault == "dropped":
            return None
        if fault == "down":
            return 503, b"<h1>Service Unavailable</h1>", {}
        if fault == "limited":
            reset = {"ratelimit-reset": str(int(time.time() + self.pause))}
            return 429, json.dumps({"error": "RateLimitExceeded"}).encode(), reset
        status, data, found = self._forward(method, target, headers, body)
        if fault == "lost":
            return None
        if fault == "broken":
            return status, data[: len(data) // 2], found
        return (502, b"<h1>Bad Gateway</h1>", {}) if fault == "failed" else (status, data, found)

    def _forward(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes, dict[str, str]]:
        is_document = target.startswith("/did:")
        behind = urlsplit(self.network.directory if is_document else self.network.server).port
        connection = http.client.HTTPConnection("127.0.0.1", behind, timeout=60)
        try:
            kept = {
                name: value
                for name, value in headers.items()
                if name.lower() not in ("host", "accept-encoding", "connection", "content-length")
            }
            connection.request(method, target, body or None, kept)
            answer = connection.getresponse()
            data = answer.read()
            found = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
            if is_document:
                data = data.replace(self.network.server.encode(), self.address.encode())
            return answer.status, data, found
        finally:
            connection.close()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    proxy: FaultyProxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        proxy = cast(_Quiet, self.server).proxy
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = proxy.answer(self.command, self.path, dict(self.headers), body)
        if said is None:
            self.close_connection = True
            return
        status, data, headers = said
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # every method is answered alike
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:
        pass
