"""What `mastodon_posting_standin` answers: accounts, statuses, media; its OAuth is in a file aside.

Faults wait in `data["faults"]` for requests that post a status, one for each:

    lost      it is posted, and the connection ends without an answer
    dropped   it is not posted, and the connection ends without an answer
    failed    it is posted, and the answer is 502
    down      it is not posted, and the answer is 503
    broken    it is posted, and the answer is cut-off JSON
    limited   it is not posted, and the answer is 429 with X-RateLimit-Reset `data["pause"]` ahead

`data["instead"]` has answers in place of its own: from "METHOD /path" to [status, body, headers].
"""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

import mastodon_posting_oauth as oauth

REMEMBERED = 3600  # seconds that an idempotency key is known
TOKEN = "token-of-ada-5f2c9a"
SCOPES = "read write"
_LINK = re.compile(r"https?://[^\s<>]+")
_MENTION = re.compile(r"(?<![\w@])@(\w+)@([\w.:-]+\w)")
# What each request needs, by its method and a pattern of its path: any of these scopes
_NEEDS = (
    ("GET", r"/api/v1/accounts/verify_credentials", "profile read:accounts"),
    ("PATCH", r"/api/v1/accounts/update_credentials", "write:accounts"),
    ("GET", r"/api/v1/accounts/\d+/statuses", "read:statuses"),
    ("POST", r"/api/v1/statuses", "write:statuses"),
    ("DELETE", r"/api/v1/statuses/\d+", "write:statuses"),
    ("GET", r"/api/v1/statuses/\d+(?:/source)?", "read:statuses"),
    ("POST", r"/api/v2/media", "write:media"),
)
_OPEN_TO_ALL = r"/api/v1/(?:accounts/\d+/statuses|statuses/\d+)"


