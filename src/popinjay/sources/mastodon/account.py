"""Accounts on Mastodon, and on other servers that speak its API: read over the network, without a login.

Where an account lives is asked of the server in its name (WebFinger); who it is and what it posted, of the server where it lives. Posts
come in pages, the newest first, and each page says which id the next one is older than: that is kept, and holds for as long as the
account does. Only what a server shows to everybody is read, and only what is marked as being for everybody is kept.
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

from popinjay.errors import NetworkError, PopinjayError, SpecError
from popinjay.options import CollectOptions
from popinjay.post import Author, Post
from popinjay.sources import Access
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
from popinjay.sources.mastodon.profile import notes_on_account, rules_said
from popinjay.sources.network.account import AccountReading
from popinjay.sources.network.connection import is_public
from popinjay.sources.network.http_client import Response, HttpClient, host_of
from popinjay.sources.network.mirror import Page, Pages, Skip

NAME = "Mastodon account"
HELP = "@ada@example.social, or the address of a profile"
NEEDS = "a network"

_A_PAGE = 40  # posts, the most that Mastodon gives
_FULL = 20  # posts, the fewest that a page of some server that goes on may have
_MAX_FOUND = 2**20  # bytes of an account, or of what WebFinger says
_EXPORT = "If the account is yours: under Preferences, Import and export, Data export, its server makes a file with all its posts, which popinjay reads."
_PREFIX = re.compile(r"(?:mastodon|acct):", re.IGNORECASE)
_USER = r"(?P<user>[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?)"
_HOST = r"(?P<host>(?:[\w-]{1,63}\.){0,10}[\w-]{1,63}|\[[0-9A-Fa-f:.]{2,45}\])(?P<port>:\d{1,5})?"
_ACCOUNT = re.compile(f"@?{_USER}@{_HOST}")
_PROFILE = re.compile(
    f"(?:/(?:web|deck))?/(?:@{_USER}(?:@(?P<elsewhere>[^/]+))?|users/{_USER.replace('user', 'name', 1)})(?:/.*)?",
    re.DOTALL,
)
_OTHERS = "bsky.app facebook.com instagram.com medium.com reddit.com threads.com threads.net tiktok.com twitter.com x.com youtube.com".split()
_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_NEXT = re.compile(r"""\brel\s*=\s*["']?next\b""", re.IGNORECASE)
_MISSING = "/avatars/original/missing.png"  # what Mastodon shows where there is no picture


@dataclass(frozen=True)
class _Name:
    """An account as somebody wrote it; `scheme` is empty where they did not write it."""

    user: str
    host: str  # in ASCII and lower case, with its port
    scheme: str = ""

    def __str__(self) -> str:
        return f"@{self.user}@{self.host}"

    def server(self, access: Access) -> str:
        """The address of the server in the name: by https, but for one on this machine or in this house, where that is allowed."""
        return f"{self.scheme or ('http' if access.options.allow_local and _is_local(self.host) else 'https')}://{self.host}"


@dataclass(frozen=True)
class _Finger:
    """What WebFinger says of an account: its name there, and the address that stands for it."""

    user: str
    actor: str


def matches(spec: str) -> bool:
    """`@user@host`, with `mastodon:` or `acct:` before it or not, and addresses of profiles, but for those of sites that are known to be others."""
    with suppress(OSError, ValueError):
        if Path(spec).exists() or re.sub(r"^(?:www|m|mobile)\.", "", hostname_of(spec)) in _OTHERS:
            return False
    return _PREFIX.match(spec) is not None or (
        spec.startswith(("@", "http://", "https://")) and _named(spec) is not None
    )


def read(spec: str, options: CollectOptions, access: Access) -> MastodonAccount:
    """Look up an account. Raises SpecError where there is none of that name, NetworkError where its server cannot be asked."""
    name = _named(spec)
    if name is None:
        raise SpecError(
            f"{spec!r} names no account on a server.",
            "Write it as @ada@example.social, or give the address of its profile.",
        )
    client = HttpClient(access)
    try:
        finger = _finger(client, name, name.server(access))
        server = _origin(finger.actor) if finger else name.server(access)
        account = _looked_up(client, name, finger, server)
        return MastodonAccount(account, server, client, access)
    except PopinjayError:
        client.close()
        raise


