"""Bluesky: an account's whole history from the server where its repository lives, without signing in.

Only methods of the protocol itself are asked (`com.atproto.*`), which every server has. Posts and reposts are two lists, each with the
newest first by its key, and the key of the last on a page is where most servers go on: such a place holds for as long as the list does.
What the author declares about AI is read before any post. The same records in an export (`bluesky_car.py`) give the same posts.
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
from popinjay.options import CollectOptions
from popinjay.post import Author, Post
from popinjay.sources import Access
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
from popinjay.sources.files.container import as_object
from popinjay.sources.network.account import AccountReading
from popinjay.sources.network.http_client import Response, HttpClient, host_of
from popinjay.sources.network.mirror import Page, Pages

NAME = "Bluesky account"
HELP = "a handle (ada.bsky.social), bsky:did:plc:..., or https://bsky.app/profile/ada.bsky.social"
NEEDS = "a network"

_PREFIX = "bsky:"
_FILES = frozenset(
    "bak car csv doc docx gz htm html js json jsonl log md ndjson odt pdf py rtf tar tgz toml tsv txt xml yaml yml zip".split()
)
_PROFILE_PAGE = re.compile(r"https?://(?:www\.)?bsky\.app/profile/", re.IGNORECASE)
_KEY = re.compile(r"[A-Za-z0-9._:~-]{1,512}")
_CID = re.compile(r"[A-Za-z0-9]{20,120}")
_PAGE = 100  # records, the most that servers give at once
_MAX_CURSOR = 1000  # characters
_MAX_PREFERENCES = 20  # pages: five hundred times what anybody needs
_KEPT = "What was read before is kept."
_STATES = {
    "RepoNotFound": "has left its server, or was deleted",
    "RepoDeactivated": "is deactivated",
    "RepoSuspended": "is suspended by its server",
    "RepoTakendown": "has been taken down by its server",
}


def matches(spec: str) -> bool:
    """Handles, DIDs and addresses of profiles; a bare name that ends as files do is none."""
    if spec.lower().startswith((_PREFIX, "at://", "did:plc:", "did:web:")) or _PROFILE_PAGE.match(
        spec
    ):
        return not _is_there(spec)
    if not HANDLE.fullmatch(spec.removeprefix("@").lower()):
        return False
    return (
        spec.startswith("@") or spec.rpartition(".")[2].lower() not in _FILES
    ) and not _is_there(spec)


def read(spec: str, options: CollectOptions, access: Access) -> Bluesky:
    """Look an account up. Raises SpecError where there is none, NetworkError where it can't be read."""
    client = HttpClient(access)
    try:
        return Bluesky(look_up(_named(spec), client), client, access)
    except BaseException:
        client.close()
        raise


def _is_there(spec: str) -> bool:
    try:
        return Path(spec).exists()
    except (OSError, ValueError):
        return False


def _named(spec: str) -> str:
    """The handle or DID in what was given. Handles are the same in capitals, DIDs are not."""
    if _PROFILE_PAGE.match(spec):
        spec = unquote(urlsplit(spec).path.removeprefix("/profile/"))
    spec = spec[len(_PREFIX) :] if spec.lower().startswith(_PREFIX) else spec
    spec = spec.removeprefix("at://").partition("/")[0].strip().removeprefix("@")
    return spec if spec.startswith("did:") else spec.lower()


