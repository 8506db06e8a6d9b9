"""Connect to a server by name without reaching into the local network.

A name is resolved once, its addresses are checked, and the connection goes to a checked address.
Resolving it a second time could give a different, local address (DNS rebinding).
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
READ_SECONDS = 30.0  # the longest pause within a response


class TransientError(Exception):
    """A failure that a retry may get past; its text is the reason."""


def connect(
    scheme: str, host: str, port: int, *, allow_local: bool, after_failure: str = ""
) -> HTTPConnection:
    """Connect to the first reachable address of a host, or through the environment's HTTPS proxy.

    Args:
        scheme: `http` or `https`.
        host: the server's name or IP address.
        port: the server's port.
        allow_local: whether addresses on this machine or in a local network are allowed.
        after_failure: a sentence on what a failure leaves behind, for the hints of errors.

    Raises NetworkError if the host is not allowed or its certificate is invalid, TransientError if
    a retry may help.
    """
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.exceptions import HTTPError

    last_error: Exception | None = None
    proxy = _proxy(host) if scheme == "https" else None
    if proxy:
        endpoints = [(proxy.host, proxy.port)]
    else:
        endpoints = [
            (address, port) for address in _addresses(host, port, allow_local, after_failure)
        ]
    for address, endpoint_port in endpoints:
        if scheme == "https":  # the address is the checked one, the certificate is for the name
            connection: HTTPConnection = HTTPSConnection(
                address,
                endpoint_port,
                timeout=CONNECT_SECONDS,
                ssl_context=ssl.create_default_context(),
                server_hostname=host,
            )
            if proxy:
                _check_literal(host, allow_local)
                connection.set_tunnel(host, port, headers=proxy.headers)
        else:
            connection = HTTPConnection(address, endpoint_port, timeout=CONNECT_SECONDS)
        try:
            connection.connect()
            connection.timeout = READ_SECONDS
            if connection.sock:
                connection.sock.settimeout(READ_SECONDS)
            return connection
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise NetworkError(
                f"The certificate of {host} is invalid: {error.verify_message}.",
                "Don't continue unless you know why.",
            ) from error
        except (HTTPError, OSError) as error:
            connection.close()
            last_error = error
    raise TransientError(describe_error(last_error)) from last_error


def _addresses(host: str, port: int, allow_local: bool, after_failure: str) -> list[str]:
    """Resolve a host. Raises NetworkError if an address is local and that is not allowed."""
    try:
        addresses = [str(ipaddress.ip_address(host))]
    except ValueError:
        try:
            rows = socket.getaddrinfo(host.encode("idna").decode(), port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise NetworkError(
                f"{host!r} is not a valid server name.", "Check how it was typed."
            ) from error
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise TransientError("its address can't be looked up") from error
            raise NetworkError(
                f"There is no server {host!r}, or this machine is offline.",
                f"Check the name and the connection. {after_failure}".strip(),
            ) from error
        addresses = list(dict.fromkeys(str(row[4][0]) for row in rows))
    for address in addresses:
        _check_public(host, address, allow_local)
    return addresses


def _check_literal(host: str, allow_local: bool) -> None:
    """Check a host that is an IP address; behind a proxy, names can't be checked."""
    with suppress(ValueError):
        _check_public(host, str(ipaddress.ip_address(host)), allow_local)


def _check_public(host: str, address: str, allow_local: bool) -> None:
    if not allow_local and not is_public(address):
        raise NetworkError(
            f"{host} is {address}: on this machine or in a local network.",
            "If that is intended, allow it with --allow-local.",
            page_hint="Such servers are not read from the page.",
        )


@dataclass(frozen=True)
class Proxy:
    """An HTTPS proxy, with the headers that authenticate the user to it."""

    host: str
    port: int
    headers: dict[str, str]


def _proxy(host: str) -> Proxy | None:
    """Return the environment's proxy for a host, if any.

    The messages of its errors never contain the user or the password.
    """
    from urllib.request import getproxies, proxy_bypass

    from urllib3.util import make_headers

    named = getproxies().get("https")
    if not named or proxy_bypass(host):
        return None
    try:
        parts = urlsplit(named if "://" in named else f"http://{named}")
        port = parts.port or 8080
        proxy_host = parts.hostname
    except ValueError as error:
        raise NetworkError(
            "HTTPS_PROXY is not a valid proxy address.",
            "It has the form http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, with special "
            "characters percent-encoded. Correct it, or unset it.",
        ) from error
    if not proxy_host:
        return None
    credentials = None
    if parts.username:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(proxy_host, port, make_headers(proxy_basic_auth=credentials))


# Special-purpose networks (IANA's registries) that some version of Python considers global.
_NOT_PUBLIC = [
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "2001::/23",  # protocol assignments, including Teredo (unwrapped before) and ORCHID
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
]
_UNICAST = ipaddress.IPv6Network("2000::/3")  # all globally allocated addresses
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # IPv4 addresses behind NAT64


def is_public(address: str) -> bool:
    """Return whether an IP address, and any address embedded in it, is public."""
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


def describe_error(error: Exception | None) -> str:
    """Describe a failure in a short phrase."""
    if "timed out" in str(error):
        return "it does not answer"
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__
    message = cause.strerror if isinstance(cause, OSError) else None
    return message[0].lower() + message[1:120] if message else "its response is broken or cut off"