def _named(spec: str) -> _Name | None:
    """The account that a spec names, None where it names none."""
    spec = _PREFIX.sub("", spec.strip(), count=1)
    try:
        if found := _ACCOUNT.fullmatch(spec):
            host = (
                found["host"]
                if found["host"].startswith("[")
                else found["host"].encode("idna").decode("ascii")
            )
            place = urlsplit(f"//{host.lower()}{found['port'] or ''}")
            sound = place.port != 0 and (
                "." in host or place.port or host == "localhost" or host.startswith("[")
            )
            return _Name(found["user"], place.netloc) if sound else None
        place = urlsplit(spec)
        profile = _PROFILE.fullmatch(place.path)
        if (
            place.scheme not in ("http", "https")
            or not place.hostname
            or place.username
            or not profile
        ):
            return None
        if profile["elsewhere"]:  # as seen from another server
            return _named(f"@{profile['user']}@{profile['elsewhere']}")
        there = _named(f"@{profile['user'] or profile['name']}@{place.netloc}")
        return there and _Name(there.user, there.host, place.scheme)
    except ValueError:  # no such host name, or address
        return None


def _is_local(host: str) -> bool:
    """Whether a host's name, as written, can only mean this machine or this house's network."""
    name = urlsplit(f"//{host}").hostname or ""
    with suppress(ValueError):
        return not is_public(str(ipaddress.ip_address(name)))
    return name == "localhost" or name.endswith(".localhost")


def _origin(address: str) -> str:
    place = urlsplit(address)
    return f"{place.scheme}://{place.netloc.rpartition('@')[2]}"


# looking up


def _finger(client: HttpClient, name: _Name, server: str) -> _Finger | None:
    """What the server in the name says of the account; None where it does not speak of it, or not so."""
    query = {"resource": f"acct:{name.user}@{name.host}"}
    answer = client.get(
        f"{server}/.well-known/webfinger",
        query,
        headers={"Accept": "application/jrd+json, application/json"},
        max_bytes=_MAX_FOUND,
        cross_host=True,
    )
    if answer.status == 410:
        raise NetworkError(
            f"{name} is gone: {name.host} says that there was such an account, but no longer is.",
            _EXPORT,
        )
    try:
        said = as_object(answer.value()) if answer.status == 200 else {}
    except ValueError:
        said = {}
    subject = _ACCOUNT.fullmatch(str(said.get("subject") or "").removeprefix("acct:"))
    links = said.get("links")
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


def _looked_up(client: HttpClient, name: _Name, finger: _Finger | None, server: str) -> dict[str, Any]:
    """The account as the API of its server shows it. Raises SpecError where there is none."""
    host = host_of(server)
    user = finger.user if finger else name.user
    answer, said = client.json(f"{server}/api/v1/accounts/lookup", {"acct": user}, max_bytes=_MAX_FOUND)
    _heed_refusal(answer, host)
    account = as_object(said)
    if answer.status == 410 or account.get("suspended") is True:
        raise NetworkError(f"{host} has suspended {name}: nothing of it is shown.", _EXPORT)
    if answer.status == 404 and finger:
        raise NetworkError(
            f"{host} knows {name}, but does not show it to readers who are not logged in, or does not speak Mastodon's API.",
            _EXPORT,
        )
    if answer.status == 404:
        raise SpecError(
            f"There is no {name} on {host}, or {host} does not speak Mastodon's API.",
            "Check the name: @user@server, as the profile shows it.",
        )
    if not id_of(account.get("id")):
        raise NetworkError(
            f"{host} answered something else than an account (status {answer.status}): it may not speak Mastodon's API.",
            _EXPORT,
        )
    address = _address(account)
    is_there = (finger is not None and address == finger.actor) or hostname_of(
        address
    ) == hostname_of(server)
    if str(account.get("username")).lower() != user.lower() or not is_there:
        raise NetworkError(
            f"{host} was asked for {name} and answered with another account ({address or 'of no address'}).",
            "Check the name.",
        )
    return account


def _address(account: dict[str, Any]) -> str:
    """The address that stands for an account everywhere; on older servers that of its profile."""
    return address_of(account.get("uri")) or address_of(account.get("url"))


def _heed_refusal(answer: Response, host: str) -> None:
    """Raise NetworkError where a server does not show this to strangers, or not to programs."""
    if answer.status not in (401, 403) and not (
        answer.status == 422 and b"authenticated user" in answer.body
    ):
        return
    if (
        answer.body.lstrip()[:1] != b"{"
    ):  # what the API says is JSON; a page comes from something that stands before it
        raise NetworkError(
            f"{host} turns programs such as this one away (status {answer.status}).", _EXPORT
        )
    raise NetworkError(
        f"{host} shows posts only to those who are logged in there, which popinjay never is.",
        _EXPORT,
    )


