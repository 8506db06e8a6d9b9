"""A stand-in for a Mastodon server: what its API answers to clients that are not logged in.

It is written from the API's documentation and recorded answers: it shows what the client requests
and accepts, not what Mastodon does. A test can replace any of its answers.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

FIRST = 109_000_000_000_000_000  # a status's number; those of Mastodon have eighteen digits
PICTURE = b"\x89PNG\r\n\x1a\nof ada"


@dataclass
class Said:
    """One answer. If `cut`, only so many bytes of it are sent before the connection ends."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class _Quiet(ThreadingHTTPServer):
    """A server that logs nothing about clients that hang up or are killed."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class StandIn:
    """One account on one server.

    `instead` gets the path with its query and can answer in its place, or return None.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.instead: Callable[[str], Said | None] = lambda path: None
        self.statuses: list[dict[str, Any]] = []
        self.rules: Any = []
        self.terms: Any = None
        self._server = _Quiet(("127.0.0.1", 0), _handler(self))
        self.port = self._server.server_address[1]
        self.host = f"localhost:{self.port}"
        self.account = self.account_of("Ada")
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def spec(self) -> str:
        return f"@ada@{self.host}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def address(self, path: str = "") -> str:
        return f"http://{self.host}{path}"

    def account_of(self, user: str, **more: Any) -> dict[str, Any]:
        """Return an account as the API shows it."""
        shown: dict[str, Any] = {
            "id": str(sum(user.encode())),
            "username": user,
            "acct": user,
            "display_name": f"{user} 🧮",
            "locked": False,
            "bot": False,
            "group": False,
        }
        shown |= {
            "discoverable": True,
            "indexable": True,
            "noindex": False,
            "created_at": "2022-11-01T00:00:00.000Z",
            "note": "<p>counts &amp; sings</p>",
        }
        shown |= {
            "url": self.address(f"/@{user}"),
            "uri": self.address(f"/users/{user}"),
            "avatar": self.address("/a.png"),
            "avatar_static": "",
        }
        return (
            shown
            | {
                "avatar_static": self.address("/a.png"),
                "emojis": [],
                "roles": [],
                "fields": [],
                "moved": None,
            }
            | more
        )

    def status(self, number: int, html: str, **more: Any) -> dict[str, Any]:
        """Return a status of the account, `number` minutes after the first.

        `more` overrides fields.
        """
        id = str(FIRST + number)
        at = datetime(2022, 11, 8, tzinfo=UTC) + timedelta(minutes=number)
        said: dict[str, Any] = {
            "id": id,
            "created_at": at.strftime("%Y-%m-%dT%H:%M:%S.123Z"),
            "in_reply_to_id": None,
            "in_reply_to_account_id": None,
        }
        said |= {
            "sensitive": False,
            "spoiler_text": "",
            "visibility": "public",
            "language": "en",
            "edited_at": None,
            "content": html,
            "reblog": None,
        }
        said |= {
            "uri": f"{self.account['uri']}/statuses/{id}",
            "url": f"{self.account['url']}/{id}",
            "account": self.account,
            "quote": None,
            "poll": None,
        }
        return (
            said
            | {
                "media_attachments": [],
                "mentions": [],
                "tags": [],
                "emojis": [],
                "filtered": [],
                "card": None,
            }
            | more
        )

    def write(self, count: int, begin: int = 0) -> None:
        """Add so many more posts."""
        texts = (
            f"<p>number {n} counts {n * 37} engines and {n * 13} gulls near the old river</p>"
            for n in range(begin, begin + count)
        )
        self.statuses += [self.status(n, html) for n, html in enumerate(texts, begin)]

    def asked_for(self, path: str) -> list[str]:
        """Return the queries of the requests for a path."""
        return [
            query
            for asked in self.asked
            for there, _, query in [asked.partition("?")]
            if there == path
        ]

    def pages_asked(self) -> list[str]:
        """Return the queries of the requests for posts."""
        return self.asked_for(f"/api/v1/accounts/{self.account['id']}/statuses")

    # answers

    def answer(self, path: str, headers: Mapping[str, str]) -> Said:
        said = self.instead(path) or self._said(
            urlsplit(path).path,
            {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()},
        )
        etag = f'W/"{hashlib.md5(said.data, usedforsecurity=False).hexdigest()}"'
        if said.status == 200 and headers.get("If-None-Match") == etag:
            return Said(status=304, headers={"ETag": etag})
        said.headers = {"ETag": etag, **said.headers} if said.status == 200 else said.headers
        return said

    def _said(self, path: str, query: dict[str, str]) -> Said:
        user = self.account["username"]
        if (
            path == "/.well-known/webfinger"
            and query["resource"].lower() == f"acct:{user}@{self.host}".lower()
        ):
            return Said(self.finger())
        if path == "/api/v1/accounts/lookup" and query["acct"].lower() == user.lower():
            return Said(self.account)
        if path == f"/api/v1/accounts/{self.account['id']}/statuses":
            return self._page(int(query.get("limit", 20)), query.get("max_id"))
        if path == "/api/v1/instance/rules":
            return Said(self.rules)
        if path == "/api/v1/instance/terms_of_service" and self.terms is not None:
            return Said(self.terms)
        return Said(PICTURE) if path == "/a.png" else Said({"error": "Record not found"}, 404)

    def finger(self) -> dict[str, Any]:
        """Return WebFinger's answer for the account."""
        page = {
            "rel": "http://webfinger.net/rel/profile-page",
            "type": "text/html",
            "href": self.account["url"],
        }
        actor = {"rel": "self", "type": "application/activity+json", "href": self.account["uri"]}
        return {
            "subject": f"acct:{self.account['username']}@{self.host}",
            "aliases": [],
            "links": [page, actor],
        }

    def _page(self, limit: int, max_id: str | None) -> Said:
        older = [row for row in self.statuses if max_id is None or int(row["id"]) < int(max_id)]
        rows = sorted(older, key=lambda row: -int(row["id"]))[: min(limit, 40)]
        if len(rows) < min(limit, 40):
            return Said(rows)
        place = self.address(f"/api/v1/accounts/{self.account['id']}/statuses?limit={limit}")
        return Said(
            rows,
            headers={
                "Link": f'<{place}&max_id={rows[-1]["id"]}>; rel="next", '
                f'<{place}&min_id={rows[0]["id"]}>; rel="prev"'
            },
        )


