"""Fill a persona's queue while a client listens: in a thread, which ends with the client."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from popinjay.bots.writing import write
from popinjay.errors import PopinjayError
from popinjay.events import Event, EventKind
from popinjay.options import QueueOptions, SayOptions
from popinjay.persona import Persona
from popinjay.server.api_error import ApiError
from popinjay.server.errors import UNEXPECTED
from popinjay.store.run import Run

POLL_SECONDS = 0.5  # between two looks whether the server is shutting down

_log = logging.getLogger("popinjay.server")

# What a client is told: a kind of event with its data.
Told = tuple[str, dict[str, Any]]


class WritingStopped(Exception):
    """The client is gone, or the server is shutting down: what was written stays."""


class QueueWriters:
    """Who is filling which queue: one at a time for each persona."""

    def __init__(self) -> None:
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, name: str) -> None:
        """Raise ApiError if somebody fills that queue already."""
        with self._lock:
            if name in self._busy:
                raise ApiError(
                    409, f"Drafts of {name!r} are being written already.", "Wait for them."
                )
            self._busy.add(name)

    def end(self, name: str) -> None:
        """Let others fill that queue."""
        with self._lock:
            self._busy.discard(name)


class QueueWriting:
    """One filling of a queue, in a thread of its own."""

    def __init__(self, run: Run, is_closing: Callable[[], bool]) -> None:
        self._run = run
        self._is_closing = is_closing
        self._is_left = threading.Event()
        self._told: asyncio.Queue[Told | Exception] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._thread: asyncio.Future[None] | None = None

    def start(
        self, count: int, prompt: str, say: SayOptions, to: QueueOptions, done: Callable[[], None]
    ) -> None:
        """Begin; the arguments are those of `writing.write`, and `done` is called at the end."""

        def work() -> None:
            try:
                self._write(count, prompt, say, to)
            finally:
                done()

        self._thread = self._loop.run_in_executor(None, work)

    async def next_told(self) -> Told:
        """Wait for an event: `progress` {done, total}, and last `end` {written, repeated, ...}.

        Raises PopinjayError, also when the server is shut down.
        """
        while not self._is_closing():
            with suppress(TimeoutError):
                told = await asyncio.wait_for(self._told.get(), POLL_SECONDS)
                if isinstance(told, Exception):
                    raise told
                return told
        raise ApiError(503, "Popinjay is shutting down.", "Start it again.")

    def leave(self) -> None:
        """End the writing after the draft under way; what was written stays."""
        self._is_left.set()

    def _write(self, count: int, prompt: str, say: SayOptions, to: QueueOptions) -> None:
        def hear(event: Event) -> None:
            if self._is_left.is_set() or self._is_closing():
                raise WritingStopped
            if event.what in (EventKind.START, EventKind.PROGRESS):
                self._tell(("progress", {"done": int(event.done or 0), "total": count}))

        try:
            written = write(Persona(self._run), count, prompt, say, to, hear)
        except WritingStopped:
            pass
        except PopinjayError as error:
            self._tell(error)
        except Exception as error:
            _log.error("a queue could not be filled", exc_info=error)
            self._tell(ApiError(500, *UNEXPECTED))
        else:
            self._tell(("end", written.to_json()))

    def _tell(self, what: Told | Exception) -> None:
        with suppress(RuntimeError):  # the loop is closed, and no client waits
            self._loop.call_soon_threadsafe(self._told.put_nowait, what)
