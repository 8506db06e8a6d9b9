"""A folder served as any host of static files would: Python's own server, on loopback."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

LOOPBACK = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # Chromium's rules
SECONDS = 60


# Python's server with more headers, which are its first argument.
WITH_HEADERS = """
import functools, http.server, json, sys

headers = json.loads(sys.argv[1])

class Files(http.server.SimpleHTTPRequestHandler):
    def end_headers(self):
        for name, value in headers.items():
            self.send_header(name, value)
        super().end_headers()

handler = functools.partial(Files, directory=sys.argv[3])
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), handler).serve_forever()
"""


class StaticHost:
    """`python -m http.server` in its own process; `headers` are sent with every answer."""

    def __init__(self, folder: Path, headers: Mapping[str, str] | None = None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = taken.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/"
        given = ["-m", "http.server", str(self.port), "--bind", "127.0.0.1", "-d", str(folder)]
        if headers:
            given = ["-c", WITH_HEADERS, json.dumps(headers), str(self.port), str(folder)]
        self._process = subprocess.Popen(
            [sys.executable, *given],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError("http.server did not start")

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


@contextmanager
def static_host(folder: Path, headers: Mapping[str, str] | None = None) -> Iterator[StaticHost]:
    """Serve a folder until the body ends."""
    host = StaticHost(folder, headers)
    try:
        yield host
    finally:
        host.stop()
