"""A polite, bounded HTTP client for public servers.

It keeps one connection per host and identifies itself in every request. It honours rate limits
(`Retry-After` and the various reset headers) with a countdown, and retries a failing server a few
times. Responses are bounded in size and duration, redirects in number and target. Addresses on this
machine or in a local network are refused unless the user allows them (see `connection`).

A request with a body is sent once: whether a failing server has done what it was asked for is not
known, so the caller decides whether it may be sent again.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import SplitResult, quote, urlencode, urljoin, urlsplit

from popinjay import __version__
from popinjay.errors import AnswerLost, NetworkError
from popinjay.events import Event, EventKind, Listener, ignore
from popinjay.network.connection import TransientError, connect, describe_error
from popinjay.text.quantities import duration

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection

USER_AGENT = f"popinjay/{__version__} (reads one account's public posts, on its user's own machine)"
MAX_RESPONSE_BYTES = 16 * 2**20  # decompressed; a page of a hundred posts has some 100 kB
RESPONSE_SECONDS = 180.0  # for a whole response
MAX_ATTEMPTS = 6
FIRST_WAIT = 1.0  # seconds before the first retry if the server names no delay; doubles each time
MAX_WAIT = 20 * 60  # seconds; rate limits are usually counted per quarter of an hour
MAX_REDIRECTS = 3

_REDIRECT = (301, 302, 303, 307, 308)
_BUSY = (429, 503)
_FAILED = (408, 425, 500, 502, 504, 520, 521, 522, 523, 524)
_RETRY_HEADERS = ("retry-after", "ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset")
_CHUNK = 2**16  # bytes

_Endpoint = tuple[str, str, int]  # scheme, host, port


@dataclass(frozen=True, slots=True)
class Response:
    """A server's response; the caller handles statuses from 400 on.

    Header names are in lower case, and the body is decompressed.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def etag(self) -> str:
        """The server's identifier for this version of the document; empty if it sends none."""
        return self.headers.get("etag", "")

    def value(self) -> Any:
        """Decode the body as JSON. Raises ValueError if it is not JSON."""
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("nested too deep") from error


