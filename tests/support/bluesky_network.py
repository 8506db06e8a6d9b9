"""A Bluesky network on loopback, for tests and benchmarks: the real PLC directory and PDS."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ports import free_port
from servers.install import folder as modules

SCRIPT = Path(__file__).parent / "servers" / "bluesky.cjs"
MAX_SECONDS = 120.0  # until a server is ready, on a busy machine
_MAX_WRITES = 200  # in one call

Write = tuple[str, str, Mapping[str, Any]]  # collection, key, record


class Network:
    """Both servers, each in its own process that ends with this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._plc_port, self._port = free_port(), free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def directory(self) -> str:
        return f"http://localhost:{self._plc_port}"

    @property
    def server(self) -> str:
        return f"http://localhost:{self._port}"

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that point popinjay at this network."""
        return {"POPINJAY_PLC_DIRECTORY": self.directory, "POPINJAY_BLUESKY_RESOLVER": self.server}

    def start(self) -> None:
        """Start those servers that do not run, and wait for them."""
        self._begin("plc", str(self._plc_port))
        self._begin("pds", str(self._port), self.directory, str(self.folder))
        for what in self._processes:
            self._await(what)

    def kill(self) -> None:
        """End the PDS at once, as a power cut would."""
        process = self._processes.pop("pds")
        process.send_signal(signal.SIGKILL)
        self._over(process)

    def stop(self) -> None:
        """End both."""
        for process in self._processes.values():
            process.terminate()
            self._over(process)
        self._processes.clear()

    def asked(self) -> list[str]:
        """Return every request that the PDS has got, in order."""
        lines = self._log("pds").read_text().splitlines()
        return [line.removeprefix("GET ") for line in lines if line.startswith("GET ")]

    def _begin(self, what: str, *arguments: str) -> None:
        if what in self._processes:
            return
        command = ["node", str(SCRIPT), str(modules()), what, *arguments]
        with self._log(what).open("wb") as log:
            environment = {**os.environ, "LOG_ENABLED": "false", "NODE_ENV": "production"}
            self._processes[what] = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment
            )

    def _await(self, what: str) -> None:
        until = time.monotonic() + MAX_SECONDS
        while "ready in" not in (said := self._log(what).read_text()):
            assert self._processes[what].poll() is None, said
            assert time.monotonic() < until, f"{what} did not start: {said}"
            time.sleep(0.05)

    def _over(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        if process.stdin:
            process.stdin.close()

    def _log(self, what: str) -> Path:
        return self.folder / f"{what}.log"

    # actions of users

    def sign_up(self, handle: str) -> Account:
        """Return a new account."""
        given = {"handle": handle, "email": f"{handle}@mail.test", "password": "the tide is in"}
        said = self.call("com.atproto.server.createAccount", given)
        return Account(self, said["did"], said["accessJwt"], handle)

    def take_down(self, account: Account, applied: bool = True) -> None:
        """Take an account down as a moderator does."""
        password = json.loads((self.folder / "secrets.json").read_text())["adminPassword"]
        subject = {"$type": "com.atproto.admin.defs#repoRef", "did": account.did}
        given = {"subject": subject, "takedown": {"applied": applied, "ref": "test"}}
        self.call(
            "com.atproto.admin.updateSubjectStatus",
            given,
            f"Basic {b64encode(f'admin:{password}'.encode()).decode()}",
        )

    def call(
        self,
        method: str,
        given: Mapping[str, Any] | bytes | None,
        authorization: str = "",
        kind: str = "application/json",
    ) -> dict[str, Any]:
        """Call a method that changes something."""
        body = given if isinstance(given, bytes | None) else json.dumps(given).encode()
        headers = {
            name: value
            for name, value in (
                ("Content-Type", kind if body else ""),
                ("Authorization", authorization),
            )
            if value
        }
        answer = self._exchange("POST", f"/xrpc/{method}", body, headers)
        return dict(json.loads(answer)) if answer else {}

    def get(self, method: str, **query: str) -> bytes:
        """Return the answer of a method."""
        return self._exchange("GET", f"/xrpc/{method}?{urlencode(query)}", None, {})

    def _exchange(
        self, verb: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(verb, path, body, dict(headers))
            answer = connection.getresponse()
            data = answer.read()
            assert answer.status == 200, (path, answer.status, data[:1000])
            return data
        finally:
            connection.close()


@dataclass(frozen=True)
class Account:
    """An account on it, signed in."""

    network: Network
    did: str
    token: str
    handle: str

    def write(self, writes: Sequence[Write]) -> None:
        """Create records, as they are."""
        self._apply(
            [
                {
                    "$type": "com.atproto.repo.applyWrites#create",
                    "collection": where,
                    "rkey": key,
                    "value": value,
                }
                for where, key, value in writes
            ]
        )

    def delete(self, collection: str, keys: Sequence[str]) -> None:
        """Delete records."""
        self._apply(
            [
                {
                    "$type": "com.atproto.repo.applyWrites#delete",
                    "collection": collection,
                    "rkey": key,
                }
                for key in keys
            ]
        )

    def put(self, collection: str, key: str, record: Mapping[str, Any]) -> None:
        """Write one record over the previous one."""
        self.call(
            "com.atproto.repo.putRecord",
            {
                "repo": self.did,
                "collection": collection,
                "rkey": key,
                "record": record,
                "validate": False,
            },
        )

    def upload(self, data: bytes, kind: str) -> dict[str, Any]:
        """Upload a picture, ready to be named in a record."""
        return dict(
            self.network.call("com.atproto.repo.uploadBlob", data, f"Bearer {self.token}", kind)[
                "blob"
            ]
        )

    def call(self, method: str, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call a method as this account."""
        return self.network.call(method, given, f"Bearer {self.token}")

    def export(self, path: Path) -> Path:
        """Write the repository as the network exports it into a file."""
        path.write_bytes(self.network.get("com.atproto.sync.getRepo", did=self.did))
        return path

    def _apply(self, writes: list[dict[str, Any]]) -> None:
        for begin in range(0, len(writes), _MAX_WRITES):
            self.call(
                "com.atproto.repo.applyWrites",
                {
                    "repo": self.did,
                    "validate": False,
                    "writes": writes[begin : begin + _MAX_WRITES],
                },
            )


@contextmanager
def running_network(folder: Path) -> Iterator[Network]:
    """Run both servers, with their data in a folder, until the context ends."""
    network = Network(folder)
    try:
        network.start()
        yield network
    finally:
        network.stop()