class Bluesky(AccountReading):
    """One account, by its repository."""

    def __init__(self, identity: Identity, client: HttpClient, access: Access) -> None:
        """Ask for the author and what they declare. Raises NetworkError."""
        self._client, self._server, self._did = client, identity.server, identity.did
        self._handle = name_of(identity.handle, identity.did)
        self._check_state()
        profile = self._profile()
        super().__init__(self._author(profile), client, access)
        if not identity.handle:
            self.findings.notes.append(
                f"No handle is sure to be this account's, so its author is {self._handle}."
            )
        preferences = self._preferences()
        self.findings.notes += preferences.notes + label_notes(labels_of(profile))
        self.refusal = preferences.refusal(self._handle, labels_of(profile))

    def lists(self) -> Mapping[str, Pages]:
        """Posts, and what was reposted."""
        return {"posts": partial(self._pages, POST), "reposts": partial(self._pages, REPOST)}

    def posts(self) -> Iterator[Post]:
        """Every post and repost, each in the order of their keys, as an export has them: that is the order of their time."""
        for name in self.lists():
            yield from sorted(self._mirror(name).posts(), key=lambda post: post.id)

    # who it is

    def _check_state(self) -> None:
        """Raise NetworkError where the account can't be read, or the server has another one under its name."""
        if (
            self._asked("com.atproto.repo.describeRepo", {"repo": self._did})[1].get("did")
            != self._did
        ):
            raise NetworkError(
                f"{host_of(self._server)} has another account under the name of {self._handle}.",
                f"It may be broken. {_KEPT}",
            )

    def _profile(self) -> Any:
        """The record of the profile, None where there is none."""
        query = {"repo": self._did, "collection": PROFILE, "rkey": "self"}
        return self._asked("com.atproto.repo.getRecord", query, may_be_none=True)[1].get("value")

    def _author(self, profile: Any) -> Author:
        author = author_of(profile, self._did, self._handle)
        blob = as_object(as_object(profile).get("avatar"))
        cid = as_object(blob.get("ref")).get("$link") or blob.get(
            "cid"
        )  # as blobs were written at first
        if not isinstance(cid, str) or not _CID.fullmatch(cid):
            return author
        return replace(
            author,
            avatar=f"{xrpc(self._server, 'com.atproto.sync.getBlob')}?{urlencode({'did': self._did, 'cid': cid})}",
        )

    def _preferences(self) -> Preferences:
        """What the author declares about AI, all of it: an exception from a no may stand on any page."""
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
                    f"{host_of(self._server)} lists declarations of {self._handle} without end.",
                    f"It may be broken. {_KEPT}",
                )
        return preferences

    # lists

    def _pages(self, collection: str, cursor: str | None, etag: str) -> Iterator[Page]:
        """The pages of one collection."""
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
            cursor, etag = listing.cursor, ""

    def _post(self, collection: str, key: str, value: Any) -> Post | None:
        return (
            post_of(value, key, self._did, self._handle)
            if collection == POST
            else repost_of(value, key, self._handle)
        )

    def _listing(self, collection: str, cursor: str | None, etag: str = "") -> _Listing:
        """A page of a collection, from the newest on or from a cursor."""
        query = {
            "repo": self._did,
            "collection": collection,
            "limit": str(_PAGE),
            **({"cursor": cursor} if cursor else {}),
        }
        answer, value = self._asked("com.atproto.repo.listRecords", query, etag=etag)
        if answer.status == 304:
            return _Listing([], None, etag, unchanged=True)
        records, after = value.get("records"), value.get("cursor") or None
        if not isinstance(records, list) or not (
            after is None or (isinstance(after, str) and len(after) <= _MAX_CURSOR)
        ):
            raise NetworkError(
                f"{host_of(self._server)} answered something else than a list of records.",
                f"It may be broken. {_KEPT}",
            )
        return _Listing(
            [self._record(collection, record) for record in records], after, answer.etag
        )

    def _record(self, collection: str, record: Any) -> tuple[str, Any]:
        """A record's key and what it says; the key is empty for what is no record of this collection."""
        record = as_object(record)
        uri, place = record.get("uri"), f"at://{self._did}/{collection}/"
        key = uri.removeprefix(place) if isinstance(uri, str) and uri.startswith(place) else ""
        return (key if _KEY.fullmatch(key) else ""), record.get("value")

    def _asked(
        self, method: str, query: Mapping[str, str], *, etag: str = "", may_be_none: bool = False
    ) -> tuple[Response, dict[str, Any]]:
        """What the server says to a method, an empty object where it says that there is nothing and that `may_be_none`. Raises NetworkError."""
        answer, value = self._client.json(xrpc(self._server, method), query, etag=etag)
        if answer.status in (200, 304):
            return answer, as_object(value)
        name, message = error_in(answer)
        host = host_of(self._server)
        if name in _STATES:
            raise NetworkError(f"{self._handle} {_STATES[name]}, says {host}.", _KEPT)
        if may_be_none and answer.status in (400, 404):
            return answer, {}
        said = message or name
        raise NetworkError(
            f"{host} does not let {self._handle} be read (status {answer.status}{f': {said}' if said else ''}).",
            f"Try again later. {_KEPT}",
        )


@dataclass(frozen=True)
class _Listing:
    """A page of records with their keys (empty for what is none), and where to go on behind them."""

    records: list[tuple[str, Any]]
    cursor: str | None
    etag: str = ""
    unchanged: bool = False
