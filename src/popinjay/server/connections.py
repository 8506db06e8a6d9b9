"""Limit how long a connection may keep the server waiting.

A client that sends half a request is disconnected instead of taking the place of others. uvicorn
limits only how long a connection may be idle after a response. All of this happens before
authentication.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 10.0  # from the first byte of a request to the end of its headers
SILENCE_SECONDS = 30.0  # a body may pause that long
POLL_SECONDS = 0.5  # between two checks of a connection
MAX_WAITING = 100  # connections without a complete request; above that, the oldest is closed
MAX_OPEN = 500  # connections; most systems allow a process 1,024 open files
REQUEST_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class TimeoutProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's HTTP protocol with time limits for receiving a request."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Start to wait for a request; close a connection if there are too many."""
        super().connection_made(transport)
        self._last_received = self.loop.time()
        self._head_since: float | None = self._last_received
        self._next_check = self.loop.call_later(POLL_SECONDS, self._check)
        waiting = [other for other in self.connections if other is not self and other.is_waiting]
        if len(waiting) >= MAX_WAITING:
            min(waiting, key=lambda other: other._head_since).disconnect()
        if len(self.connections) > MAX_OPEN:
            self.disconnect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop checking."""
        self._next_check.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Process what was received, and note whether it completes a request's headers."""
        cycle_before = self.cycle
        self._last_received = self.loop.time()
        if self._head_since is None and self._is_idle:
            self._head_since = self._last_received
        super().data_received(data)
        if self.cycle is not cycle_before:
            self._head_since = None

    @property
    def is_waiting(self) -> bool:
        """Whether no complete request was received and the connection is not being closed."""
        return getattr(self, "_head_since", None) is not None and not self.transport.is_closing()

    @property
    def _is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def _is_late(self) -> bool:
        """Whether the client exceeded a limit. A client that we pause reading from does not."""
        now = self.loop.time()
        if self._head_since is not None:
            return bool(now - self._head_since > HEAD_SECONDS)
        awaits_body = not self._is_idle and self.cycle.more_body and not self.flow.read_paused
        return bool(awaits_body and now - self._last_received > SILENCE_SECONDS)

    def _check(self) -> None:
        if self._is_late:
            self.disconnect()
        else:
            self._next_check = self.loop.call_later(POLL_SECONDS, self._check)

    def disconnect(self) -> None:
        """Close the connection, with status 408 if no response has begun."""
        transport: Any = self.transport
        if self._is_idle and not transport.is_closing():
            transport.write(REQUEST_TIMEOUT)
            transport.close()
        else:
            transport.abort()
