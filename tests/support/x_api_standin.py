"""A stand-in for the X API v2, on loopback: paging, caps, fields, errors and prices as documented.

It shows what the client sends, what that would cost, and how the client handles answers of every
kind; not that X accepts it.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from archives import ACCOUNT

KEY = "AAAAstandinKEY%2Bnot%3Da+real_one"
PROBLEMS = "https://api.twitter.com/2/problems/"
HANDLE = "ada_l"
CAP, CAP_WITHOUT_REPLIES = 3200, 800
_ALWAYS = ("id", "text", "edit_history_tweet_ids")
_FIELDS = {
    "author_id",
    "conversation_id",
    "created_at",
    "entities",
    "in_reply_to_user_id",
    "lang",
    "public_metrics",
    "note_tweet",
    "referenced_tweets",
}
_FIELDS |= {"edit_history_tweet_ids", "text", "id"}
_PARAMETERS = {
    "max_results",
    "pagination_token",
    "since_id",
    "until_id",
    "start_time",
    "end_time",
    "exclude",
    "expansions",
}

Script = Callable[[str, Mapping[str, str]], "tuple[int, Any, Mapping[str, str]] | bytes | None"]


class XStandIn:
    """The server.

    `posts` have the old names of fields, in any order. `takes` and `writes` say whether requests
    and answers have the old names or the new ones. `script` sees each request first and can answer
    it with (status, value, headers), or with bytes that are sent before the connection is cut.
    """

    def __init__(self) -> None:
        self.user: dict[str, Any] = {
            "id": ACCOUNT,
            "username": "Ada_L",
            "name": "Ada 🧮 L.",
            "description": "counts &amp; sings",
            "protected": False,
        }
        self.said_count: int | None = None
        self.posts: list[dict[str, Any]] = []
        self.cap = CAP
        # Whether `since_id` and `until_id` are included: X's reference and its guides disagree.
        self.inclusive = False
        self.takes: Sequence[str] = ("tweet",)
        self.writes = "tweet"
        self.script: Script | None = None
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.keys: list[str] = []
        self.handed: list[str] = []  # ids of posts, as often as they were handed out
        self.charged: set[str] = set()  # within a day, a post is charged for once
        self.lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                owner._serve(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def cost(self) -> int:
        """Return what was charged so far, in thousandths of a dollar.

        By X's documented prices of 2026.
        """
        return sum(10 if one.startswith("user") else 5 for one in self.charged)

    def pages(self) -> list[dict[str, str]]:
        """Return the queries of all requests for posts."""
        return [query for path, query in self.asked if path.endswith("/tweets")]

    # answers

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        place = urlsplit(request.path)
        query = dict(parse_qsl(place.query, keep_blank_values=True))
        key = request.headers.get("Authorization", "")
        with self.lock:
            self.asked.append((place.path, query))
            self.keys.append(key)
        answer = self.script(place.path, query) if self.script else None
        if isinstance(answer, bytes):
            request.wfile.write(answer)
            request.close_connection = True
            return
        if answer is None:
            if place.path.startswith("/picture"):
                answer = (200, b"\xff\xd8\xff picture", {})
            elif key != f"Bearer {KEY}":
                answer = (
                    401,
                    {
                        "title": "Unauthorized",
                        "type": "about:blank",
                        "status": 401,
                        "detail": "Unauthorized",
                    },
                    {},
                )
            else:
                answer = self.answer(place.path, query)
        status, value, headers = answer
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        request.send_response(status)
        for name, said in {
            "content-type": "application/json; charset=utf-8",
            "content-length": str(len(body)),
            **headers,
        }.items():
            request.send_header(name, said)
        request.end_headers()
        request.wfile.write(body)

    def answer(self, path: str, query: Mapping[str, str]) -> tuple[int, Any, Mapping[str, str]]:
        """Return X's answer."""
        if found := re.fullmatch(r"/2/users/by/username/(\w+)", path):
            return 200, self._user(found[1], query), {}
        if found := re.fullmatch(r"/2/users/(\d+)/tweets", path):
            wrong = self._wrong(query)
            if wrong:
                errors = [
                    {
                        "parameters": {wrong: [query.get(wrong, "")]},
                        "message": f"The query parameter [{wrong}] is not one of [...]",
                    }
                ]
                problem = {
                    "title": "Invalid Request",
                    "detail": "One or more parameters to your request was invalid.",
                    "type": f"{PROBLEMS}invalid-request",
                }
                return 400, {"errors": errors, **problem}, {}
            return (
                200,
                self._page(query) if found[1] == self.user["id"] else no_such("id", found[1]),
                {},
            )
        return (
            404,
            {"title": "Not Found", "type": "about:blank", "status": 404, "detail": "Not Found"},
            {},
        )

    def _user(self, name: str, query: Mapping[str, str]) -> dict[str, Any]:
        if name.lower() != HANDLE:
            return no_such("username", name)
        with self.lock:
            self.charged.add(f"user {self.user['id']}")
        metrics = {
            "tweet_count": len(self.posts) if self.said_count is None else self.said_count,
            "followers_count": 7,
        }
        picture = {"profile_image_url": f"{self.address}/picture_normal.jpg"}
        whole = {**picture, "public_metrics": metrics, **self.user}
        wanted = {"id", "name", "username", *query.get("user.fields", "").split(",")}
        return {"data": {field: value for field, value in whole.items() if field in wanted}}

    def _wrong(self, query: Mapping[str, str]) -> str:
        """Return the first parameter that X would not accept, or ""."""
        for name, value in query.items():
            if name in {f"{spelling}.fields" for spelling in self.takes}:
                if not {field.replace("post", "tweet") for field in value.split(",")} <= _FIELDS:
                    return name
            elif name not in _PARAMETERS or (
                name.endswith("_id") and not re.fullmatch(r"[0-9]{1,19}", value)
            ):
                return name
        if not 5 <= int(query.get("max_results", "10")) <= 100:
            return "max_results"
        return (
            ""
            if set(query.get("exclude", "retweets").split(",")) <= {"retweets", "replies"}
            else "exclude"
        )

    def _page(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the newest posts in a range.

        Excluded posts are removed after the page was cut out, so a page may be short or empty.
        """
        exclude = query.get("exclude", "").split(",")
        newest = sorted(self.posts, key=lambda post: -int(post["id"]))[
            : CAP_WITHOUT_REPLIES if "replies" in exclude else self.cap
        ]
        below = (
            int(query["pagination_token"].removeprefix("7140w"))
            if "pagination_token" in query
            else 2**63
        )
        below = min(below, int(query.get("until_id", 2**63)))
        ends = {query.get("since_id"), query.get("until_id")} if self.inclusive else set()
        there = [
            post
            for post in newest
            if int(query.get("since_id", 0)) < int(post["id"]) < below or post["id"] in ends
        ]
        page = there[: int(query.get("max_results", 10))]
        rest = there[int(query.get("max_results", 10)) :]
        kept = [
            post
            for post in page
            if not (
                kinds(post)
                & {
                    {"retweets": "retweeted", "replies": "replied_to"}.get(one, "")
                    for one in exclude
                }
            )
        ]
        wanted = (
            next((value for name, value in query.items() if name.endswith(".fields")), "")
            .replace("post", "tweet")
            .split(",")
        )
        meta: dict[str, Any] = {"result_count": len(kept)}
        if kept:
            meta |= {"newest_id": kept[0]["id"], "oldest_id": kept[-1]["id"]}
        if rest:
            meta["next_token"] = f"7140w{page[-1]['id']}"
        with self.lock:
            self.handed += [post["id"] for post in kept]
            self.charged |= {post["id"] for post in kept}
        data = [
            {field: value for field, value in post.items() if field in wanted or field in _ALWAYS}
            for post in kept
        ]
        answer: dict[str, Any] = {"data": data, "meta": meta} if kept else {"meta": meta}
        return respelt(answer) if self.writes == "post" else answer


def kinds(post: Mapping[str, Any]) -> set[str]:
    """Return how a post refers to others."""
    return {one["type"] for one in post.get("referenced_tweets", ())}


def respelt(value: Any) -> Any:
    """Return an answer with the newer names of its fields."""
    if isinstance(value, dict):
        return {name.replace("tweet", "post"): respelt(inner) for name, inner in value.items()}
    return [respelt(inner) for inner in value] if isinstance(value, list) else value


def no_such(parameter: str, value: str) -> dict[str, Any]:
    """Return X's answer, with status 200, for a user that does not exist."""
    detail = f"Could not find user with {parameter}: [{value}]."
    error = {
        "value": value,
        "detail": detail,
        "title": "Not Found Error",
        "resource_type": "user",
        "parameter": parameter,
        "resource_id": value,
    }
    return {"errors": [{**error, "type": f"{PROBLEMS}resource-not-found"}]}


def post(item: Mapping[str, Any], note: str = "") -> dict[str, Any]:
    """Return a post as the API writes it, from an item of an archive's tweets.js.

    The whole text of a long post is given separately.
    """
    tweet = item["tweet"]
    moment = datetime.strptime(tweet["created_at"], "%a %b %d %H:%M:%S %z %Y")
    links = tweet["entities"]["urls"]
    quoted = [
        found[1]
        for link in links[-1:]
        if (found := re.search(r"/status/(\d+)", link["expanded_url"]))
    ]
    references = (
        [{"type": "replied_to", "id": tweet["in_reply_to_status_id_str"]}]
        if "in_reply_to_status_id_str" in tweet
        else []
    )
    references += (
        [{"type": "retweeted", "id": "77"}] if tweet["full_text"].startswith("RT @") else []
    )
    references += [{"type": "quoted", "id": quoted[0]}] if quoted else []
    written = {
        "id": tweet["id_str"],
        "text": tweet["full_text"],
        "author_id": ACCOUNT,
        "created_at": f"{moment:%Y-%m-%dT%H:%M:%S}.000Z",
        "lang": tweet["lang"],
        "edit_history_tweet_ids": tweet.get("edit_info", {})
        .get("initial", {})
        .get("editTweetIds", [tweet["id_str"]]),
        "public_metrics": {"retweet_count": 0, "like_count": 3},
    }
    if links:
        written["entities"] = {"urls": [{"start": 0, "end": 23, **link} for link in links]}
    if references:
        written["referenced_tweets"] = references
    if "in_reply_to_user_id_str" in tweet:
        written["in_reply_to_user_id"] = tweet["in_reply_to_user_id_str"]
    if note:
        written["note_tweet"] = {"text": note}
    return written
