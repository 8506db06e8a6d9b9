"""A real server with Mastodon's API, snac2, on loopback; where it is not here, tests skip."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"


def program() -> str:
    """Return the path of the program, or skip the test."""
    beside = Path(sys.prefix) / "snac" / "usr" / "bin" / "snac"
    found = shutil.which("snac") or (str(beside) if beside.exists() else None)
    if found is None:
        pytest.skip("needs snac2, a real server with Mastodon's API, which is not here (make snac)")
    return found


class Snac:
    """A running server with two users, and a login to its API as each."""

    def __init__(self, program: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.host = f"localhost:{self.port}"
        self.folder = folder / "snac"
        self._program = program
        answers = f"127.0.0.1\n{self.port}\n{self.host}\n\nadmin@example.com\n"
        subprocess.run(
            [program, "init", str(self.folder)],
            input=answers,
            text=True,
            check=True,
            capture_output=True,
        )
        settings = self.folder / "server.json"
        changes = {
            "protocol": "http",
            "num_threads": 32,
            "disable_inbox_collection": True,
            "shared_inboxes": False,
        }
        settings.write_text(
            json.dumps(json.loads(settings.read_text(encoding="utf-8")) | changes), encoding="utf-8"
        )
        self.words = {
            user: self.run("adduser", user).partition("User password is ")[2].split()[0]
            for user in ("ada", "bob")
        }
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [program, "httpd", str(self.folder)], stdout=self._log, stderr=subprocess.STDOUT
        )
        self._wait()
        self.tokens = {user: self._log_in(user, word) for user, word in self.words.items()}

    def run(self, command: str, *more: str) -> str:
        done = subprocess.run(
            [self._program, command, str(self.folder), *more],
            text=True,
            check=True,
            capture_output=True,
        )
        return done.stdout

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def ask(self, method: str, path: str, user: str = "", **fields: str) -> bytes:
        headers = {
            "Connection": "close",
            **({"Authorization": f"Bearer {self.tokens[user]}"} if user else {}),
        }
        data = urllib.parse.urlencode(fields).encode() if fields else None
        request = urllib.request.Request(f"http://{self.host}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            body: bytes = answer.read()
        return body

    def api(self, method: str, path: str, user: str = "", **fields: str) -> Any:
        return json.loads(self.ask(method, path, user, **fields))

    def post(self, user: str, text: str, **fields: str) -> str:
        """Post; return the number of the post."""
        id: str = self.api("POST", "/api/v1/statuses", user, status=text, **fields)["id"]
        return id

    def _wait(self) -> None:
        end = time.monotonic() + 30
        while True:
            try:
                self.api("GET", "/api/v1/accounts/lookup?acct=ada")
                return
            except (OSError, urllib.error.URLError):
                if time.monotonic() > end or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    def _log_in(self, user: str, word: str) -> str:
        app = self.api(
            "POST",
            "/api/v1/apps",
            client_name="popinjay's tests",
            redirect_uris=OUT_OF_BAND,
            scopes="read write",
        )
        code = self.authorize(user, word, app["client_id"])
        ours = {
            "client_id": app["client_id"],
            "client_secret": app["client_secret"],
            "redirect_uri": OUT_OF_BAND,
        }
        token: str = self.api(
            "POST", "/oauth/token", grant_type="authorization_code", code=code, **ours
        )["access_token"]
        return token

    def authorize(self, user: str, word: str, client_id: str) -> str:
        """Return the code that the user is shown who authorizes a program."""
        fields = {"login": user, "passwd": word, "redir": OUT_OF_BAND, "cid": client_id}
        return self.ask("POST", "/oauth/x-snac-login", **fields, state="").decode().strip()