def as_api(stand_in: StandIn, activity: Mapping[str, Any], me: str) -> dict[str, Any]:
    """Return what the API would show for an item of an export's outbox.

    Mastodon builds both from one row of its tables.
    """
    note = activity["object"] if isinstance(activity["object"], dict) else {}
    address = str(activity["id"] if not note else note["id"])
    shown = {**note, "to": activity["to"], "cc": activity["cc"]}
    public = "https://www.w3.org/ns/activitystreams#Public"
    to = [one for part in ("to", "cc") for one in shown[part]]
    followers = any(one.endswith("/followers") for one in to)
    visibility = (
        "public"
        if public in shown["to"]
        else "unlisted"
        if public in shown["cc"]
        else "private"
        if followers
        else "direct"
    )
    answered = str(note.get("inReplyTo") or "")
    own_thread = answered.startswith(f"{me}/")
    number = re.search(r"/statuses/(\d+)", address)
    assert number is not None
    return stand_in.status(
        0,
        note.get("content", ""),
        id=number[1],
        uri=address,
        created_at=activity["published"].replace("Z", ".987Z"),
        in_reply_to_id="1" if answered else None,
        in_reply_to_account_id=(stand_in.account["id"] if own_thread else "7")
        if answered
        else None,
        spoiler_text=note.get("summary") or "",
        visibility=visibility,
        language=next(iter(note.get("contentMap") or {}), None),
        edited_at=note.get("updated"),
        poll={"id": "1", "options": []} if note.get("type") == "Question" else None,
        quote={"state": "accepted", "quoted_status": stand_in.status(1, "<p>not mine</p>")}
        if note.get("quote")
        else None,
        reblog=None
        if note
        else stand_in.status(2, "<p>not mine either</p>", account=stand_in.account_of("bob")),
    )


def _handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # which would delay a small answer by some 40 ms

        def do_GET(self) -> None:
            stand_in.asked.append(self.path)
            stand_in.headers.append({name.lower(): value for name, value in self.headers.items()})
            said = stand_in.answer(self.path, dict(self.headers))
            data = said.data
            try:
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                if said.status != 304:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data if said.cut is None else data[: said.cut])
            except OSError:
                self.close_connection = True  # the client hung up or was killed
            if said.cut is not None:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
