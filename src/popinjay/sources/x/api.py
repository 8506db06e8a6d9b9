"""The X API v2: the newest posts of an account, for whoever has a key of their own and pays for each.

Nothing is sent before somebody has seen the price and the condition and said yes. No post is asked for twice: what is here is not asked for
again, what is new is asked for by the newest id that is known, and what was interrupted goes on by the lowest. Reposts are excluded there,
as each would cost; replies are not, since without them X hands out 800 posts instead of 3,200. Posts of the last half hour can still be
edited and are left for the next time.
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
from popinjay.options import CollectOptions
from popinjay.post import Author, read_json
from popinjay.sources import FETCH, Access
from popinjay.sources.network.account import AccountReading
from popinjay.sources.network.connection import KEPT
from popinjay.sources.network.http_client import HttpClient, Response
from popinjay.sources.network.mirror import Page, Pages, Skip
from popinjay.sources.x.api_responses import (
    CONSOLE,
    Account,
    account_of,
    judge,
    page_of,
    problem_of,
    without,
)
from popinjay.sources.x.post import SNOWFLAKE_EPOCH_MS
from popinjay.sources.x.price import ARCHIVE, agree, dollars, price
from popinjay.store.files import storage_errors

NAME = "X API"
HELP = "x:@ada, where you pay X for each post"
NEEDS = "a network, a bearer token of your own in X_BEARER_TOKEN, and money"

KEY, SERVER = "X_BEARER_TOKEN", "POPINJAY_X_API"
MAX_POSTS = 3200  # of an account, the newest, that X hands out
MAX_PAGE, MIN_PAGE = 100, 5  # posts that can be asked for at once
EDITABLE_MS = 31 * 60 * 1000  # half an hour, and what clocks differ by

# What X calls its posts is changing: a server takes one of these, and answers in either.
_SPELLINGS = ("tweet", "post")
_FIELDS = "author_id,created_at,edit_history_{0}_ids,entities,in_reply_to_user_id,lang,note_{0},referenced_{0}s"
_SPEC = re.compile(r"(?:x|twitter):@?([A-Za-z0-9_]{1,20})", re.IGNORECASE)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_USER = "user.json"


def matches(spec: str) -> bool:
    """`x:` and a name."""
    return _SPEC.fullmatch(spec) is not None and not os.path.lexists(spec)


def read(spec: str, options: CollectOptions, access: Access) -> XApi:
    """Open an account, without asking X anything yet. Raises SpecError without a key, or with a server that may have none."""
    found = _SPEC.fullmatch(spec)
    assert found is not None, spec
    return XApi(found[1].lower(), _server(access), _key(), access)


def _key() -> str:
    """The key in the environment. Raises SpecError where there is none, which never says what there is instead."""
    key = re.sub(r"(?i)^bearer\s+", "", os.environ.get(KEY, "").strip())
    if not key:
        raise SpecError(
            f"Reading from the X API takes a key of your own, in {KEY}.",
            f"{CONSOLE} sells one (an app's bearer token). {ARCHIVE}.",
        )
    if not re.fullmatch(r"[!-~]{8,1000}", key):
        raise SpecError(
            f"What {KEY} holds can't be a key.",
            f"It is one word: the app's bearer token, as {CONSOLE} shows it.",
        )
    return key


def _server(access: Access) -> str:
    """The address that requests and key go to. Raises SpecError where the key would not be safe on its way there."""
    given = os.environ.get(SERVER, "").strip().rstrip("/") or "https://api.x.com"
    try:
        place = urlsplit(given)
        bare = bool(place.hostname) and not (
            place.query or place.fragment or place.username is not None
        )
        local = (
            place.scheme == "http" and place.hostname in _LOOPBACK and access.options.allow_local
        )
    except ValueError:
        bare = local = False
    if not bare or not (place.scheme == "https" or local):
        raise SpecError(
            f"{SERVER} is no address that a key may be sent to.",
            "It begins with https; http is for this machine only, with --allow-local.",
        )
    return given


class XApi(AccountReading):
    """One account, by its name until it was looked up."""

    def __init__(self, handle: str, server: str, key: str, access: Access) -> None:
        super().__init__(Author(handle, url=f"https://x.com/{handle}"), HttpClient(access), access)
        self._server = server
        self._key = key
        self._timeline = Timeline(self, Account("", self.author), access.options.x_posts)
        self._spellings: tuple[str, ...] = _SPELLINGS

    def lists(self) -> Mapping[str, Pages]:
        """The one list that there is."""
        return {"posts": self._timeline}

    def fetch(self, folder: Path, skip: Skip) -> None:
        """Ask whether it may cost what it costs, and then X. Raises SpecError without a yes, or where nobody may read the account."""
        self._folder = folder / self.author.handle
        agree(self.author.handle, sum(1 for _ in self._mirror("posts").posts()), self._access)
        try:
            account = self._looked_up()
            self._check_same(account)
            self.author = account.author
            self._timeline = Timeline(self, account, self._access.options.x_posts)
            super().fetch(folder, skip)
            self._tell()
        finally:
            self.close()
            if self._timeline.bought:  # also where it ended in an error
                said = f"X charges for {self._timeline.bought:,} posts and the account: {dollars(price(self._timeline.bought))} at most."
                self._access.listener(Event(FETCH, EventKind.NOTE, said))

    def page(self, account: Account, query: Mapping[str, str]) -> Any:
        """One page of an account's posts, as JSON says it: asked for in the spelling that the server takes."""
        refused = ""
        for spelling in self._spellings:
            fields = {f"{spelling}.fields": _FIELDS.format(spelling)}
            answer, value = self._asked(f"/2/users/{account.number}/tweets", {**query, **fields})
            if answer.status != 400:
                self._spellings = (spelling,)
                return value if value is not None else self._refused(answer)
            refused = refused or problem_of(answer, self._key).told
        raise NetworkError(
            f"X does not understand what it is asked{refused}.",
            f"Its API may have changed since this popinjay was made. {KEPT}",
        )

    def _looked_up(self) -> Account:
        handle = self.author.handle
        answer, value = self._asked(
            f"/2/users/by/username/{handle}",
            {"user.fields": "description,profile_image_url,protected,public_metrics"},
        )
        if answer.status == 404:  # as well as 200 with what is wrong in it
            value = {
                "errors": [
                    {"title": "Not Found Error", "detail": problem_of(answer, self._key).detail}
                ]
            }
        return account_of(value if value is not None else self._refused(answer), handle)

    def _asked(self, path: str, query: Mapping[str, str]) -> tuple[Response, Any]:
        """What X answers, without the key, which nobody is to find in what is kept or shown."""
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        answer, value = self._client.json(
            self._server + path, query, headers=headers, check=partial(judge, key=self._key)
        )
        try:
            return answer, without(self._key, value)
        except ValueError as error:
            raise NetworkError(
                "X answered something that makes no sense.",
                f"It may be broken: try again later. {KEPT}",
            ) from error

    def _refused(self, answer: Response) -> NoReturn:
        raise NetworkError(
            f"X refuses to answer (status {answer.status}){problem_of(answer, self._key).told}.",
            f"Try again later. {KEPT}",
        )

    def _check_same(self, account: Account) -> None:
        """Names change hands: what is here has to be of the same account."""
        file = self._folder / _USER
        try:
            known = read_json(file)
        except (OSError, ValueError):
            known = None
        if known is not None and known != account.number:
            raise NetworkError(
                f"@{account.author.handle} is another account now than the one that was read before.",
                "Make it under another --name.",
            )
        with storage_errors(str(file)):
            self._folder.mkdir(parents=True, exist_ok=True)
            file.write_text(f'"{account.number}"', encoding="utf-8")

    def _tell(self) -> None:
        """What is missing from what was read."""
        wanted, notes = self._access.options.x_posts, self.findings.notes
        notes.append(
            "Reposts are not asked for, as each would cost, so none are counted; posts of the last half hour can still be edited: next time."
        )
        if self._timeline.at_cap or (self._timeline.stopped and wanted == MAX_POSTS):
            notes.append(
                f"X hands out the newest {MAX_POSTS:,} posts of an account only: older ones are in its owner's archive."
            )
        elif self._timeline.stopped:
            notes.append(
                f"No more than {wanted:,} posts were asked for, as --x-posts says: with a higher number, make goes on below them."
            )


