"""Receive the code of an OAuth login: a page on this machine, to which the browser is sent back."""

from __future__ import annotations

import hmac
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from popinjay.errors import LoginError

WAITING = 600.0  # seconds; servers let a code expire after ten minutes
_STEP = 0.2  # seconds between two looks, so that Ctrl-C works at once
_DONE = "<!doctype html><title>popinjay</title><p>Done. You can close this page."


class LoopbackRedirect:
    """Listens on loopback for one redirect with the right `state`."""

    def __init__(self, state: str) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.state = state
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": _STEP}, daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """Where the server sends the browser."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def wait(self) -> str:
        """Return the code. Raises LoginError if the user refused, or nothing came."""
        for _ in range(int(WAITING / _STEP)):
            if self._server.received.wait(_STEP):
                break
        if not self._server.code:
            raise LoginError(
                "The login was refused on the server's page."
                if self._server.received.is_set()
                else "Nobody has authorized popinjay on the server's page.",
                "Try again, or with --no-browser, which takes the code by hand.",
                page_hint="Try again.",
            )
        return self._server.code

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(HTTPServer):
    state = ""
    code = ""

    def __init__(self, *args: Any) -> None:
        self.received = threading.Event()
        super().__init__(*args)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Take the code, and tell the user that all is done."""
        server = cast(_Server, self.server)
        query = parse_qs(urlsplit(self.path).query)
        state, code = (query.get(name, [""])[0] for name in ("state", "code"))
        # Any page in the browser could call this address: only the login begun here counts.
        if not hmac.compare_digest(state.encode(), server.state.encode()):
            self.send_error(404)
            return
        data = _DONE.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        server.code = code
        server.received.set()

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the address holds the code."""
