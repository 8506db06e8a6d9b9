"""Documents from servers: asked for politely, and never for more than is reasonable.

One connection a host, and every request says who asks. A server that wants to be left in peace for a while (`Retry-After`, a limit's
reset) is, with a countdown; one that fails is asked again a few times. Answers are bounded in size and in time, redirects in number and
in where they lead, and no address on this machine or in this house's network is asked unless that is allowed (`connecting`).
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote, urlencode, urljoin, urlsplit

from popinjay import __version__
from popinjay.errors import NetworkError
from popinjay.events import Event, EventKind
from popinjay.sources import FETCH, Access
from popinjay.sources.network.connection import KEPT, Passing, connect, said_by
from popinjay.text.quantities import duration

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection

USER_AGENT = f"popinjay/{__version__} (reads one account's public posts, on its user's own machine)"
MOST_ANSWER = (
    16 * 2**20
)  # bytes, unpacked: a page of a hundred posts comes to some hundred thousand
ANSWER_SECONDS = 180.0  # that a whole one may take
TRIES = 6
FIRST_WAIT = (
    1.0  # seconds before asking again where a server does not say how long; twice as long each time
)
LONGEST_WAIT = 20 * 60  # seconds that are waited at once: limits are counted in quarters of an hour
MOST_MOVES = 3  # redirects

_MOVED = (301, 302, 303, 307, 308)
_BUSY = (429, 503)  # asks for patience
_FAILED = (408, 425, 500, 502, 504, 520, 521, 522, 523, 524)
_RESETS = ("retry-after", "ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset")
_PIECE = 2**16


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: `headers` by names in lower case, `body` unpacked. A status from 400 on is the asker's to judge."""

    address: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def etag(self) -> str:
        """The server's name for this version of the document, empty where it gives none."""
        return self.headers.get("etag", "")

    def value(self) -> Any:
        """What the JSON of the body says. Raises ValueError where it is none."""
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("nested too deep") from error


