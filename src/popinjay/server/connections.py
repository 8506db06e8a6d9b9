"""How long a connection may keep the server waiting: who sends half a request is cut off, and takes nobody else's place.

uvicorn limits only how long an answered connection may be idle. Everything here happens before a token is asked for.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 10.0  # from its first byte to the end of a request's headers
SILENCE_SECONDS = 30.0  # that a body under way may pause
LOOK_SECONDS = 0.5  # between two looks at a connection
MOST_WAITING = 100  # connections that have not sent a whole request: the one that has waited longest goes first
MOST_OPEN = 500  # connections: most systems give a process 1,024 open files
LATE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class ImpatientProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's side of a connection, with a limit to its patience."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._heard = self.loop.time()
        self._head_since: float | None = self._heard
        self._look_again = self.loop.call_later(LOOK_SECONDS, self._look)
        waiting = [one for one in self.connections if one is not self and one.is_waiting]
        if len(waiting) >= MOST_WAITING:
            min(waiting, key=lambda one: one._head_since).cut()
        if len(self.connections) > MOST_OPEN:
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop looking."""
        self._look_again.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what was sent, and see whether it makes a whole request."""
        before = self.cycle
        self._heard = self.loop.time()
        if self._head_since is None and self._is_idle:
            self._head_since = self._heard
        super().data_received(data)
        if self.cycle is not before:
            self._head_since = None

    @property
    def is_waiting(self) -> bool:
        """Whether it has not sent a whole request, and is not being cut off already."""
        return getattr(self, "_head_since", None) is not None and not self.transport.is_closing()

    @property
    def _is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def _is_late(self) -> bool:
        """Whether the client has been waited for long enough. One that is itself not read from is not waited for."""
        now = self.loop.time()
        if self._head_since is not None:
            return bool(now - self._head_since > HEAD_SECONDS)
        awaits_body = not self._is_idle and self.cycle.more_body and not self.flow.read_paused
        return bool(awaits_body and now - self._heard > SILENCE_SECONDS)

    def _look(self) -> None:
        if self._is_late:
            self.cut()
        else:
            self._look_again = self.loop.call_later(LOOK_SECONDS, self._look)

    def cut(self) -> None:
        """End the connection, with a word about why where no answer has begun."""
        transport: Any = self.transport
        if self._is_idle and not transport.is_closing():
            transport.write(LATE)
            transport.close()
        else:
            transport.abort()
