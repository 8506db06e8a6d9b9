"""Bluesky: an account's whole history from the server with its repository, without signing in.

Only methods of the protocol itself (`com.atproto.*`) are used, which every server implements. Posts
and reposts are two lists, each newest first by key. On most servers the cursor is the key of the
last record on a page, which stays valid as long as the list exists. What the author declares about
AI is read before any post. The same records in an export (`export.py`) give the same posts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from popinjay.errors import NetworkError
from popinjay.network.http_client import HttpClient, Response, host_of
from popinjay.options import CollectOptions
from popinjay.post import Author, Post
from popinjay.sources import Access, reading_of
from popinjay.sources.bluesky.identity import Identity, error_in, look_up, xrpc
from popinjay.sources.bluesky.preferences import PREFERENCES, Preferences, label_notes, labels_of
from popinjay.sources.bluesky.records import (
    HANDLE,
    NO_POST,
    POST,
    PROFILE,
    REPOST,
    author_of,
    name_of,
    post_of,
    repost_of,
)
from popinjay.sources.json_values import as_object
from popinjay.sources.network.account import AccountReading
from popinjay.sources.network.mirror import Page, Pages

NAME = "Bluesky account"
HELP = "a handle (ada.bsky.social), bsky:did:plc:..., or https://bsky.app/profile/ada.bsky.social"
NEEDS = "a network"

_PREFIX = "bsky:"
_EXTENSIONS = frozenset(
    "bak car csv doc docx gz htm html js json jsonl log md ndjson odt pdf py rtf tar tgz toml tsv "
    "txt xml yaml yml zip".split()
)
_PROFILE_PAGE = re.compile(r"https?://(?:www\.)?bsky\.app/profile/", re.IGNORECASE)
_KEY = re.compile(r"[A-Za-z0-9._:~-]{1,512}")
_CID = re.compile(r"[A-Za-z0-9]{20,120}")
_PAGE_SIZE = 100  # records, the most that servers return at once
_MAX_CURSOR = 1000  # characters
_MAX_PREFERENCES = 20  # pages, some five hundred times what an author needs
_KEPT = "What was read before is kept."
_STATES = {
    "RepoNotFound": "has left its server or was deleted",
    "RepoDeactivated": "is deactivated",
    "RepoSuspended": "is suspended by its server",
    "RepoTakendown": "has been taken down by its server",
}


def matches(spec: str) -> bool:
    """Match handles, DIDs and profile URLs, but no bare name with a file's extension."""
    prefixed = spec.lower().startswith((_PREFIX, "at://", "did:plc:", "did:web:"))
    if prefixed or _PROFILE_PAGE.match(spec):
        return not _exists(spec)
    if not HANDLE.fullmatch(spec.removeprefix("@").lower()):
        return False
    is_file_name = not spec.startswith("@") and spec.rpartition(".")[2].lower() in _EXTENSIONS
    return not is_file_name and not _exists(spec)


def read(spec: str, options: CollectOptions, access: Access) -> Bluesky:
    """Look an account up. Raises SpecError if there is none, NetworkError if it can't be read."""
    name = _account_name(spec)
    return reading_of(
        access.client(), lambda client: Bluesky(look_up(name, client), client, access)
    )


def _exists(spec: str) -> bool:
    try:
        return Path(spec).exists()
    except (OSError, ValueError):
        return False


def _account_name(spec: str) -> str:
    """Return the handle or DID in a spec. Only handles are case-insensitive."""
    if _PROFILE_PAGE.match(spec):
        spec = unquote(urlsplit(spec).path.removeprefix("/profile/"))
    spec = spec[len(_PREFIX) :] if spec.lower().startswith(_PREFIX) else spec
    spec = spec.removeprefix("at://").partition("/")[0].strip().removeprefix("@")
    return spec if spec.startswith("did:") else spec.lower()


