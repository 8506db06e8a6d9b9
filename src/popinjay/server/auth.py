"""Decide which requests are allowed: from this machine or with the token, and from no other site.

A page of another site can have the user's browser send requests here, and can even read the
responses through a host name that it points at this machine (DNS rebinding). Hence the `Host`
header must be one of our names, and requests that change something must come from our own page
(`Origin`).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from popinjay import __version__
from popinjay.server.api_error import ApiError
from popinjay.server.errors import OPENAI_PREFIX, error_document

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
LOGIN = "/api/login"
UPLOADS = "/api/uploads"
MAX_BODY_BYTES = 4 * 2**20  # of every request except uploads
# Another site can't send this header without a CORS preflight, which is refused.
OWN_HEADER = "x-popinjay"
ANY_ORIGIN = "*"
# Served without a token: the page asks for it. These contain no personal data.
PUBLIC_PATHS = ("/", "/favicon.ico", "/health", LOGIN)
PUBLIC_FOLDER = "/assets/"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
RESPONSE_HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
    "x-popinjay-version": __version__,
}


@dataclass(frozen=True)
class Auth:
    """The port and host names of this server, and its token if other machines may connect."""

    port: int
    token: str | None = None
    names: tuple[str, ...] = ()  # host names of this machine, in addition to the loopback names
    cors: tuple[str, ...] = ()  # origins of other sites that may send requests, or ANY_ORIGIN

    def check(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Raise ApiError if the request is not allowed."""
        self._check_host(headers.get("host", ""))
        is_cross_site = self._is_allowed_site(headers)
        if not is_cross_site:
            self._check_origin(method, path, headers)
        if self.token is None or path in PUBLIC_PATHS or path.startswith(PUBLIC_FOLDER):
            return
        # The user's browser would send the cookie for any page of the same machine.
        if not (self._has_bearer(headers) or (not is_cross_site and self._has_cookie(headers))):
            raise ApiError(
                401,
                "This page is locked with a token.",
                "Open the address that was shown when popinjay was started, or paste the token at "
                "its end. Programs send it in the header Authorization.",
            )

    def _check_host(self, host: str) -> None:
        name, port = split_host(host)
        allowed_ports = (self.port, None if self.port == 80 else self.port)
        if port in allowed_ports and (
            name in LOOPBACK_NAMES or (self.token is not None and self._is_own_name(name))
        ):
            return
        hint = (
            f"Open http://127.0.0.1:{self.port}/ instead."
            if self.token is None
            else "Use this machine's address instead."
        )
        raise ApiError(403, f"Unknown host {host[:100]!r}.", hint)

    def _is_own_name(self, name: str) -> bool:
        """Return whether this is an IP address, which can't be rebound, or a name of ours."""
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            own = socket.gethostname().lower()
            return name in (
                own,
                f"{own}.local",
                socket.getfqdn().lower(),
                *(known.lower() for known in self.names),
            )
        return True

    def _is_allowed_site(self, headers: Mapping[str, str]) -> bool:
        """Return whether a page of another site sent this which may (`popinjay serve --cors`)."""
        origin = headers.get("origin", "").lower()
        is_own = origin in ("", f"http://{headers.get('host', '').lower()}")
        return not is_own and (origin in self.cors or ANY_ORIGIN in self.cors)

    def _check_origin(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site")
        cross_site = ApiError(
            403,
            "Requests from other sites are not allowed.",
            "Open popinjay's own page; programs send the header X-Popinjay: 1.",
        )
        follows_link = (
            method == "GET" and path == "/" and headers.get("sec-fetch-mode") == "navigate"
        )
        if site not in (None, "same-origin", "none") and not follows_link:
            raise cross_site
        if origin is not None and origin.lower() != f"http://{headers.get('host', '').lower()}":
            raise cross_site
        # Under /v1/ nothing changes, the clients are programs, and browsers send Origin with
        # every POST.
        if (
            method in ("GET", "HEAD")
            or origin is not None
            or site is not None
            or OWN_HEADER in headers
            or path.startswith(OPENAI_PREFIX)
        ):
            return
        raise cross_site

    def _has_bearer(self, headers: Mapping[str, str]) -> bool:
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        is_known = secrets_equal(credentials.strip(), self.token or "")
        return scheme.lower() == "bearer" and is_known

    def _has_cookie(self, headers: Mapping[str, str]) -> bool:
        # Parsed by hand: other servers on this machine set cookies too, valid or not.
        cookies = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
        return any(
            name == self.cookie_name and secrets_equal(value, self.cookie)
            for name, _, value in cookies
        )

    @property
    def cookie_name(self) -> str:
        """The name of our cookie; it has the port because all ports of a host share cookies."""
        return f"popinjay-{self.port}"

    @property
    def cookie(self) -> str:
        """The cookie of a browser that sent the token: it proves that without revealing it."""
        return hmac.new((self.token or "").encode(), b"popinjay's page", hashlib.sha256).hexdigest()


def secrets_equal(given: str, known: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), known.encode())


def split_host(host: str) -> tuple[str, int | None]:
    """Return the name and port of a `Host` header; an invalid port is 0, a missing one None."""
    name, colon, port = host.lower().rpartition(":")
    if not colon or host.endswith("]"):
        return host.lower(), None
    return name, int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0


class AuthMiddleware:
    """Refuse requests that are not allowed, bound bodies and add headers to every response."""

    def __init__(self, app: ASGIApp, auth: Auth) -> None:
        self._app = app
        self._auth = auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or respond with an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            await send(_with_headers(message))

        received = 0

        async def receive_bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES and scope["path"] != UPLOADS:
                raise ApiError(413, "The request is too large.", "Upload it as a file.")
            return message

        headers: dict[str, str] = {}
        for raw, value in scope["headers"]:
            headers.setdefault(raw.decode("latin-1"), value.decode("latin-1"))
        try:
            self._auth.check(scope["method"], scope["path"], headers)
        except ApiError as error:
            await _send_error(scope["path"], error, send_with_headers)
            return
        await self._app(scope, receive_bounded, send_with_headers)


def _with_headers(message: Message) -> Message:
    """Return the message; a response's start gets the headers that its route did not set."""
    if message["type"] == "http.response.start":
        present = {name.lower() for name, _ in message["headers"]}
        added = (
            (name.encode(), value.encode())
            for name, value in RESPONSE_HEADERS.items()
            if name.encode() not in present
        )
        message["headers"] = [*message["headers"], *added]
    return message


async def _send_error(path: str, error: ApiError, send: Send) -> None:
    body = json.dumps(error_document(path, error.status, error.message, error.page_hint)).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
