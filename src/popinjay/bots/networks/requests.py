"""Requests to the servers of all networks: waiting when asked to, and the server's own clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from popinjay import __version__
from popinjay.network.http_client import HttpClient, Response, host_of
from popinjay.project_links import HOMEPAGE

_LIMITED = 429
_MAX_WAITS = 3  # for one request
_ABOUT = f"; {HOMEPAGE}" if HOMEPAGE else ""
USER_AGENT = f"popinjay/{__version__} (a bot, which posts what its owner approved{_ABOUT})"


def patiently(client: HttpClient, send: Callable[[], Response]) -> Response:
    """Send a request, and again as long as the server refuses it because it had too many.

    Raises NetworkError if that is for too long.
    """
    response = send()
    for _ in range(_MAX_WAITS):
        if response.status != _LIMITED:
            break
        client.wait_as_asked(response, "it limits requests")
        response = send()
    return response


class ServerClock:
    """The time by a server's own clock, as the header `Date` of its answers tells it.

    Between answers it goes on with this machine's steady clock, so that it doesn't matter when
    this machine's date is wrong, or is set. Without the header it is this machine's time.
    """

    def __init__(self) -> None:
        self._at: tuple[float, float] | None = None  # its time, and the steady clock's then

    def note(self, response: Response) -> None:
        """Take the time from an answer."""
        try:
            moment = parsedate_to_datetime(response.headers.get("date", ""))
        except (ValueError, TypeError, OverflowError):
            return
        if not moment.tzinfo:
            moment = moment.replace(tzinfo=UTC)
        self._at = (moment.timestamp(), time.monotonic())

    @property
    def is_known(self) -> bool:
        """Whether an answer has told the time."""
        return self._at is not None

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        if self._at is None:
            return time.time()
        return self._at[0] + time.monotonic() - self._at[1]


def seconds_of(written: str) -> float | None:
    """Return a time in ISO 8601 in seconds since 1970; None if it is none."""
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def in_brackets(said: str) -> str:
    """Return what a server says, for the end of a sentence; empty if it says nothing."""
    said = said.strip().rstrip(".")
    return f" ({said})" if said else ""


def server_of(address: str) -> str:
    """Return the host of a server, for sentences."""
    return host_of(address) or address
