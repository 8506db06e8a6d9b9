"""The X API v2: the newest posts of an account, for users with a key of their own who pay per post.

Nothing is sent before the user has seen the price and the condition and agreed. No post is
requested twice: new posts are requested from the newest known id on, and an interrupted pass
continues below the lowest. Reposts are excluded, as each would cost; replies are included, since
without them X returns 800 posts instead of 3,200. Posts of the last half hour can still be edited,
and are left for the next time.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from popinjay.errors import NetworkError, SpecError
from popinjay.events import Event, EventKind
from popinjay.network.http_client import Response
from popinjay.options import CollectOptions
from popinjay.post import Author, read_json
from popinjay.sources import FETCH, Access
from popinjay.sources.network.account import AccountReading
from popinjay.sources.network.mirror import Page, Pages, Skip
from popinjay.sources.source import KEPT
from popinjay.sources.x.api_responses import (
    CONSOLE,
    Account,
    account_of,
    check,
    page_of,
    problem_of,
    without,
)
from popinjay.sources.x.post import SNOWFLAKE_EPOCH_MS
from popinjay.sources.x.price import ARCHIVE, agree, dollars, price
from popinjay.store.files import atomic_write, storage_errors

NAME = "X API"
HELP = "x:@ada; X charges you for each post"
NEEDS = "a network, a bearer token of your own in X_BEARER_TOKEN, and money"

KEY = "X_BEARER_TOKEN"  # environment variables
SERVER = "POPINJAY_X_API"
MAX_POSTS = 3200  # of an account, the newest, that X returns
MIN_PAGE = 5  # posts per request
MAX_PAGE = 100
EDITABLE_MS = 31 * 60 * 1000  # half an hour, and a minute for clock differences

# X is renaming its posts: a server accepts one of these names, and may respond with either.
_SPELLINGS = ("tweet", "post")
_FIELDS = (
    "author_id,created_at,edit_history_{0}_ids,entities,in_reply_to_user_id,lang,note_{0},"
    "referenced_{0}s"
)
_SPEC = re.compile(r"(?:x|twitter):@?([A-Za-z0-9_]{1,20})", re.IGNORECASE)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_USER = "user.json"


def matches(spec: str) -> bool:
    """Match `x:` and a handle."""
    return _SPEC.fullmatch(spec) is not None and not os.path.lexists(spec)


def read(spec: str, options: CollectOptions, access: Access) -> XApi:
    """Open an account without any request yet.

    Raises SpecError if there is no key, or the server may not be sent one.
    """
    found = _SPEC.fullmatch(spec)
    assert found is not None, spec
    return XApi(found[1].lower(), _server(access), _key(), access)


def _key() -> str:
    """Return the key in the environment.

    Raises SpecError if there is no valid one; its message never contains the value.
    """
    key = re.sub(r"(?i)^bearer\s+", "", os.environ.get(KEY, "").strip())
    if not key:
        raise SpecError(
            f"Reading from the X API requires a key of your own in {KEY}.",
            f"{CONSOLE} sells one (an app's bearer token). {ARCHIVE}.",
        )
    if not re.fullmatch(r"[!-~]{8,1000}", key):
        raise SpecError(
            f"The value of {KEY} is not a valid key.",
            f"It is one word: the app's bearer token, as {CONSOLE} shows it.",
        )
    return key


def _server(access: Access) -> str:
    """Return the server's URL. Raises SpecError if the key would not be safe in transit."""
    given = os.environ.get(SERVER, "").strip().rstrip("/") or "https://api.x.com"
    try:
        parts = urlsplit(given)
        has_extras = parts.query or parts.fragment or parts.username is not None
        is_plain = bool(parts.hostname) and not has_extras
        is_loopback = parts.scheme == "http" and parts.hostname in _LOOPBACK
        is_safe = parts.scheme == "https" or (is_loopback and access.options.allow_local)
    except ValueError:
        is_plain = False
        is_safe = False
    if not is_plain or not is_safe:
        raise SpecError(
            f"{SERVER} is not an address that a key may be sent to.",
            "It must begin with https; http works only for this machine, with --allow-local.",
            page_hint="It must begin with https.",
        )
    return given