@dataclass
class Answer:
    """One answer; if lost, the connection ends instead."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    is_lost: bool = False

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def first_state(host: str) -> dict[str, Any]:
    """Return what a server with one account knows at first."""
    return {
        "ahead": 0.0,  # seconds that its clock is ahead of this machine's
        "account": {
            "id": "7001",
            "username": "ada",
            "acct": "ada",
            "display_name": "Ada's engine",
            "url": f"http://{host}/@ada",
            "bot": False,
            "note": "<p>counts &amp; sings</p>",
            "source": {"note": "counts & sings", "privacy": "public", "fields": []},
            "fields": [],
        },
        "rules": [{"id": "1", "text": "Be excellent to each other", "hint": "always"}],
        "max_characters": 500,
        "has_v2": True,
        "statuses": [],
        "next": 113_000_000_000_000_000,
        "keys": {},  # idempotency key -> [id, time]
        "tokens": {TOKEN: SCOPES},
        "apps": {},
        "codes": {},
        "media": {},
        "faults": [],
        "pause": 1.0,  # seconds until a limit ends
        "instead": {},
        "asked": [],
        "posts_asked": 0,  # requests that asked to post a status, posted or not
    }


class Api:
    """The answers, and the state behind them."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.data = first_state(host)

    def now(self) -> float:
        """Return its time, in seconds since 1970."""
        return time.time() + float(self.data["ahead"])

    def answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        given: dict[str, Any],
    ) -> Answer:
        self.data["asked"].append(f"{method} {path}")
        if instead := self.data["instead"].get(f"{method} {path}"):
            status, body, more = instead
            return Answer(body.encode() if isinstance(body, str) else body, status, dict(more))
        if path.startswith("/oauth/") or path == "/api/v1/apps":
            return Answer(*oauth.answer(self.data, self.now(), method, path, query, given))
        if refused := self._refused(method, path, headers):
            return refused
        if path.startswith("/api/v1/accounts/"):
            return self._accounts(path.removeprefix("/api/v1/accounts/"), query, given)
        if path.startswith("/api/v1/statuses"):
            return self._statuses(method, path, headers, given)
        if path == "/api/v2/media":
            id = str(len(self.data["media"]) + 1)
            file = given.get("file", b"")
            self.data["media"][id] = {
                "description": given.get("description"),
                "bytes": len(file) if isinstance(file, bytes) else 0,
            }
            return Answer({"id": id, "type": "image", "url": f"http://{self.host}/{id}.png"})
        return self._instance(path)

    def _refused(self, method: str, path: str, headers: Mapping[str, str]) -> Answer | None:
        needs = next(
            (
                scopes
                for verb, pattern, scopes in _NEEDS
                if method == verb and re.fullmatch(pattern, path)
            ),
            "",
        )
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if not token and method == "GET" and re.fullmatch(_OPEN_TO_ALL, path):
            return None
        if not needs:
            return None
        if token not in self.data["tokens"]:
            return Answer({"error": "The access token is invalid"}, 401)
        has = self.data["tokens"][token].split()
        if any(scope in has or scope.partition(":")[0] in has for scope in needs.split()):
            return None
        return Answer({"error": "This action is outside the authorized scopes"}, 403)

    def _accounts(self, path: str, query: Mapping[str, str], given: dict[str, Any]) -> Answer:
        account = self.data["account"]
        if path == "verify_credentials":
            return Answer(account)
        if path == "update_credentials":
            if "bot" in given:
                account["bot"] = given["bot"] in (True, "true", "1")
            if "note" in given:
                account["source"]["note"] = given["note"]
                account["note"] = f"<p>{html.escape(given['note'])}</p>".replace("\n", "<br>")
            return Answer(account)
        if path == f"{account['id']}/statuses":
            rows = [row for row in self.data["statuses"] if self._is_before(row, query)]
            newest = sorted(rows, key=lambda row: -int(row["id"]))
            return Answer([self._shown(row) for row in newest[: int(query.get("limit", 20))]])
        return Answer({"error": "Record not found"}, 404)

    @staticmethod
    def _is_before(row: Mapping[str, Any], query: Mapping[str, str]) -> bool:
        return "max_id" not in query or int(row["id"]) < int(query["max_id"])

    def _statuses(
        self, method: str, path: str, headers: Mapping[str, str], given: dict[str, Any]
    ) -> Answer:
        if method == "POST" and path == "/api/v1/statuses":
            return self._post(headers, given)
        id, _, rest = path.removeprefix("/api/v1/statuses/").partition("/")
        row = next((row for row in self.data["statuses"] if row["id"] == id), None)
        if row is None:
            return Answer({"error": "Record not found"}, 404)
        if method == "DELETE":
            self.data["statuses"].remove(row)
            return Answer({**self._shown(row), "text": row["source"]})
        if rest == "source":
            return Answer({"id": id, "text": row["source"], "spoiler_text": row["spoiler_text"]})
        return Answer(self._shown(row))

    def _post(self, headers: Mapping[str, str], given: dict[str, Any]) -> Answer:
        self.data["posts_asked"] += 1
        fault = self.data["faults"].pop(0) if self.data["faults"] else ""
        if fault == "dropped":
            return Answer(is_lost=True)
        if fault == "down":
            return Answer(b"<h1>Service Unavailable</h1>", 503)
        if fault == "limited":
            reset = datetime.fromtimestamp(time.time() + self.data["pause"], UTC).isoformat()
            return Answer({"error": "Too many requests"}, 429, {"X-RateLimit-Reset": reset})
        said = self._posted(headers.get("idempotency-key", ""), given)
        if said.status != 200 or not fault:
            return said
        if fault == "lost":
            return Answer(is_lost=True)
        return Answer(said.data[:50]) if fault == "broken" else Answer(b"<h1>Bad Gateway</h1>", 502)

    def _posted(self, key: str, given: dict[str, Any]) -> Answer:
        known = self.data["keys"].get(key)
        if known and self.now() - known[1] < REMEMBERED:
            row = next((row for row in self.data["statuses"] if row["id"] == known[0]), None)
            return Answer(self._shown(row)) if row else Answer({"error": "Record not found"}, 404)
        text, warning = given.get("status", "").strip(), given.get("spoiler_text", "")
        if not text and not given.get("media_ids"):
            return Answer({"error": "Validation failed: Text can't be blank"}, 422)
        limit = self.data["max_characters"]
        if length(text) + len(warning) > limit:
            said = f"Validation failed: Text character limit of {limit} exceeded"
            return Answer({"error": said}, 422)
        self.data["next"] += 1
        id = str(self.data["next"])
        self.data["statuses"].append(
            {
                "id": id,
                "source": text,
                "spoiler_text": warning,
                "visibility": given.get("visibility", "public"),
                "language": given.get("language"),
                "media_ids": given.get("media_ids") or [],
                "created_at": datetime.fromtimestamp(self.now(), UTC).isoformat(),
                "favourites_count": 0,
                "reblogs_count": 0,
                "key": key,
            }
        )
        if key:
            self.data["keys"][key] = [id, self.now()]
        return Answer(self._shown(self.data["statuses"][-1]))

    def _shown(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a status as the API shows it."""
        place = f"http://{self.host}"
        shown = {name: value for name, value in row.items() if name not in ("source", "key")}
        return shown | {
            "uri": f"{place}/users/ada/statuses/{row['id']}",
            "url": f"{place}/@ada/{row['id']}",
            "content": rendered(row["source"]),
            "account": self.data["account"],
            "reblog": None,
        }

    def _instance(self, path: str) -> Answer:
        limits = {"max_characters": self.data["max_characters"], "characters_reserved_per_url": 23}
        shown = {"configuration": {"statuses": limits}, "rules": self.data["rules"]}
        if path == "/api/v2/instance" and self.data["has_v2"]:
            return Answer({"domain": self.host, "version": "4.5.0", **shown})
        if path == "/api/v1/instance":
            return Answer({"uri": self.host, "version": "3.5.0", **shown})
        if path == "/api/v1/instance/rules":
            return Answer(self.data["rules"])
        return Answer({"error": "Record not found"}, 404)


def length(text: str) -> int:
    """Return the length of a text as Mastodon's documentation counts it."""
    text = _LINK.sub("x" * 23, text)
    return len(_MENTION.sub(lambda found: f"@{found[1]}", text))


def rendered(text: str) -> str:
    """Return a text as Mastodon shows it: in paragraphs, with links shortened by hidden parts."""

    def link(found: re.Match[str]) -> str:
        url = html.unescape(found[0])
        scheme, _, rest = url.partition("://")
        shown, hidden = rest[:30], rest[30:]
        return (
            f'<a href="{html.escape(url)}" rel="nofollow"><span class="invisible">{scheme}://'
            f'</span><span class="{"ellipsis" if hidden else ""}">{html.escape(shown)}</span>'
            f'<span class="invisible">{html.escape(hidden)}</span></a>'
        )

    def mention(found: re.Match[str]) -> str:
        return (
            f'<span class="h-card"><a href="https://{found[2]}/@{found[1]}" class="u-url mention">'
            f"@<span>{found[1]}</span></a></span>"
        )

    shown = _MENTION.sub(mention, _LINK.sub(link, html.escape(text, quote=False)))
    paragraphs = re.split(r"\n{2,}", shown)
    return "".join("<p>{}</p>".format(part.replace("\n", "<br />")) for part in paragraphs)


def fields_of(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return the fields of a body: JSON, a form, or a form with files."""
    kind = headers.get("content-type", "")
    if kind.startswith("application/json"):
        value = json.loads(body)
        return value if isinstance(value, dict) else {}
    if kind.startswith("multipart/form-data"):
        message = BytesParser(policy=HTTP).parsebytes(
            b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
        )
        found: dict[str, Any] = {}
        for part in message.iter_parts():
            name = str(part.get_param("name", header="content-disposition"))
            data = part.get_payload(decode=True)
            assert isinstance(data, bytes)
            found[name] = data if part.get_filename() else data.decode()
        return found
    return dict(parse_qsl(body.decode(), keep_blank_values=True))
