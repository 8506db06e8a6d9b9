"""Accounts on Mastodon and compatible servers, read over the network without a login.

WebFinger at the server in the account's name tells which server hosts it; that server provides the
profile and the posts. Posts come in pages, newest first, and each page names the id that the next
one is older than: a cursor that stays valid as long as the account exists. Only what a server shows
to everyone is read, and only public posts are kept.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

from popinjay.errors import NetworkError, SpecError
from popinjay.network.http_client import HttpClient, Response, host_of
from popinjay.options import CollectOptions
from popinjay.post import Author, Post
from popinjay.sources import Access, reading_of
from popinjay.sources.json_values import as_object
from popinjay.sources.mastodon.identity import (
    EXPORT_HINT,
    canonical_url,
    check_access,
    has_prefix,
    look_up,
    parse_name,
)
from popinjay.sources.mastodon.posts import (
    ID,
    address_of,
    author_of,
    hostname_of,
    id_of,
    notes_on,
    status_of,
)
from popinjay.sources.mastodon.profile import notes_on_account, notes_on_rules
from popinjay.sources.network.account import AccountReading
from popinjay.sources.network.mirror import Page, Pages, Skip

NAME = "Mastodon account"
HELP = "@ada@example.social, or the address of a profile"
NEEDS = "a network"

_PAGE_SIZE = 40  # posts, the most that Mastodon returns
_MIN_FULL_PAGE = 20  # posts; some servers return pages as short as this before the last one
_OTHER_SITES = (
    "bsky.app facebook.com instagram.com medium.com reddit.com threads.com threads.net tiktok.com "
    "twitter.com x.com youtube.com"
).split()
_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_NEXT = re.compile(r"""\brel\s*=\s*["']?next\b""", re.IGNORECASE)
_NO_PICTURE = "/avatars/original/missing.png"  # Mastodon's placeholder


def matches(spec: str) -> bool:
    """Match `@user@host`, with or without `mastodon:` or `acct:`, and URLs of profiles.

    URLs of sites that are known not to speak Mastodon's API don't match.
    """
    with suppress(OSError, ValueError):
        site = re.sub(r"^(?:www|m|mobile)\.", "", hostname_of(spec))
        if Path(spec).exists() or site in _OTHER_SITES:
            return False
    if has_prefix(spec):
        return True
    return spec.startswith(("@", "http://", "https://")) and parse_name(spec) is not None


def read(spec: str, options: CollectOptions, access: Access) -> MastodonAccount:
    """Look up an account.

    Raises SpecError if there is no such account, NetworkError if its server can't be read.
    """
    name = parse_name(spec)
    if name is None:
        raise SpecError(
            f"{spec!r} does not name an account on a server.",
            "Write it as @ada@example.social, or give the address of its profile.",
        )

    def open_account(client: HttpClient) -> MastodonAccount:
        account, server = look_up(client, name, access)
        return MastodonAccount(account, server, client, access)

    return reading_of(access.client(), open_account)


