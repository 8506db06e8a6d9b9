"""A connection to a server by its name: looked up once, its addresses checked, and a checked one then connected to.

Looking a name up a second time could give another answer, one that leads into the house.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from popinjay.errors import NetworkError

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 30.0  # that an answer may pause
KEPT = "Whatever was read is kept: the same command goes on from there."


class Passing(Exception):
    """What another try may get past; its text is a reason."""


def connect(scheme: str, host: str, port: int, *, allow_local: bool) -> HTTPConnection:
    """A connection to the first of a host's addresses that takes one, or through the proxy that the environment names.

    Raises NetworkError where it must not be asked or can't prove who it is, Passing where another try may help.
    """
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.exceptions import HTTPError

    trouble: Exception | None = None
    proxy = _proxy(host) if scheme == "https" else None
    for found, at in (
        [(proxy.host, proxy.port)]
        if proxy
        else [(address, port) for address in _addresses(host, port, allow_local)]
    ):
        if scheme == "https":  # to the address that was checked, for the name that was asked for
            connection: HTTPConnection = HTTPSConnection(
                found,
                at,
                timeout=CONNECT_SECONDS,
                ssl_context=ssl.create_default_context(),
                server_hostname=host,
            )
            if proxy:
                _check_literal(host, allow_local)
                connection.set_tunnel(host, port, headers=proxy.headers)
        else:
            connection = HTTPConnection(found, at, timeout=CONNECT_SECONDS)
        try:
            connection.connect()
            connection.timeout = SILENCE_SECONDS
            if connection.sock:
                connection.sock.settimeout(SILENCE_SECONDS)
            return connection
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise NetworkError(
                f"{host} can't prove that it is {host}: {error.verify_message}.",
                "Don't go on, unless you know why that is.",
            ) from error
        except (HTTPError, OSError) as error:
            connection.close()
            trouble = error
    raise Passing(said_by(trouble)) from trouble


def _addresses(host: str, port: int, allow_local: bool) -> list[str]:
    """A host's addresses. Raises NetworkError where one of them is not of the public network, and that is not allowed."""
    try:
        found = [str(ipaddress.ip_address(host))]
    except ValueError:
        try:
            rows = socket.getaddrinfo(host.encode("idna").decode(), port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise NetworkError(
                f"{host!r} can't be the name of a server.", "Check how it was typed."
            ) from error
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise Passing("its address can't be looked up") from error
            raise NetworkError(
                f"There is no server {host!r}, or this machine is offline.",
                f"Check the name and the connection. {KEPT}",
            ) from error
        found = list(dict.fromkeys(str(row[4][0]) for row in rows))
    for address in found:
        _check_public(host, address, allow_local)
    return found


def _check_literal(host: str, allow_local: bool) -> None:
    """The check of an address that stands where a name could: behind a proxy only this can be known."""
    with suppress(ValueError):
        _check_public(host, str(ipaddress.ip_address(host)), allow_local)


def _check_public(host: str, address: str, allow_local: bool) -> None:
    if not allow_local and not is_public(address):
        raise NetworkError(
            f"{host} is {address}: on this machine, or in this house's network.",
            "Where that is what you mean, say so with --allow-local.",
        )


@dataclass(frozen=True)
class Proxy:
    """Where a proxy is, and what it is told about who asks."""

    host: str
    port: int
    headers: dict[str, str]


def _proxy(host: str) -> Proxy | None:
    """The proxy that the environment names for a host, if it names one. Its user and password never stand in a message."""
    from urllib.request import getproxies, proxy_bypass

    from urllib3.util import make_headers

    named = getproxies().get("https")
    if not named or proxy_bypass(host):
        return None
    try:
        place = urlsplit(named if "://" in named else f"http://{named}")
        where, port = place.hostname, place.port or 8080
    except ValueError as error:
        hint = "It takes http://HOST:PORT, with USER:PASSWORD@ before HOST if need be (as %40 and the like). Mend it, or unset it."
        raise NetworkError("HTTPS_PROXY is no address of a proxy.", hint) from error
    if not where:
        return None
    who = f"{unquote(place.username)}:{unquote(place.password or '')}" if place.username else None
    return Proxy(where, port, make_headers(proxy_basic_auth=who))


# Networks of special use (IANA's registries) that Python takes for global, or did in some version.
_NOT_PUBLIC = [
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # relays of 6to4, deprecated
        "2001::/23",  # protocol assignments, Teredo (unwrapped before) and ORCHID among them
        "2001:db8::/32",
        "3fff::/20",  # documentation, as is the one before
    )
]
_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that is given out to the world
_TRANSLATED = ipaddress.IPv6Network(
    "64:ff9b::/96"
)  # addresses of IPv4, as a network without it writes them


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public network, also where it wraps another one."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if inner := found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]:
            return is_public(str(inner))
        if found in _TRANSLATED:
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        if found not in _UNICAST:
            return False
    return (
        found.is_global
        and not found.is_multicast
        and not any(found in network for network in _NOT_PUBLIC)
    )


def said_by(error: Exception | None) -> str:
    """What went wrong, in one short line."""
    if "timed out" in str(error):
        return "it does not answer"
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__
    said = cause.strerror if isinstance(cause, OSError) else None
    return said[0].lower() + said[1:120] if said else "its answer is broken, or broken off"
