"""Accounts on Mastodon and compatible servers, read over the network without a login.

WebFinger at the server in the account's name tells which server hosts it; that server provides the
profile and the posts. Posts come in pages, newest first, and each page names the id that the next
one is older than: a cursor that stays valid as long as the account exists. Only what a server shows
to everyone is read, and only public posts are kept.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

from popinjay.errors import NetworkError, SpecError
from popinjay.options import CollectOptions
from popinjay.post import Author, Post
from popinjay.sources import Access, reading_of
from popinjay.sources.files.container import as_object
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
from popinjay.sources.network.connection import is_public
from popinjay.sources.network.http_client import HttpClient, Response, host_of
from popinjay.sources.network.mirror import Page, Pages, Skip

NAME = "Mastodon account"
HELP = "@ada@example.social, or the address of a profile"
NEEDS = "a network"

_PAGE_SIZE = 40  # posts, the most that Mastodon returns
_MIN_FULL_PAGE = 20  # posts; some servers return pages as short as this before the last one
_MAX_DOCUMENT = 2**20  # bytes of an account or a WebFinger response
_EXPORT = (
    "If the account is yours: under Preferences, Import and export, Data export, its server makes "
    "a file with all its posts, which popinjay reads."
)
_PREFIX = re.compile(r"(?:mastodon|acct):", re.IGNORECASE)
_USER = r"(?P<user>[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?)"
_HOST = r"(?P<host>(?:[\w-]{1,63}\.){0,10}[\w-]{1,63}|\[[0-9A-Fa-f:.]{2,45}\])(?P<port>:\d{1,5})?"
_ACCOUNT = re.compile(f"@?{_USER}@{_HOST}")
_PROFILE = re.compile(
    rf"(?:/(?:web|deck))?/(?:@{_USER}(?:@(?P<elsewhere>[^/]+))?"
    rf"|users/{_USER.replace('user', 'name', 1)})(?:/.*)?",
    re.DOTALL,
)
_OTHER_SITES = (
    "bsky.app facebook.com instagram.com medium.com reddit.com threads.com threads.net tiktok.com "
    "twitter.com x.com youtube.com"
).split()
_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_NEXT = re.compile(r"""\brel\s*=\s*["']?next\b""", re.IGNORECASE)
_NO_PICTURE = "/avatars/original/missing.png"  # Mastodon's placeholder


@dataclass(frozen=True)
class _Name:
    """An account as the user gave it."""

    user: str
    host: str  # in ASCII and lower case, with any port
    scheme: str = ""  # empty if not given

    def __str__(self) -> str:
        return f"@{self.user}@{self.host}"

    def server(self, access: Access) -> str:
        """Return the URL of the server: with https, unless it is local and that is allowed."""
        is_local = access.options.allow_local and _is_local(self.host)
        scheme = self.scheme or ("http" if is_local else "https")
        return f"{scheme}://{self.host}"


@dataclass(frozen=True)
class _Finger:
    """A WebFinger result: the account's user name and its canonical URL."""

    user: str
    actor: str


def matches(spec: str) -> bool:
    """Match `@user@host`, with or without `mastodon:` or `acct:`, and URLs of profiles.

    URLs of sites that are known not to speak Mastodon's API don't match.
    """
    with suppress(OSError, ValueError):
        site = re.sub(r"^(?:www|m|mobile)\.", "", hostname_of(spec))
        if Path(spec).exists() or site in _OTHER_SITES:
            return False
    if _PREFIX.match(spec):
        return True
    return spec.startswith(("@", "http://", "https://")) and _parse_name(spec) is not None


def read(spec: str, options: CollectOptions, access: Access) -> MastodonAccount:
    """Look up an account.

    Raises SpecError if there is no such account, NetworkError if its server can't be read.
    """
    name = _parse_name(spec)
    if name is None:
        raise SpecError(
            f"{spec!r} does not name an account on a server.",
            "Write it as @ada@example.social, or give the address of its profile.",
        )

    def look_up(client: HttpClient) -> MastodonAccount:
        finger = _web_finger(client, name, name.server(access))
        server = _origin(finger.actor) if finger else name.server(access)
        account = _look_up(client, name, finger, server)
        return MastodonAccount(account, server, client, access)

    return reading_of(HttpClient(access), look_up)


def _parse_name(spec: str) -> _Name | None:
    """Return the account that a spec names, None if it names none."""
    spec = _PREFIX.sub("", spec.strip(), count=1)
    try:
        if found := _ACCOUNT.fullmatch(spec):
            return _name_of_handle(found)
        parts = urlsplit(spec)
        profile = _PROFILE.fullmatch(parts.path)
        is_web = parts.scheme in ("http", "https") and parts.hostname and not parts.username
        if not is_web or not profile:
            return None
        if profile["elsewhere"]:  # as seen from another server
            return _parse_name(f"@{profile['user']}@{profile['elsewhere']}")
        name = _parse_name(f"@{profile['user'] or profile['name']}@{parts.netloc}")
        return name and _Name(name.user, name.host, parts.scheme)
    except ValueError:  # an invalid host name or URL
        return None


