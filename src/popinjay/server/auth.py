"""Who may ask. This machine only, or whoever has the token; and no other site in the same browser.

A page of another site can have a browser send requests here, and by a name that it lets point to this machine (DNS rebinding) even read
the answers. So the name it was asked by (`Host`) must be one of ours, and what changes something must come from our own page (`Origin`).
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

from popinjay.server.api_error import ApiError
from popinjay.server.errors import OPENAI, document

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
LOGIN = "/api/login"
UPLOADS = "/api/uploads"
MOST_BYTES = 4 * 2**20  # of anything else
OWN_HEADER = "x-popinjay"  # no other site can send it without asking first, and the answer is no
OPEN = (
    "/",
    "/favicon.ico",
    LOGIN,
)  # without a token: the page must be there to take it; nothing of anybody's is in it
OPEN_FOLDER = "/assets/"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; frame-src 'self'; "
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Auth:
    """By which names it may be asked at which port, and the token where other machines may ask."""

    port: int
    token: str | None = None
    names: tuple[str, ...] = ()  # of this machine, beside those of loopback

    def check(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Raise Refused where this may not be asked."""
        self._check_host(headers.get("host", ""))
        self._check_origin(method, path, headers)
        if self.token is not None and not (
            path in OPEN or path.startswith(OPEN_FOLDER) or self._knows_token(headers)
        ):
            raise ApiError(
                401,
                "This needs the token.",
                "popinjay serve printed it: open the address that it printed, or send Authorization: Bearer TOKEN.",
            )

    def _check_host(self, host: str) -> None:
        name, port = split_host(host)
        if port in (self.port, None if self.port == 80 else self.port) and (
            name in LOOPBACK or (self.token is not None and self._is_ours(name))
        ):
            return
        hint = (
            f"Open http://127.0.0.1:{self.port}/ instead."
            if self.token is None
            else "Open it by this machine's address."
        )
        raise ApiError(403, f"Nobody is called {host[:100]!r} here.", hint)

    def _is_ours(self, name: str) -> bool:
        """An address is no name that somebody else could let point here."""
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            own = socket.gethostname().lower()
            return name in (
                own,
                f"{own}.local",
                socket.getfqdn().lower(),
                *(one.lower() for one in self.names),
            )
        return True

    def _check_origin(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        refused = ApiError(
            403,
            "Another site may not ask this.",
            "Open popinjay's own page; programs send the header X-Popinjay: 1.",
        )
        follows_link = (
            method == "GET" and path == "/" and headers.get("sec-fetch-mode") == "navigate"
        )
        if site not in (None, "same-origin", "none") and not follows_link:
            raise refused
        if origin is not None and origin.lower() != f"http://{headers.get('host', '').lower()}":
            raise refused
        if (
            method in ("GET", "HEAD")
            or origin is not None
            or site is not None
            or OWN_HEADER in headers
            or path.startswith(OPENAI)
        ):
            return  # under /v1/ nothing is changed, its clients are programs, and browsers say their origin with everything they post
        raise refused

    def _knows_token(self, headers: Mapping[str, str]) -> bool:
        assert self.token is not None
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and same(given.strip(), self.token):
            return True
        cookies = (
            part.strip().partition("=") for part in headers.get("cookie", "").split(";")
        )  # whatever else is served on this machine sets its own
        return any(
            name == self.cookie_name and same(value, self.cookie) for name, _, value in cookies
        )

    @property
    def cookie_name(self) -> str:
        """Cookies are shared by all ports of a machine; this one is not to be mixed up."""
        return f"popinjay-{self.port}"

    @property
    def cookie(self) -> str:
        """What a browser that knew the token is given: it proves that, and does not tell it."""
        return hmac.new((self.token or "").encode(), b"popinjay's page", hashlib.sha256).hexdigest()


def same(given: str, known: str) -> bool:
    """Whether two secrets are the same, without telling by the time how much of it was right."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), known.encode())


def split_host(host: str) -> tuple[str, int | None]:
    """The name and the port of a `Host` header; port 0, which nobody has, for what is none."""
    name, colon, port = host.lower().rpartition(":")
    if not colon or host.endswith("]"):
        return host.lower(), None
    return name, int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0


class AuthMiddleware:
    """The app behind the guard: refusals, and the headers that every answer has."""

    def __init__(self, app: ASGIApp, auth: Auth) -> None:
        self._app = app
        self._auth = auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or say no."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (n.encode(), v.encode())
                        for n, v in HEADERS.items()
                        if n.encode() not in given
                    ),
                ]
            await send(message)

        came = 0

        async def bounded() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > MOST_BYTES and scope["path"] != UPLOADS:
                raise ApiError(413, "That is too much.", "Files are sent to /api/uploads.")
            return message

        headers: dict[str, str] = {}
        for raw, value in scope["headers"]:
            headers.setdefault(raw.decode("latin-1"), value.decode("latin-1"))
        try:
            self._auth.check(scope["method"], scope["path"], headers)
        except ApiError as error:
            body = json.dumps(
                document(scope["path"], error.status, error.message, error.hint)
            ).encode()
            kind = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
            ]
            await with_headers(
                {"type": "http.response.start", "status": error.status, "headers": kind}
            )
            await send({"type": "http.response.body", "body": body})
            return
        await self._app(scope, bounded, with_headers)