# reading


class MastodonAccount(AccountReading):
    """One account, by its id on its server."""

    def __init__(self, account: dict[str, Any], server: str, client: HttpClient, access: Access) -> None:
        super().__init__(_author(account), client, access)
        self._id, self._server, self._host = id_of(account["id"]), server, host_of(server)
        self._warned: set[str] = (
            set()
        )  # ids of posts behind a content warning, and of polls: a server can send a post twice
        self._polls: set[str] = set()
        self.findings.notes += notes_on_account(account) + rules_said(client, server)

    def lists(self) -> Mapping[str, Pages]:
        """One list: posts, replies and boosts come in it."""
        return {"statuses": self._pages}

    def fetch(self, folder: Path, skip: Skip) -> None:
        """Mirror the account, and say what was met on the way."""
        super().fetch(folder, skip)
        self.findings.notes += notes_on(
            len(self._warned), len(self._polls), "of the posts read now"
        )

    def _pages(self, cursor: str | None, etag: str) -> Iterator[Page]:
        """The posts, a page at a time; a cursor is the id that they are older than."""
        linked = False  # whether the server says where to go on, as most do
        while True:
            query = {"limit": str(_A_PAGE), **({"max_id": cursor} if cursor else {})}
            answer, rows = self._client.json(
                f"{self._server}/api/v1/accounts/{self._id}/statuses",
                query,
                etag="" if cursor else etag,
            )
            if answer.status == 304:
                yield Page((), None, unchanged=True)
                return
            self._check(answer, rows)
            posts, left_out = self._sorted(rows)
            following = self._next(answer)
            linked = linked or following is not None
            if following is None and not linked:
                following = self._guessed(rows, cursor)
            yield Page(tuple(posts), following, left_out, answer.etag)
            if following is None:
                return
            cursor = following

    def _check(self, answer: Response, rows: Any) -> None:
        """Raise NetworkError where this is no page of posts."""
        _heed_refusal(answer, self._host)
        if answer.status in (404, 410):
            raise NetworkError(
                f"{self._host} does not have the posts of {self.author.handle} (any more).",
                f"What was read before is kept. {_EXPORT}",
            )
        if not isinstance(rows, list):
            raise NetworkError(
                f"{self._host} answered something else than posts (status {answer.status}).",
                "It may be broken: try again later.",
            )

    def _sorted(self, rows: list[Any]) -> tuple[list[Post], Counter[str]]:
        """The posts of a page, and what else stood there."""
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

    def _next(self, answer: Response) -> str | None:
        """The id that the next page is older than, by the answer's `Link`; None where there is none."""
        address = next(
            (
                address
                for address, about in _LINK.findall(answer.headers.get("link", ""))
                if _NEXT.search(about)
            ),
            None,
        )
        if address is None:
            return None
        with suppress(ValueError):
            address = urljoin(answer.url, address)
            if hostname_of(address) != hostname_of(self._server):
                raise NetworkError(
                    f"{self._host} says that older posts are on another server, {hostname_of(address)!r}.",
                    "It may be broken: try again later.",
                )
            found: str = parse_qs(urlsplit(address).query).get("max_id", [""])[0]
            if ID.fullmatch(found):
                return found
        raise NetworkError(
            f"{self._host} does not say where older posts begin.",
            "It may be broken, or no Mastodon: try again later.",
        )

    def _guessed(self, rows: list[Any], cursor: str | None) -> str | None:
        """Where to go on on a server that does not say: behind the last post of a full page, unless it sends the same ones as before."""
        ids = [id for row in rows if (id := id_of(as_object(row).get("id")))]
        if cursor is not None and cursor in ids:
            self.findings.notes.append(
                f"{self._host} sends the newest {len(ids):,} posts whatever is asked: if there are older ones, they can't be read."
            )
            return None
        return ids[-1] if len(rows) >= _FULL and ids else None


def _author(account: dict[str, Any]) -> Author:
    """Who posted: named as in the account's export, by the host of the address that stands for it."""
    pictures = [address_of(account.get(key)) for key in ("avatar_static", "avatar")]
    picture = next(
        (address for address in pictures if address and not address.endswith(_MISSING)), ""
    )
    full_name = f"{account['username']}@{hostname_of(_address(account))}"
    return author_of(
        full_name, account.get("display_name"), account.get("note"), account.get("url"), picture
    )