def _name_of_handle(found: re.Match[str]) -> _Name | None:
    """Return the account in `@user@host:port`. Raises ValueError if the host is invalid."""
    host: str = found["host"]
    is_ipv6 = host.startswith("[")
    if not is_ipv6:
        host = host.encode("idna").decode("ascii")
    parts = urlsplit(f"//{host.lower()}{found['port'] or ''}")
    is_valid = "." in host or parts.port or host == "localhost" or is_ipv6
    return _Name(found["user"], parts.netloc) if is_valid and parts.port != 0 else None


def _is_local(host: str) -> bool:
    """Return whether a host, as written, is on this machine or in a local network."""
    name = urlsplit(f"//{host}").hostname or ""
    with suppress(ValueError):
        return not is_public(str(ipaddress.ip_address(name)))
    return name == "localhost" or name.endswith(".localhost")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


# looking up


def _web_finger(client: HttpClient, name: _Name, server: str) -> _Finger | None:
    """Query WebFinger at the server in the name; None if it has no usable result."""
    query = {"resource": f"acct:{name.user}@{name.host}"}
    response = client.get(
        f"{server}/.well-known/webfinger",
        query,
        headers={"Accept": "application/jrd+json, application/json"},
        max_bytes=_MAX_DOCUMENT,
        cross_host=True,
    )
    if response.status == 410:
        raise NetworkError(
            f"{name} no longer exists: {name.host} says that it was deleted.", _EXPORT
        )
    try:
        document = as_object(response.value()) if response.status == 200 else {}
    except ValueError:
        document = {}
    subject = _ACCOUNT.fullmatch(str(document.get("subject") or "").removeprefix("acct:"))
    links = document.get("links")
    for link in links if isinstance(links, list) else []:
        link = as_object(link)
        actor = address_of(link.get("href"))
        if (
            link.get("rel") == "self"
            and re.search(r"application/(?:activity|ld)\+json", str(link.get("type")))
            and hostname_of(actor)
        ):
            return _Finger(subject["user"] if subject else name.user, actor)
    return None


def _look_up(
    client: HttpClient, name: _Name, finger: _Finger | None, server: str
) -> dict[str, Any]:
    """Fetch the account through the API of its server. Raises SpecError if there is none."""
    host = host_of(server)
    user = finger.user if finger else name.user
    response, value = client.json(
        f"{server}/api/v1/accounts/lookup", {"acct": user}, max_bytes=_MAX_DOCUMENT
    )
    _check_access(response, host)
    account = as_object(value)
    if response.status == 410 or account.get("suspended") is True:
        raise NetworkError(f"{host} has suspended {name} and shows nothing of it.", _EXPORT)
    if response.status == 404 and finger:
        raise NetworkError(
            f"{host} knows {name}, but does not show it to readers who are not logged in, or does "
            "not speak Mastodon's API.",
            _EXPORT,
        )
    if response.status == 404:
        raise SpecError(
            f"There is no {name} on {host}, or {host} does not speak Mastodon's API.",
            "Check the name: @user@server, as the profile shows it.",
        )
    if not id_of(account.get("id")):
        raise NetworkError(
            f"{host} answered with something other than an account (status {response.status}): it "
            "may not speak Mastodon's API.",
            _EXPORT,
        )
    url = _canonical_url(account)
    is_actor = finger is not None and url == finger.actor
    is_hosted = is_actor or hostname_of(url) == hostname_of(server)
    if str(account.get("username")).lower() != user.lower() or not is_hosted:
        raise NetworkError(
            f"{host} was asked for {name} and answered with another account "
            f"({url or 'without an address'}).",
            "Check the name.",
        )
    return account


def _canonical_url(account: dict[str, Any]) -> str:
    """Return the URL that identifies an account; on older servers that of its profile."""
    return address_of(account.get("uri")) or address_of(account.get("url"))


def _check_access(response: Response, host: str) -> None:
    """Raise NetworkError if a server requires a login, or refuses programs."""
    needs_user = response.status == 422 and b"authenticated user" in response.body
    if response.status not in (401, 403) and not needs_user:
        return
    is_json = response.body.lstrip()[:1] == b"{"
    if not is_json:  # not from the API, but from a proxy in front of it
        raise NetworkError(
            f"{host} refuses programs such as this one (status {response.status}).", _EXPORT
        )
    raise NetworkError(
        f"{host} shows posts only to users who are logged in there, which popinjay never is.",
        _EXPORT,
    )


# reading


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
        _check_access(response, self._host)
        if response.status in (404, 410):
            raise NetworkError(
                f"{self._host} does not have the posts of {self.author.handle} (any more).",
                f"What was read before is kept. {_EXPORT}",
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
    full_name = f"{account['username']}@{hostname_of(_canonical_url(account))}"
    return author_of(
        full_name, account.get("display_name"), account.get("note"), account.get("url"), picture
    )