class Bluesky(AccountReading):
    """One account's repository on its server."""

    def __init__(self, identity: Identity, client: HttpClient, access: Access) -> None:
        """Fetch the profile and the declarations about AI. Raises NetworkError."""
        self._client = client
        self._server = identity.server
        self._did = identity.did
        self._handle = name_of(identity.handle, identity.did)
        self._check_state()
        profile = self._profile()
        super().__init__(self._author(profile), client, access)
        if not identity.handle:
            self.findings.notes.append(
                f"No handle of this account is verified, so the author is {self._handle}."
            )
        preferences = self._preferences()
        self.findings.notes += preferences.notes + label_notes(labels_of(profile))
        self.refusal = preferences.refusal(self._handle, labels_of(profile))

    def lists(self) -> Mapping[str, Pages]:
        """Return the lists of posts and of reposts."""
        return {"posts": partial(self._pages, POST), "reposts": partial(self._pages, REPOST)}

    def posts(self) -> Iterator[Post]:
        """Yield posts, then reposts, each in chronological order, as an export has them."""
        for name in self.lists():
            yield from sorted(self._mirror(name).posts(), key=lambda post: post.id)

    # the author

    def _check_state(self) -> None:
        """Raise NetworkError if the account can't be read, or the server confuses it."""
        _, description = self._call("com.atproto.repo.describeRepo", {"repo": self._did})
        if description.get("did") != self._did:
            raise NetworkError(
                f"{host_of(self._server)} has a different account under {self._handle}.",
                f"It may be broken. {_KEPT}",
            )

    def _profile(self) -> Any:
        """Fetch the profile record; None if there is none."""
        query = {"repo": self._did, "collection": PROFILE, "rkey": "self"}
        return self._call("com.atproto.repo.getRecord", query, optional=True)[1].get("value")

    def _author(self, profile: Any) -> Author:
        author = author_of(profile, self._did, self._handle)
        blob = as_object(as_object(profile).get("avatar"))
        cid = as_object(blob.get("ref")).get("$link") or blob.get("cid")  # "cid": the first format
        if not isinstance(cid, str) or not _CID.fullmatch(cid):
            return author
        query = urlencode({"did": self._did, "cid": cid})
        return replace(author, avatar=f"{xrpc(self._server, 'com.atproto.sync.getBlob')}?{query}")

    def _preferences(self) -> Preferences:
        """Fetch all declarations about AI; an exception to a refusal may be on any page."""
        preferences = Preferences()
        for collection in PREFERENCES:
            cursor: str | None = None
            for _ in range(_MAX_PREFERENCES):
                listing = self._listing(collection, cursor)
                for key, value in listing.records:
                    if key:
                        preferences.add(f"{collection}/{key}", value)
                cursor = listing.cursor
                if cursor is None:
                    break
            else:
                raise NetworkError(
                    f"{host_of(self._server)} sends an endless list of declarations by "
                    f"{self._handle}.",
                    f"It may be broken. {_KEPT}",
                )
        return preferences

    # lists

    def _pages(self, collection: str, cursor: str | None, etag: str) -> Iterator[Page]:
        """Yield the pages of one collection."""
        while True:
            listing = self._listing(collection, cursor, etag)
            posts = [
                post
                for key, value in listing.records
                if key and (post := self._post(collection, key, value))
            ]
            other = len(listing.records) - len(posts)
            yield Page(
                tuple(posts),
                listing.cursor,
                Counter({NO_POST: other} if other else {}),
                listing.etag,
                listing.unchanged,
            )
            if listing.cursor is None:
                return
            cursor = listing.cursor
            etag = ""

    def _post(self, collection: str, key: str, value: Any) -> Post | None:
        return (
            post_of(value, key, self._did, self._handle)
            if collection == POST
            else repost_of(value, key, self._handle)
        )

    def _listing(self, collection: str, cursor: str | None, etag: str = "") -> _Listing:
        """Fetch a page of a collection, from a cursor on or from the newest record."""
        query = {
            "repo": self._did,
            "collection": collection,
            "limit": str(_PAGE_SIZE),
            **({"cursor": cursor} if cursor else {}),
        }
        response, value = self._call("com.atproto.repo.listRecords", query, etag=etag)
        if response.status == 304:
            return _Listing([], None, etag, unchanged=True)
        records = value.get("records")
        following = value.get("cursor") or None
        valid_cursor = following is None or (
            isinstance(following, str) and len(following) <= _MAX_CURSOR
        )
        if not isinstance(records, list) or not valid_cursor:
            raise NetworkError(
                f"{host_of(self._server)} answered with something other than a list of records.",
                f"It may be broken. {_KEPT}",
            )
        return _Listing(
            [self._record(collection, record) for record in records], following, response.etag
        )

    def _record(self, collection: str, record: Any) -> tuple[str, Any]:
        """Return the key and value of a record; the key is empty if it is not of the collection."""
        record = as_object(record)
        uri = record.get("uri")
        prefix = f"at://{self._did}/{collection}/"
        key = uri.removeprefix(prefix) if isinstance(uri, str) and uri.startswith(prefix) else ""
        return (key if _KEY.fullmatch(key) else ""), record.get("value")

    def _call(
        self, method: str, query: Mapping[str, str], *, etag: str = "", optional: bool = False
    ) -> tuple[Response, dict[str, Any]]:
        """Call a method of the server and return its response and the object in it.

        Args:
            method: the method's name, such as `com.atproto.repo.getRecord`.
            query: its parameters.
            etag: a known version of the result.
            optional: whether to return an empty object if the server finds nothing.

        Raises NetworkError.
        """
        response, value = self._client.json(xrpc(self._server, method), query, etag=etag)
        if response.status in (200, 304):
            return response, as_object(value)
        name, message = error_in(response)
        host = host_of(self._server)
        if name in _STATES:
            raise NetworkError(f"According to {host}, {self._handle} {_STATES[name]}.", _KEPT)
        if optional and response.status in (400, 404):
            return response, {}
        reason = message or name
        details = f"status {response.status}{f': {reason}' if reason else ''}"
        raise NetworkError(
            f"{host} does not let {self._handle} be read ({details}).",
            f"Try again later. {_KEPT}",
        )


@dataclass(frozen=True)
class _Listing:
    """A page of records by key (empty for invalid ones), with the cursor of the next page."""

    records: list[tuple[str, Any]]
    cursor: str | None
    etag: str = ""
    unchanged: bool = False