class MastodonAccount(AccountReading):
    """One account, by its id on its server."""

    def __init__(
        self, account: dict[str, Any], server: str, client: HttpClient, access: Access
    ) -> None:
        super().__init__(_author(account), client, access)
        self._id = id_of(account["id"])
        self._server = server
        self._host = host_of(server)
        # ids, as a server can send a post twice
        self._warned: set[str] = set()  # of posts behind a content warning
        self._polls: set[str] = set()
        self.findings.notes += notes_on_account(account) + notes_on_rules(client, server)

    def lists(self) -> Mapping[str, Pages]:
        """Return the one list, which holds posts, replies and boosts."""
        return {"statuses": self._pages}

    def fetch(self, folder: Path, skip: Skip) -> None:
        """Mirror the account, and note content warnings and polls."""
        super().fetch(folder, skip)
        self.findings.notes += notes_on(
            len(self._warned), len(self._polls), "of the posts read now"
        )

    def _pages(self, cursor: str | None, etag: str) -> Iterator[Page]:
        """Yield pages of posts; a cursor is the id that the page's posts are older than."""
        linked = False  # whether the server names the next page, as most do
        while True:
            query = {"limit": str(_PAGE_SIZE), **({"max_id": cursor} if cursor else {})}
            response, rows = self._client.json(
                f"{self._server}/api/v1/accounts/{self._id}/statuses",
                query,
                etag="" if cursor else etag,
            )
            if response.status == 304:
                yield Page((), None, unchanged=True)
                return
            self._check_page(response, rows)
            posts, left_out = self._sorted(rows)
            following = self._next_cursor(response)
            linked = linked or following is not None
            if following is None and not linked:
                following = self._guessed_cursor(rows, cursor)
            yield Page(tuple(posts), following, left_out, response.etag)
            if following is None:
                return
            cursor = following

    def _check_page(self, response: Response, rows: Any) -> None:
        """Raise NetworkError if a response is not a page of posts."""
        check_access(response, self._host)
        if response.status in (404, 410):
            raise NetworkError(
                f"{self._host} does not have the posts of {self.author.handle} (any more).",
                f"What was read before is kept. {EXPORT_HINT}",
            )
        if not isinstance(rows, list):
            raise NetworkError(
                f"{self._host} answered with something other than posts "
                f"(status {response.status}).",
                "It may be broken: try again later.",
            )

    def _sorted(self, rows: list[Any]) -> tuple[list[Post], Counter[str]]:
        """Return the posts of a page, and the numbers of entries left out by reason."""
        posts: list[Post] = []
        left_out: Counter[str] = Counter()
        for row in rows:
            post = status_of(row, self._id, self.author.handle)
            if isinstance(post, str):
                left_out[post] += 1
                continue
            posts.append(post)
            if row.get("spoiler_text"):
                self._warned.add(post.id)
            if isinstance(row.get("poll"), dict):
                self._polls.add(post.id)
        return posts, left_out

    def _next_cursor(self, response: Response) -> str | None:
        """Return the id in the `Link` header to the next page, None if there is none."""
        links = _LINK.findall(response.headers.get("link", ""))
        url = next((url for url, parameters in links if _NEXT.search(parameters)), None)
        if url is None:
            return None
        with suppress(ValueError):
            url = urljoin(response.url, url)
            if hostname_of(url) != hostname_of(self._server):
                raise NetworkError(
                    f"{self._host} says that older posts are on another server, "
                    f"{hostname_of(url)!r}.",
                    "It may be broken: try again later.",
                )
            found: str = parse_qs(urlsplit(url).query).get("max_id", [""])[0]
            if ID.fullmatch(found):
                return found
        raise NetworkError(
            f"{self._host} does not say where older posts begin.",
            "It may be broken, or not a Mastodon server: try again later.",
        )

    def _guessed_cursor(self, rows: list[Any], cursor: str | None) -> str | None:
        """Return the last id of a full page, for servers that don't link to the next one.

        None if the page is short, or holds the same posts as the one before.
        """
        ids = [id for row in rows if (id := id_of(as_object(row).get("id")))]
        if cursor is not None and cursor in ids:
            self.findings.notes.append(
                f"{self._host} sends the newest {len(ids):,} posts for every page: if there are "
                "older ones, they can't be read."
            )
            return None
        return ids[-1] if len(rows) >= _MIN_FULL_PAGE and ids else None


def _author(account: dict[str, Any]) -> Author:
    """Return the author, named as in the account's export: by the host of its canonical URL."""
    pictures = [address_of(account.get(key)) for key in ("avatar_static", "avatar")]
    picture = next((url for url in pictures if url and not url.endswith(_NO_PICTURE)), "")
    full_name = f"{account['username']}@{hostname_of(canonical_url(account))}"
    return author_of(
        full_name, account.get("display_name"), account.get("note"), account.get("url"), picture
    )