@dataclass(frozen=True, slots=True)
class _Request:
    """What is sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


class HttpClient:
    """Sends requests over one connection per host. Every method raises NetworkError.

    A context manager, which closes the connections; it can be used again afterwards.
    """

    def __init__(
        self,
        listener: Listener = ignore,
        *,
        stage: str = "fetch",
        allow_local: bool = False,
        user_agent: str = USER_AGENT,
        after_failure: str = "",
    ) -> None:
        """Prepare a client; nothing is connected yet.

        Args:
            listener: Is told how long a busy server is waited for.
            stage: The stage that those events name.
            allow_local: Whether servers on this machine or in a local network are allowed, and
                connections to them without encryption.
            user_agent: What the client says that it is.
            after_failure: A sentence on what a failure leaves behind, for the hints of errors.
        """
        self._allow_local = allow_local
        self._listener = listener
        self._stage = stage
        self._user_agent = user_agent
        self._after_failure = after_failure
        self._connections: dict[_Endpoint, HTTPConnection] = {}

        # For a caller that drops it without closing it, as with tempfile.TemporaryDirectory.
        weakref.finalize(self, _close_all, self._connections)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        _close_all(self._connections)

    def get(
        self,
        url: str,
        query: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        etag: str = "",
        max_bytes: int = MAX_RESPONSE_BYTES,
        cross_host: bool = False,
        retry: bool = True,
        check: Callable[[Response], None] | None = None,
    ) -> Response:
        """Request a document.

        Args:
            url: the address of the document.
            query: parameters to append to the address.
            headers: further request headers.
            etag: a known version; the response has status 304 if the document is still the same.
            max_bytes: the largest body to accept, decompressed.
            cross_host: whether to follow redirects to other public hosts.
            retry: whether to wait for a busy server and to retry a failing one.
            check: called with each response before any retry; may raise.
        """
        url = f"{url}?{urlencode(query)}" if query else url
        sent = {**(headers or {}), **({"If-None-Match": etag} if etag else {})}
        request = _Request("GET", url, sent)
        problem = ""
        attempts = MAX_ATTEMPTS if retry else 1
        for attempt in range(attempts):
            pause = 0.0
            try:
                response = self._follow_redirects(request, max_bytes, cross_host)
            except TransientError as error:
                problem = str(error)
            else:
                if check:
                    check(response)
                if response.status in _BUSY:
                    problem = "it is busy"
                    pause = _requested_pause(response.headers, time.time())
                elif response.status in _FAILED:
                    problem = f"it failed (status {response.status})"
                else:
                    return response
            if attempt < attempts - 1:
                self._wait(host_of(url), max(pause, FIRST_WAIT * 2**attempt), problem)
        raise NetworkError(
            f"{host_of(url)} can't be read now: {problem}.", self._hint("Try again later.")
        )

    def send(
        self,
        method: str,
        url: str,
        value: Any = None,
        *,
        body: tuple[str, bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> Response:
        """Send one request that may change something, with a JSON value or without a body.

        It is sent once, and no redirect is followed.

        Args:
            method: such as `POST`.
            url: the address.
            value: the body, sent as JSON.
            body: another kind of body: its content type and its bytes.
            headers: further request headers.
            max_bytes: the largest body to accept, decompressed.

        Raises AnswerLost if there is no response, so that the request may have arrived or not, and
        NetworkError if nothing was sent.
        """
        if value is not None:
            body = ("application/json", json.dumps(value, ensure_ascii=False).encode())
        kind, data = body or ("", None)
        sent = {**(headers or {}), **({"Content-Type": kind} if kind else {})}
        request = _Request(method, url, sent, data)
        parts = self._checked_url(url)
        endpoint = _endpoint_of(parts)
        try:
            self._reconnect(endpoint)
        except TransientError as error:
            raise NetworkError(
                f"{host_of(url)} can't be reached now: {error}.", self._hint("Try again later.")
            ) from error
        try:
            return self._exchange(endpoint, parts, request, max_bytes)
        except (TransientError, NetworkError) as error:
            raise AnswerLost(
                f"{host_of(url)} was asked, and its answer did not come: {error}.",
                self._hint("Try again later."),
            ) from error

    def wait_as_asked(self, response: Response, problem: str = "it is busy") -> None:
        """Wait as long as a response's headers ask for, with a countdown.

        Raises NetworkError if that is too long.
        """
        pause = _requested_pause(response.headers, time.time())
        self._wait(host_of(response.url), max(pause, FIRST_WAIT), problem)

    def json(
        self, url: str, query: Mapping[str, str] | None = None, **options: Any
    ) -> tuple[Response, Any]:
        """Request a JSON document and decode it; None unless the status is a success.

        Takes the arguments of `get`. Broken JSON is requested once more.
        """
        for last in (False, True):
            response = self.get(url, query, **options)
            if not 200 <= response.status < 300:
                return response, None
            try:
                return response, response.value()
            except ValueError as error:
                if last:
                    raise NetworkError(
                        f"{host_of(url)} answered with something that is not JSON.",
                        self._hint("It may be broken, or not the right kind of server."),
                    ) from error
        raise AssertionError

    def _hint(self, advice: str = "") -> str:
        return f"{advice} {self._after_failure}".strip()

    # waiting

    def _wait(self, host: str, seconds: float, problem: str) -> None:
        """Wait, reporting a countdown."""
        if seconds > MAX_WAIT:
            raise NetworkError(f"{host} asks to come back in {duration(seconds)}.", self._hint())
        if seconds >= 5:
            note = f"{host}: {problem}; continuing in {duration(seconds)}."
            self._listener(Event(self._stage, EventKind.NOTE, note))
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            countdown = Event(
                self._stage,
                EventKind.PROGRESS,
                f"waiting for {host}",
                done=seconds - left,
                total=seconds,
                unit="s",
                numbers={"seconds_left": left},
            )
            self._listener(countdown)
            time.sleep(min(1.0, left))

    # one request

    def _follow_redirects(self, request: _Request, max_bytes: int, cross_host: bool) -> Response:
        url, headers = request.url, request.headers
        for _ in range(MAX_REDIRECTS + 1):
            response = self._request(_Request(request.method, url, headers), max_bytes)
            location = response.headers.get("location", "")
            if response.status not in _REDIRECT or not location:
                return response
            target = _redirect_target(url, location)
            if host_of(target) != host_of(url):
                if not cross_host:
                    raise NetworkError(
                        f"{host_of(url)} redirects to {host_of(target)!r}.",
                        "Give the account under the server where it lives now.",
                    )
                headers = {
                    name: value
                    for name, value in headers.items()
                    if name.lower() != "authorization"
                }
            url = target
        raise NetworkError(
            f"{host_of(url)} redirects in circles.",
            "Try again later, or read the account from an export.",
        )

    def _request(self, request: _Request, max_bytes: int) -> Response:
        """Send one request, on a new connection if the server has closed the one kept open."""
        parts = self._checked_url(request.url)
        endpoint = _endpoint_of(parts)
        if endpoint in self._connections:
            try:
                return self._exchange(endpoint, parts, request, max_bytes)
            except TransientError:
                pass
        self._reconnect(endpoint)
        return self._exchange(endpoint, parts, request, max_bytes)

    def _reconnect(self, endpoint: _Endpoint) -> None:
        """Connect anew: only on a fresh connection is a lost request known to have been sent."""
        if former := self._connections.pop(endpoint, None):
            former.close()
        self._connections[endpoint] = connect(
            *endpoint, allow_local=self._allow_local, after_failure=self._after_failure
        )

    def _exchange(
        self, endpoint: _Endpoint, parts: SplitResult, request: _Request, max_bytes: int
    ) -> Response:
        from http.client import HTTPException

        from urllib3.exceptions import HTTPError

        connection = self._connections[endpoint]
        complete = False
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
        target = f"{path}?{parts.query}" if parts.query else path
        sent = {
            "Host": parts.netloc.rpartition("@")[2],
            "User-Agent": self._user_agent,
            "Accept-Encoding": "gzip",
            **request.headers,
        }
        try:
            with _deadline(RESPONSE_SECONDS, connection) as expired:
                connection.request(
                    request.method, target, request.body, headers=sent, preload_content=False
                )
                response = connection.getresponse()
                body = bytearray()
                while chunk := response.read1(_CHUNK):
                    body += chunk
                    if len(body) > max_bytes:
                        raise self._too_large(endpoint[1], max_bytes)
                complete = True
        except (HTTPException, HTTPError, OSError, ValueError) as error:
            timed_out = expired.is_set() or isinstance(error, TimeoutError)
            raise TransientError(
                "it took too long" if timed_out else describe_error(error)
            ) from error
        finally:
            if (
                not complete
                or connection.is_closed
                or "close" in response.headers.get("connection", "").lower()
            ):
                self._connections.pop(endpoint).close()
        return Response(
            parts.geturl(),
            response.status,
            {name.lower(): value for name, value in response.headers.items()},
            bytes(body),
        )

    def _too_large(self, host: str, max_bytes: int) -> NetworkError:
        return NetworkError(
            f"{host} sends more than {max_bytes / 2**20:,.0f} MB in one response, "
            "which no such server does.",
            self._hint(),
        )

    def _checked_url(self, url: str) -> SplitResult:
        """Split a URL that may be requested. Raises NetworkError for any other."""
        try:
            parts = urlsplit(url)
            valid = (
                parts.scheme in ("http", "https")
                and bool(parts.hostname)
                and (parts.port is None or parts.port > 0)
            )
        except ValueError:
            valid = False
        if not valid:
            raise NetworkError(
                f"{url[:200]!r} is not a web address.", "Check how the account was typed."
            )
        if parts.scheme == "http" and not self._allow_local:
            raise NetworkError(
                f"The connection to {parts.hostname} would not be encrypted.",
                "Use https, or --allow-local for a server of your own.",
                page_hint="Use https.",
            )
        return parts


def _endpoint_of(parts: SplitResult) -> _Endpoint:
    default_port = 443 if parts.scheme == "https" else 80
    return (parts.scheme, parts.hostname or "", parts.port or default_port)


def host_of(url: str) -> str:
    """Return the host of a URL, with any explicit port; empty if it has none."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        return ""