class Timeline:
    """An account's posts, newest first. Never asks for more than `wanted` of them in all; `bought` counts those that were handed out."""

    def __init__(self, server: XApi, account: Account, wanted: int) -> None:
        self._server = server
        self._account = account
        self._wanted = wanted
        self._earlier: set[int] = set()
        self.bought = 0
        self.at_cap = False
        self.stopped = False

    def resume_after(self, newest: str, count: int) -> Pages:
        """The list for a mirror that holds so many posts; without `newest` only as many as are wanted besides."""
        return partial(self._pages, newest, self._wanted if newest else self._wanted - count)

    def __call__(self, cursor: str | None, etag: str) -> Iterator[Page]:
        """The whole list."""
        return self._pages("", self._wanted, cursor, etag)

    def _pages(self, newest: str, most: int, cursor: str | None, etag: str) -> Iterator[Page]:
        """Pages of at most so many posts. A cursor is the id that the next are below, and what X calls the page where no post told that."""
        until, _, token = (cursor or _settled_by_now()).partition(" ")
        end = self.bought + min(most, self._wanted - self.bought)
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
            fresh = tuple(
                one for one in found.posts if int(one.id) < int(until)
            )  # X's own pages disagree on whether `until_id` itself comes again
            if found.lowest is not None and found.lowest < int(until):
                until, token = str(found.lowest), ""
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


def _settled_by_now() -> str:
    """The id that a post would have if it were written just after those that can't be edited any more."""
    return str(max(0, int(time.time() * 1000) - EDITABLE_MS - SNOWFLAKE_EPOCH_MS) << 22)
