"""A connection to a server by its name: looked up once, its addresses checked, and a checked one then connected to.

Looking a name up a second time could give another answer, one that leads into the house.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

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
    for found, at in [proxy] if proxy else [(address, port) for address in _addresses(host, port, allow_local)]:
        if scheme == "https":  # to the address that was checked, for the name that was asked for
            connection: HTTPConnection = HTTPSConnection(found, at, timeout=CONNECT_SECONDS, ssl_context=ssl.create_default_context(), server_hostname=host)
            if proxy:
                _check_literal(host, allow_local)
                connection.set_tunnel(host, port)
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
            raise NetworkError(f"{host} can't prove that it is {host}: {error.verify_message}.", "Don't go on, unless you know why that is.") from error
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
            raise NetworkError(f"{host!r} can't be the name of a server.", "Check how it was typed.") from error
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise Passing("its address can't be looked up") from error
            raise NetworkError(f"There is no server {host!r}, or this machine is offline.", f"Check the name and the connection. {KEPT}") from error
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
        raise NetworkError(f"{host} is {address}: on this machine, or in this house's network.", "Where that is what you mean, say so with --allow-local.")


def _proxy(host: str) -> tuple[str, int] | None:
    """The proxy that the environment names for a host, if it names one."""
    from urllib.request import getproxies, proxy_bypass

    named = getproxies().get("https")
    if not named or proxy_bypass(host):
        return None
    try:
        place = urlsplit(named if "://" in named else f"http://{named}")
        return (place.hostname, place.port or 8080) if place.hostname else None
    except ValueError as error:
        raise NetworkError(f"HTTPS_PROXY is {named!r}, which is no address.", "Mend it, or unset it.") from error


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public network, also where it wraps another one."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if inner := found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]:
            return is_public(str(inner))
        if found in ipaddress.ip_network("64:ff9b::/96"):  # what a network without IPv4 writes one as
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
    return found.is_global and not found.is_multicast


def said_by(error: Exception | None) -> str:
    """What went wrong, in one short line."""
    if "timed out" in str(error):
        return "it does not answer"
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__
    said = cause.strerror if isinstance(cause, OSError) else None
    return said[0].lower() + said[1:120] if said else "its answer is broken, or broken off"