def _redirect_target(url: str, location: str) -> str:
    """Resolve a redirect. Raises NetworkError if it is malformed or drops encryption."""
    try:
        target = urljoin(url, location)
    except ValueError as error:
        raise NetworkError(
            f"{host_of(url)} redirects to a malformed address.",
            "Try again later, or read the account from an export.",
        ) from error
    if url.startswith("https:") and not target.startswith("https:"):  # would expose a key
        raise NetworkError(
            f"{host_of(url)} redirects to an address without encryption.",
            "Don't continue unless you know why.",
        )
    return target


def _requested_pause(headers: Mapping[str, str], now: float) -> float:
    """Return the longest pause in seconds that any of the headers asks for; 0 if none does."""
    pauses = [0.0]
    for name in _RETRY_HEADERS:
        written = headers.get(name, "").strip()
        if re.fullmatch(r"[0-9]{1,12}(?:\.[0-9]+)?", written):
            number = float(written)
            is_timestamp = number > 10**9  # else a number of seconds
            pauses.append(number - now if is_timestamp else number)
            continue
        for parse in (datetime.fromisoformat, parsedate_to_datetime):
            try:
                moment = parse(written)
            except (ValueError, TypeError, OverflowError):
                continue
            if not moment.tzinfo:
                moment = moment.replace(tzinfo=UTC)
            pauses.append(moment.timestamp() - now)
            break
    longest = max(pauses)
    return longest + 1.0 if longest > 0 else longest  # a second more, as clocks differ


def _close_all(connections: dict[_Endpoint, HTTPConnection]) -> None:
    while connections:
        connections.popitem()[1].close()


@contextmanager
def _deadline(seconds: float, connection: HTTPConnection) -> Iterator[threading.Event]:
    """Shut a connection down after some seconds, however slowly data keeps arriving.

    Yields an event that is set when the deadline has passed.
    """
    expired = threading.Event()

    def shut_down() -> None:
        expired.set()
        if connection.sock:
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut_down)
    timer.daemon = True
    timer.start()
    try:
        yield expired
    finally:
        timer.cancel()
