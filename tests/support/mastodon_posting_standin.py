"""A stand-in for a Mastodon server that people are logged in to: it shows what a client does.

It is written from the documentation of Mastodon's API and OAuth, and is not Mastodon. It verifies
logins (PKCE included), scopes, lengths and idempotency keys, by a clock that tests can move, and
fails in every way that a test asks for. It runs in a thread, or in a process of its own:

    python mastodon_posting_standin.py FOLDER

whose state is kept in the folder, and which `MastodonProcess` starts, asks and changes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit
from urllib.request import Request, urlopen

from mastodon_posting_api import Answer, Api, fields_of

CONTROL = "/_standin"
_STARTING = 30.0  # seconds


class PostingStandIn:
    """One server with one account, in a thread."""

    def __init__(self, state: Path | None = None, port: int = 0) -> None:
        """Start it.

        Args:
            state: A file to keep its state in, from which it continues; None for memory only.
            port: Where it listens; 0 for a free port.
        """
        self._state = state
        self._lock = threading.Lock()
        self._server = _Quiet(("127.0.0.1", port), _Handler)
        self._server.stand_in = self
        self.port = self._server.server_address[1]
        self.host = f"localhost:{self.port}"
        self.api = Api(self.host)
        if state and state.exists():
            self.api.data = json.loads(state.read_text(encoding="utf-8"))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://{self.host}"

    @property
    def account(self) -> str:
        """The account as users type it."""
        return f"@ada@{self.host}"

    @property
    def data(self) -> dict[str, Any]:
        """All that it knows: see `mastodon_posting_api.first_state`."""
        return self.api.data

    @property
    def texts(self) -> list[str]:
        """The posts that stand there, as they were sent, the oldest first."""
        return [row["source"] for row in self.data["statuses"]]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        given = {name.lower(): value for name, value in headers.items()}
        with self._lock:
            if parts.path == CONTROL:
                self.data.update(json.loads(body or b"{}"))
                said = Answer(self.data)
            else:
                said = self.api.answer(method, parts.path, query, given, fields_of(given, body))
            if self._state and method != "GET":
                partial = self._state.with_suffix(".partial")
                partial.write_text(json.dumps(self.data), encoding="utf-8")
                partial.replace(self._state)
        said.headers.setdefault("Date", self._date())
        return said

    def _date(self) -> str:
        return format_datetime(datetime.fromtimestamp(self.api.now(), UTC), usegmt=True)


class _Quiet(ThreadingHTTPServer):
    """A server that logs nothing about clients that hang up or are killed."""

    daemon_threads = True
    stand_in: PostingStandIn

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # which would delay a small answer by some 40 ms

    def _serve(self) -> None:
        stand_in = cast(_Quiet, self.server).stand_in
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = stand_in.answer(self.command, self.path, dict(self.headers), body)
        if said.is_lost:
            self.close_connection = True
            return
        with suppress(OSError):
            self.send_response_only(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.data)))
            self.end_headers()
            self.wfile.write(said.data)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # every method is answered alike
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class MastodonProcess:
    """The stand-in in a process of its own, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    @property
    def address(self) -> str:
        return f"http://{self.host}"

    @property
    def account(self) -> str:
        return f"@ada@{self.host}"

    def start(self) -> None:
        """Start it, on the port that it had before, and wait for it."""
        ready = self._folder / "port"
        ready.unlink(missing_ok=True)
        command = [sys.executable, __file__, str(self._folder), str(self.port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)
        until = time.monotonic() + _STARTING
        while not ready.exists():
            assert self._process.poll() is None, "the stand-in did not start"
            assert time.monotonic() < until, "the stand-in did not start"
            time.sleep(0.02)
        self.port = int(ready.read_text())

    def kill(self) -> None:
        """End it at once, as a power cut would; its state stays."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def state(self) -> dict[str, Any]:
        """Return all that it knows."""
        return self._control(None)

    def change(self, **values: Any) -> None:
        """Change what it knows, such as its clock (`ahead`) or the next faults."""
        self._control(values)

    @property
    def texts(self) -> list[str]:
        """The posts that stand there, as they were sent, the oldest first."""
        return [row["source"] for row in self.state()["statuses"]]

    def _control(self, values: Mapping[str, Any] | None) -> dict[str, Any]:
        data = None if values is None else json.dumps(values).encode()
        request = Request(f"http://127.0.0.1:{self.port}{CONTROL}", data)
        with urlopen(request, timeout=30) as answer:
            return dict(json.loads(answer.read()))


def main() -> None:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    stand_in = PostingStandIn(folder / "state.json", port)
    partial = folder / "port.partial"
    partial.write_text(str(stand_in.port))
    partial.replace(folder / "port")
    sys.stdin.read()  # ends with the process that started it
    os._exit(0)


if __name__ == "__main__":
    main()