class Web:
    """Asks servers, one connection a host. Every method raises NetworkError."""

    def __init__(self, access: Access) -> None:
        self._allow_local = access.options.allow_local
        self._listener = access.listener
        self._open: dict[tuple[str, str, int], HTTPConnection] = {}

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Hang up everywhere."""
        while self._open:
            self._open.popitem()[1].close()

    def get(
        self,
        address: str,
        query: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        etag: str = "",
        most: int = MOST_ANSWER,
        may_move: bool = False,
        patient: bool = True,
        judge: Callable[[Answer], None] | None = None,
    ) -> Answer:
        """The document at an address; with an `etag`, status 304 where it has not changed since.

        A redirect is followed where it stays on the host, or with `may_move` anywhere public. `judge` sees each answer before patience
        is shown, and may raise. Who is not `patient` asks once.
        """
        address = f"{address}?{urlencode(query)}" if query else address
        sent = {**(headers or {}), **({"If-None-Match": etag} if etag else {})}
        trouble = ""
        tries = TRIES if patient else 1
        for tried in range(tries):
            try:
                answer = self._followed(address, sent, most, may_move)
            except Passing as error:
                trouble, pause = str(error), 0.0
            else:
                if judge:
                    judge(answer)
                if answer.status not in (*_BUSY, *_FAILED):
                    return answer
                trouble = (
                    "it asks for patience"
                    if answer.status in _BUSY
                    else f"it failed (status {answer.status})"
                )
                pause = _asked_pause(answer.headers, time.time()) if answer.status in _BUSY else 0.0
            if tried < tries - 1:
                self._wait(host_of(address), max(pause, FIRST_WAIT * 2**tried), trouble)
        raise NetworkError(
            f"{host_of(address)} can't be read now: {trouble}.", f"Try again later. {KEPT}"
        )

    def json(
        self, address: str, query: Mapping[str, str] | None = None, **how: Any
    ) -> tuple[Answer, Any]:
        """As `get`, with what the JSON says; None where the status is no success. Broken JSON is asked for once more."""
        for last in (False, True):
            answer = self.get(address, query, **how)
            if not 200 <= answer.status < 300:
                return answer, None
            try:
                return answer, answer.value()
            except ValueError as error:
                if last:
                    raise NetworkError(
                        f"{host_of(address)} answered something that is no JSON.",
                        f"It may be broken, or no such server. {KEPT}",
                    ) from error
        raise AssertionError

    # waiting

    def _wait(self, host: str, seconds: float, trouble: str) -> None:
        """Wait, with a countdown."""
        if seconds > LONGEST_WAIT:
            raise NetworkError(f"{host} asks to come back in {duration(seconds)}.", KEPT)
        if seconds >= 5:
            self._listener(
                Event(FETCH, EventKind.NOTE, f"{host}: {trouble}; going on in {duration(seconds)}.")
            )
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            told = Event(
                FETCH,
                EventKind.PROGRESS,
                f"waiting for {host}",
                done=seconds - left,
                total=seconds,
                unit="s",
                numbers={"seconds_left": left},
            )
            self._listener(told)
            time.sleep(min(1.0, left))

    # one request

    def _followed(
        self, address: str, headers: Mapping[str, str], most: int, may_move: bool
    ) -> Answer:
        for _ in range(MOST_MOVES + 1):
            answer = self._asked(address, headers, most)
            there = answer.headers.get("location", "")
            if answer.status not in _MOVED or not there:
                return answer
            try:
                there = urljoin(address, there)
            except ValueError as error:
                raise NetworkError(
                    f"{host_of(address)} sends us on to what is no address.",
                    "Try again later, or read the account from an export.",
                ) from error
            if address.startswith("https:") and not there.startswith(
                "https:"
            ):  # else a key that is sent along would be for all to read
                raise NetworkError(
                    f"{host_of(address)} sends us on to an address without encryption.",
                    "Don't go on, unless you know why that is.",
                )
            if host_of(there) != host_of(address):
                if not may_move:
                    raise NetworkError(
                        f"{host_of(address)} sends us on to {host_of(there)!r}.",
                        "Give the account under the server where it lives now.",
                    )
                headers = {
                    name: value
                    for name, value in headers.items()
                    if name.lower() != "authorization"
                }
            address = there
        raise NetworkError(
            f"{host_of(address)} sends us around in circles.",
            "Try again later, or read the account from an export.",
        )

    def _asked(self, address: str, headers: Mapping[str, str], most: int) -> Answer:
        """One request and its answer. A connection that was kept and that the server has closed since is made anew."""
        place = self._checked(address)
        key = (
            place.scheme,
            place.hostname or "",
            place.port or (443 if place.scheme == "https" else 80),
        )
        if key in self._open:
            try:
                return self._exchange(key, place, headers, most)
            except Passing:
                pass
        self._open[key] = connect(*key, allow_local=self._allow_local)
        return self._exchange(key, place, headers, most)

    def _exchange(
        self, key: tuple[str, str, int], place: SplitResult, headers: Mapping[str, str], most: int
    ) -> Answer:
        from http.client import HTTPException

        from urllib3.exceptions import HTTPError

        connection, whole = self._open[key], False
        said = {
            "Host": place.netloc.rpartition("@")[2],
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "gzip",
            **headers,
        }
        path = quote(place.path or "/", safe="/%:@!$&'()*+,;=~") + (
            f"?{place.query}" if place.query else ""
        )
        try:
            with _at_most(ANSWER_SECONDS, connection) as late:
                connection.request("GET", path, headers=said, preload_content=False)
                response = connection.getresponse()
                body = bytearray()
                while piece := response.read1(_PIECE):
                    body += piece
                    if len(body) > most:
                        raise NetworkError(
                            f"{key[1]} sends more than {most / 2**20:,.0f} MB for one answer, which no such server does.",
                            KEPT,
                        )
                whole = True
        except (HTTPException, HTTPError, OSError, ValueError) as error:
            raise Passing(
                "it took too long"
                if late.is_set() or isinstance(error, TimeoutError)
                else said_by(error)
            ) from error
        finally:
            if (
                not whole
                or connection.is_closed
                or "close" in response.headers.get("connection", "").lower()
            ):
                self._open.pop(key).close()
        return Answer(
            place.geturl(),
            response.status,
            {name.lower(): value for name, value in response.headers.items()},
            bytes(body),
        )

    def _checked(self, address: str) -> SplitResult:
        """An address in its parts, where it is one that may be asked."""
        try:
            place = urlsplit(address)
            sound = (
                place.scheme in ("http", "https")
                and bool(place.hostname)
                and (place.port is None or place.port > 0)
            )
        except ValueError:
            sound = False
        if not sound:
            raise NetworkError(
                f"{address[:200]!r} is no address on the web.", "Check how the account was typed."
            )
        if place.scheme == "http" and not self._allow_local:
            raise NetworkError(
                f"{place.hostname} would be asked without encryption.",
                "Use https; for a server of your own: --allow-local.",
            )
        return place


def host_of(address: str) -> str:
    """The host of an address, with its port where it has an unusual one; empty where it has none."""
    try:
        place = urlsplit(address)
        return f"{place.hostname or ''}{f':{place.port}' if place.port else ''}"
    except ValueError:
        return ""


def _asked_pause(headers: Mapping[str, str], now: float) -> float:
    """The seconds that a server asks to be left in peace for: the longest of what it says in any of the usual ways, 0 where it says nothing."""
    pauses = [0.0]
    for name in _RESETS:
        written = headers.get(name, "").strip()
        if re.fullmatch(r"[0-9]{1,12}(?:\.[0-9]+)?", written):
            number = float(written)
            pauses.append(number - now if number > 10**9 else number)  # a moment, or a time
            continue
        for read in (datetime.fromisoformat, parsedate_to_datetime):
            try:
                moment = read(written)
            except (ValueError, TypeError, OverflowError):
                continue
            pauses.append(
                (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
            )
            break
    return max(pauses) + (1.0 if max(pauses) > 0 else 0.0)  # clocks differ


@contextmanager
def _at_most(seconds: float, connection: HTTPConnection) -> Iterator[threading.Event]:
    """Hang up after so many seconds, however busily the other side drips; whether that was so."""
    late = threading.Event()

    def hang_up() -> None:
        late.set()
        if connection.sock:
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