class XApi(AccountReading):
    """One account, known by its handle until it is looked up."""

    def __init__(self, handle: str, server: str, key: str, access: Access) -> None:
        super().__init__(Author(handle, url=f"https://x.com/{handle}"), access.client(), access)
        self._server = server
        self._key = key
        self._timeline = Timeline(self, Account("", self.author), access.options.x_posts)
        self._spellings: tuple[str, ...] = _SPELLINGS

    def lists(self) -> Mapping[str, Pages]:
        """Return the one list, the timeline."""
        return {"posts": self._timeline}

    def fetch(self, folder: Path, skip: Skip) -> None:
        """Ask for consent to the price, then fetch.

        Raises SpecError without consent, or if the account can't be read by anyone.
        """
        self._folder = folder / self.author.handle
        agree(self.author.handle, sum(1 for _ in self._mirror("posts").posts()), self._access)
        try:
            account = self._look_up()
            self._check_same(account)
            self.author = account.author
            self._timeline = Timeline(self, account, self._access.options.x_posts)
            super().fetch(folder, skip)
            self._add_notes()
        finally:
            self.close()
            if bought := self._timeline.bought:  # also after an error
                note = (
                    f"X charges for {bought:,} posts and the account: "
                    f"{dollars(price(bought))} at most."
                )
                self._access.listener(Event(FETCH, EventKind.NOTE, note))

    def page(self, account: Account, query: Mapping[str, str]) -> Any:
        """Request one page of an account's posts and return its JSON.

        The fields are named in the spelling that the server accepts.
        """
        details = ""
        for spelling in self._spellings:
            fields = {f"{spelling}.fields": _FIELDS.format(spelling)}
            response, value = self._request(
                f"/2/users/{account.number}/tweets", {**query, **fields}
            )
            if response.status != 400:
                self._spellings = (spelling,)
                return value if value is not None else self._fail(response)
            details = details or problem_of(response, self._key).in_brackets
        raise NetworkError(
            f"X does not understand the request{details}.",
            f"Its API may have changed since this version of popinjay. {KEPT}",
        )

    def _look_up(self) -> Account:
        handle = self.author.handle
        response, value = self._request(
            f"/2/users/by/username/{handle}",
            {"user.fields": "description,profile_image_url,protected,public_metrics"},
        )
        if response.status == 404:  # instead of 200 with an error in the body
            detail = problem_of(response, self._key).detail
            value = {"errors": [{"title": "Not Found Error", "detail": detail}]}
        return account_of(value if value is not None else self._fail(response), handle)

    def _request(self, path: str, query: Mapping[str, str]) -> tuple[Response, Any]:
        """Send a request and return the response with its JSON, from which the key is removed.

        The key must never be stored or shown.
        """
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        response, value = self._client.json(
            self._server + path, query, headers=headers, check=partial(check, key=self._key)
        )
        try:
            return response, without(self._key, value)
        except ValueError as error:
            raise NetworkError(
                "X sent a malformed response.", f"It may be broken: try again later. {KEPT}"
            ) from error

    def _fail(self, response: Response) -> NoReturn:
        details = problem_of(response, self._key).in_brackets
        raise NetworkError(
            f"X refuses the request (status {response.status}){details}.",
            f"Try again later. {KEPT}",
        )

    def _check_same(self, account: Account) -> None:
        """Check that the handle still belongs to the account mirrored before."""
        file = self._folder / _USER
        try:
            known = read_json(file)
        except (OSError, ValueError):
            known = None
        if known is not None and known != account.number:
            raise NetworkError(
                f"@{account.author.handle} is now a different account from the one read before.",
                "Make it under another --name.",
                page_hint="Make it under another name.",
            )
        with storage_errors(str(file)):
            self._folder.mkdir(parents=True, exist_ok=True)
            atomic_write(file, f'"{account.number}"')

    def _add_notes(self) -> None:
        """Note which posts are missing."""
        wanted = self._access.options.x_posts
        notes = self.findings.notes
        notes.append(
            "Reposts are not requested, as each would cost, so none are counted. Posts of the last "
            "half hour can still be edited, and are left for the next time."
        )
        if self._timeline.at_cap or (self._timeline.stopped and wanted == MAX_POSTS):
            notes.append(
                f"X returns only the newest {MAX_POSTS:,} posts of an account: older ones are in "
                "its owner's archive."
            )
        elif self._timeline.stopped:
            notes.append(
                f"No more than {wanted:,} posts were requested, as --x-posts says: with a higher "
                "number, make continues below them."
            )


class Timeline:
    """An account's posts, newest first.

    It requests no more than `wanted` posts in all, and `bought` counts those that X returned.
    """

    def __init__(self, server: XApi, account: Account, wanted: int) -> None:
        self._server = server
        self._account = account
        self._wanted = wanted
        self._earlier: set[int] = set()
        self.bought = 0
        self.at_cap = False
        self.stopped = False

    def resume_after(self, newest: str, count: int) -> Pages:
        """Return the list for a mirror with `count` posts, limited to those still wanted."""
        return partial(self._pages, newest, self._wanted if newest else self._wanted - count)

    def __call__(self, cursor: str | None, etag: str) -> Iterator[Page]:
        """Yield the whole list."""
        return self._pages("", self._wanted, cursor, etag)

    def _pages(self, newest: str, limit: int, cursor: str | None, etag: str) -> Iterator[Page]:
        """Yield pages with at most `limit` posts.

        A cursor is the id that the next posts are below, followed by X's page token if the last
        page had no post to tell that id.
        """
        until, _, token = (cursor or _first_editable_id()).partition(" ")
        end = self.bought + min(limit, self._wanted - self.bought)
        while (left := end - self.bought) >= MIN_PAGE:
            if newest and int(newest) + 1 >= int(until):
                yield Page((), None)
                return
            query = {
                "max_results": str(min(MAX_PAGE, left)),
                "exclude": "retweets",
                "until_id": until,
            }
            query |= {"since_id": newest} if newest else {}
            query |= {"pagination_token": token} if token else {}
            found = page_of(self._server.page(self._account, query), self._account, self._earlier)
            self.bought += found.charged
            # X's documentation is inconsistent on whether `until_id` itself is returned again
            fresh = tuple(post for post in found.posts if int(post.id) < int(until))
            if found.lowest is not None and found.lowest < int(until):
                until = str(found.lowest)
                token = ""
            elif found.lowest is not None and found.charged > 1:
                raise NetworkError(
                    "X sends the same posts again and again.",
                    f"It may be broken: try again later. {KEPT}",
                )
            else:
                token = found.token
            self.at_cap = self.at_cap or (
                not found.token and not newest and self._account.count > MAX_POSTS
            )
            ended = not found.token and not self.at_cap
            yield Page(fresh, None if ended else f"{until} {token}".strip(), found.left_out)
            if not found.token:
                return
        self.stopped = True


def _first_editable_id() -> str:
    """Return the lowest id that a post which can still be edited may have."""
    return str(max(0, int(time.time() * 1000) - EDITABLE_MS - SNOWFLAKE_EPOCH_MS) << 22)
