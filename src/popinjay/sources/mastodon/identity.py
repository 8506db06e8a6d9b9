"""Resolve names of Mastodon accounts: from a name or URL to the server and the account there."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from popinjay.errors import NetworkError, SpecError
from popinjay.network.connection import is_public
from popinjay.network.http_client import HttpClient, Response, host_of
from popinjay.sources import Access
from popinjay.sources.json_values import as_list, as_object
from popinjay.sources.mastodon.posts import address_of, hostname_of, id_of

_MAX_DOCUMENT = 2**20  # bytes of an account or a WebFinger response
EXPORT_HINT = (
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


@dataclass(frozen=True)
class AccountName:
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


def look_up(client: HttpClient, name: AccountName, access: Access) -> tuple[dict[str, Any], str]:
    """Return an account as its server's API shows it, and the URL of that server.

    Raises SpecError if there is no such account, NetworkError if its server can't be read.
    """
    finger = _web_finger(client, name, name.server(access))
    server = _origin(finger.actor) if finger else name.server(access)
    return _fetch_account(client, name, finger, server), server


def has_prefix(spec: str) -> bool:
    """Return whether a spec starts with `mastodon:` or `acct:`."""
    return _PREFIX.match(spec) is not None


def parse_name(spec: str) -> AccountName | None:
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
            return parse_name(f"@{profile['user']}@{profile['elsewhere']}")
        name = parse_name(f"@{profile['user'] or profile['name']}@{parts.netloc}")
        return name and AccountName(name.user, name.host, parts.scheme)
    except ValueError:  # an invalid host name or URL
        return None


def _name_of_handle(found: re.Match[str]) -> AccountName | None:
    """Return the account in `@user@host:port`. Raises ValueError if the host is invalid."""
    host: str = found["host"]
    is_ipv6 = host.startswith("[")
    if not is_ipv6:
        host = host.encode("idna").decode("ascii")
    parts = urlsplit(f"//{host.lower()}{found['port'] or ''}")
    is_valid = "." in host or parts.port or host == "localhost" or is_ipv6
    return AccountName(found["user"], parts.netloc) if is_valid and parts.port != 0 else None


def _is_local(host: str) -> bool:
    """Return whether a host, as written, is on this machine or in a local network."""
    name = urlsplit(f"//{host}").hostname or ""
    with suppress(ValueError):
        return not is_public(str(ipaddress.ip_address(name)))
    return name == "localhost" or name.endswith(".localhost")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _web_finger(client: HttpClient, name: AccountName, server: str) -> _Finger | None:
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
            f"{name} no longer exists: {name.host} says that it was deleted.", EXPORT_HINT
        )
    try:
        document = as_object(response.value()) if response.status == 200 else {}
    except ValueError:
        document = {}
    subject = _ACCOUNT.fullmatch(str(document.get("subject") or "").removeprefix("acct:"))
    links = document.get("links")
    for link in as_list(links):
        link = as_object(link)
        actor = address_of(link.get("href"))
        if (
            link.get("rel") == "self"
            and re.search(r"application/(?:activity|ld)\+json", str(link.get("type")))
            and hostname_of(actor)
        ):
            return _Finger(subject["user"] if subject else name.user, actor)
    return None


def _fetch_account(
    client: HttpClient, name: AccountName, finger: _Finger | None, server: str
) -> dict[str, Any]:
    """Fetch the account through the API of its server. Raises SpecError if there is none."""
    host = host_of(server)
    user = finger.user if finger else name.user
    response, value = client.json(
        f"{server}/api/v1/accounts/lookup", {"acct": user}, max_bytes=_MAX_DOCUMENT
    )
    check_access(response, host)
    account = as_object(value)
    if response.status == 410 or account.get("suspended") is True:
        raise NetworkError(f"{host} has suspended {name} and shows nothing of it.", EXPORT_HINT)
    if response.status == 404 and finger:
        raise NetworkError(
            f"{host} knows {name}, but does not show it to readers who are not logged in, or does "
            "not speak Mastodon's API.",
            EXPORT_HINT,
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
            EXPORT_HINT,
        )
    url = canonical_url(account)
    is_actor = finger is not None and url == finger.actor
    is_hosted = is_actor or hostname_of(url) == hostname_of(server)
    if str(account.get("username")).lower() != user.lower() or not is_hosted:
        raise NetworkError(
            f"{host} was asked for {name} and answered with another account "
            f"({url or 'without an address'}).",
            "Check the name.",
        )
    return account


def canonical_url(account: dict[str, Any]) -> str:
    """Return the URL that identifies an account; on older servers that of its profile."""
    return address_of(account.get("uri")) or address_of(account.get("url"))


def check_access(response: Response, host: str) -> None:
    """Raise NetworkError if a server requires a login, or refuses programs."""
    needs_user = response.status == 422 and b"authenticated user" in response.body
    if response.status not in (401, 403) and not needs_user:
        return
    is_json = response.body.lstrip()[:1] == b"{"
    if not is_json:  # not from the API, but from a proxy in front of it
        raise NetworkError(
            f"{host} refuses programs such as this one (status {response.status}).", EXPORT_HINT
        )
    raise NetworkError(
        f"{host} shows posts only to users who are logged in there, which popinjay never is.",
        EXPORT_HINT,
    )
