"""A real server on loopback, in a thread or a process, and a client that can send any request."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popinjay.server.app import create_app
from popinjay.server.auth import Auth
from popinjay.server.listen import listen, server_of

OURS = {"X-Popinjay": "1"}
PATIENCE = 120.0


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return str(self.json["error"]["message"])


@dataclass
class Client:
    port: int
    app: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send one request.

        A body that is not bytes is sent as JSON; headers replace those that our own programs send.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = dict(OURS if headers is None else headers)
        if body is not None and not isinstance(body, bytes):
            body, sent = json.dumps(body).encode(), {"Content-Type": "application/json", **sent}
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status == 200, answer.body
        return answer.json

    def post(self, path: str, body: Any = None, status: int | None = None) -> Any:
        answer = self.ask("POST", path, body)
        assert answer.status in ((200, 201, 204) if status is None else (status,)), answer.body
        return answer.json if answer.body else None

    def upload(self, file: Path) -> str:
        answer = self.ask("PUT", f"/api/uploads?name={file.name}", file.read_bytes())
        assert answer.status == 201, answer.body
        return str(answer.json["upload"])

    def events(
        self,
        job: str,
        after: str = "",
        until: Callable[[dict[str, Any]], bool] = lambda event: False,
    ) -> list[dict[str, Any]]:
        """Return the events of a job, each with its `id` and `type`.

        To the end, or until one of them matches.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        found: list[dict[str, Any]] = []
        try:
            connection.request(
                "GET", f"/api/jobs/{job}/events", headers={"Last-Event-ID": after} if after else {}
            )
            answer = connection.getresponse()
            assert answer.status == 200, answer.status
            said: dict[str, str] = {}
            for raw in answer:
                name, _, value = raw.decode().rstrip("\n").partition(": ")
                if name:
                    said[name] = value
                    continue
                if "data" in said:
                    found.append(
                        {
                            **json.loads(said["data"]),
                            "id": said["id"],
                            "type": said.get("event", "message"),
                        }
                    )
                    if until(found[-1]):
                        break
                said = {}
        finally:
            connection.close()
        return found

    def wait(self, job: str, *states: str) -> Any:
        """Return the job once it is in one of these states."""
        return wait(
            lambda: found if (found := self.get(f"/api/jobs/{job}"))["state"] in states else None
        )


def wait(look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Return what this call finds, once it finds something."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)
    return found


@contextmanager
def served(
    home: Path,
    token: str | None = None,
    names: tuple[str, ...] = (),
    cors: tuple[str, ...] = (),
) -> Iterator[Client]:
    """Run a server of this home folder in a thread."""
    listener = listen("127.0.0.1", (0,))
    port = listener.getsockname()[1]
    app = create_app(home, Auth(port, token, names, cors))
    server = server_of(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        wait(lambda: server.started)
        yield Client(port, app)
    finally:
        server.should_exit = True
        thread.join(20)


def serve_command(home: Path, port: int, *arguments: str) -> list[str]:
    """Return the command that serves a home at a port, 0 for any free one."""
    serve = [sys.executable, "-m", "popinjay.cli.main", "serve", "--no-browser"]
    return [*serve, "--home", str(home), "--port", str(port), *arguments]


@contextmanager
def served_apart(home: Path, *arguments: str) -> Iterator[tuple[Client, subprocess.Popen[str]]]:
    """Run a server as users start it: in its own process."""
    command = serve_command(home, 0, *arguments)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        said = process.stdout.readline()
        assert said, process.stderr.read()
        client = Client(int(said.split("#")[0].split()[0].rstrip("/").rpartition(":")[2]))
        wait(lambda: _answers(client))
        yield client, process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def _answers(client: Client) -> bool:
    try:
        return client.ask("GET", "/").status == 200
    except OSError:
        return False
