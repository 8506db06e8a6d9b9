"""The loaded voices: each is loaded on its first query, and unloaded if others need its memory.

A voice is a persona or a mix of some, at one strength. Voices share the models that they have in
common.

The worker threads deliver events to subscriptions in the event loop, which never waits for a model.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from popinjay.errors import PopinjayError
from popinjay.sampling.events import Finished
from popinjay.server.api_error import ApiError
from popinjay.server.errors import UNEXPECTED
from popinjay.server.voices.generation_worker import Deliveries, GenerationWorker, PendingRequest
from popinjay.server.voices.shared_models import SharedModels, models_of, total_bytes
from popinjay.server.voices.subscriptions import (
    Failed,
    GenerationQuery,
    StreamEvent,
    Truncated,
    merge_pieces,
)

MAX_WAITING = 1_000  # requests
MAX_WORKERS = 32
MEMORY_SHARE = 4  # loaded models may take one part in four of this machine's memory
POLL_SECONDS = 0.05  # between two checks whether memory is free
# Seconds between two pieces of a post: people read no faster, and to send a word costs as much as
# to sample it. The second constant is added for every client.
PACE = 0.04
PACE_PER_CLIENT = 0.002
MAX_LOAD_WAIT_SECONDS = 120.0  # for which a request waits for memory
SHUTDOWN_SECONDS = 5.0  # granted to workers to end
_log = logging.getLogger("popinjay.server")


class Subscription(PendingRequest):
    """A client in the event loop that waits for the events of its query."""

    def __init__(self, query: GenerationQuery) -> None:
        super().__init__(query)
        self._events: list[StreamEvent] = []
        self._has_events = asyncio.Event()

    def deliver(self, events: list[StreamEvent]) -> None:
        """Take events from the worker. Must be called in the event loop."""
        self._events += events
        self._has_events.set()

    async def next_events(self) -> list[StreamEvent]:
        """Wait for events, and return all that were delivered since the last call.

        Must not be called after End. Raises PopinjayError if the query failed.
        """
        await self._has_events.wait()
        self._has_events.clear()
        events = self._events
        self._events = []
        for event in events:
            if isinstance(event, Failed):
                raise _as_popinjay_error(event.error)
        return merge_pieces(events)

    def cancel(self) -> None:
        """Close the request: the worker drops it before its next step."""
        self.is_closed = True


@dataclass
class Written:
    """How much all personas wrote since the server was started."""

    posts: int = 0
    tokens: int = 0

    def add(self, events: Sequence[StreamEvent]) -> None:
        """Count the posts among the events of a request."""
        for event in events:
            if isinstance(event, Finished):
                self.posts += 1
                self.tokens += event.post.tokens
            elif isinstance(event, Truncated):
                self.posts += 1
                self.tokens += event.tokens


class ModelPool:
    """The loaded personas of a home folder."""

    def __init__(
        self, home: Path, max_bytes: int | None = None, max_workers: int = MAX_WORKERS
    ) -> None:
        """Create an empty pool.

        Args:
            home: The folder of the personas.
            max_bytes: What all loaded models may take together, unless a single one is larger;
                None is a share of this machine's memory.
            max_workers: How many voices may be loaded.
        """
        self._max_bytes = max_bytes or _memory_bytes() // MEMORY_SHARE
        self._max_workers = max_workers
        self._lock = threading.Lock()
        # By voice, each with the version of the files that it loaded; the last used last.
        self._workers: dict[str, tuple[GenerationWorker, object]] = {}
        self._models = SharedModels(home)
        self._retired: list[GenerationWorker] = []  # which may still have requests to finish
        self._loading = asyncio.Lock()  # requests that need memory wait in line
        self._subscriptions: set[Subscription] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.written = Written()

    async def submit(self, name: str, query: GenerationQuery) -> Subscription:
        """Send a query to a persona or a mix of some, such as `ada+bob`.

        Raises ApiError if there is no persona of this name, or if too many requests are open;
        OptionError for personas that can't be mixed.
        """
        self._loop = asyncio.get_running_loop()
        self._subscriptions = {other for other in self._subscriptions if not other.is_closed}
        if len(self._subscriptions) >= MAX_WAITING:
            raise ApiError(503, "Too many requests are open.", "Try again in a moment.")
        subscription = Subscription(query)
        self._subscriptions.add(subscription)
        for other in self._subscriptions:
            other.pace = PACE + PACE_PER_CLIENT * len(self._subscriptions)
        try:
            while not (await self._worker(name, query.options.strength)).submit(subscription):
                pass  # the worker was retired at this moment
        except BaseException:
            subscription.cancel()
            raise
        return subscription

    async def _worker(self, name: str, strength: float) -> GenerationWorker:
        if worker := await run_in_threadpool(self._loaded, name, strength):
            return worker
        async with self._loading:
            deadline = time.monotonic() + MAX_LOAD_WAIT_SECONDS
            while not (worker := await run_in_threadpool(self._load, name, strength)):
                if time.monotonic() > deadline:
                    raise ApiError(
                        503,
                        "Other personas are in use, and there is no memory for one more.",
                        "Try again in a moment.",
                    )
                await asyncio.sleep(POLL_SECONDS)
            return worker

    def _loaded(self, name: str, strength: float) -> GenerationWorker | None:
        """Return the voice's worker if it is loaded from the current files. Raises ApiError."""
        asked = self._models.find(name, strength)
        with self._lock:
            worker, version = self._workers.pop(asked.key, (None, None))
            if worker is None:
                return None
            if worker.is_retired or version != asked.version:
                self._retire(worker)
                return None
            self._workers[asked.key] = worker, version
            return worker

    def _load(self, name: str, strength: float) -> GenerationWorker | None:
        """Return the voice's worker, a new one if necessary, whose thread loads the models.

        Returns None while retired workers still hold the memory.
        """
        if worker := self._loaded(name, strength):
            return worker
        asked = self._models.find(name, strength)
        voice = self._models.open(asked)
        models = models_of(voice, strength)
        with self._lock:
            self._retired = [worker for worker in self._retired if not worker.has_ended]
            while self._workers and not self._has_room(models, self._active()):
                self._retire(self._workers.pop(next(iter(self._workers)))[0])
            if self._retired and not self._has_room(models, [*self._retired, *self._active()]):
                return None
            worker = GenerationWorker(voice, strength, models, self._deliver)
            self._workers[asked.key] = worker, asked.version
            return worker

    def _active(self) -> list[GenerationWorker]:
        return [worker for worker, _ in self._workers.values()]

    def _has_room(self, models: Mapping[Hashable, int], others: list[GenerationWorker]) -> bool:
        return (
            len(others) < self._max_workers
            and total_bytes([models, *(worker.models for worker in others)]) <= self._max_bytes
        )

    def _retire(self, worker: GenerationWorker) -> None:
        worker.retire()
        self._retired.append(worker)

    def release(self, name: str) -> None:
        """Let go of a persona whose files are about to be moved or removed.

        The open requests of its voices are answered first, for a few seconds at most.
        """
        with self._lock:
            using = [key for key, (one, _) in self._workers.items() if name in one.personas]
            workers = [self._workers.pop(key)[0] for key in using]
            for worker in workers:
                self._retire(worker)
        for worker in workers:
            worker.wait(SHUTDOWN_SECONDS)

    def _deliver(self, deliveries: Deliveries) -> None:
        """Pass events from a worker's thread to the event loop, in one call."""
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop is closed, and no client waits
            self._loop.call_soon_threadsafe(self._deliver_in_loop, deliveries)

    def _deliver_in_loop(self, deliveries: Deliveries) -> None:
        for request, events in deliveries:
            assert isinstance(request, Subscription)
            self.written.add(events)
            request.deliver(events)

    @property
    def names(self) -> list[str]:
        """The names of the loaded voices."""
        return list(self._workers)

    @property
    def loaded_bytes(self) -> int:
        """The memory of the loaded models, in bytes."""
        with self._lock:
            return total_bytes(worker.models for worker in self._active())

    @property
    def open_requests(self) -> int:
        """The requests that are not answered yet."""
        return sum(not one.is_closed for one in list(self._subscriptions))

    def close(self) -> None:
        """Fail all open requests, and retire all workers."""
        closing = ApiError(503, "Popinjay is shutting down.", "Start it again.")
        for subscription in self._subscriptions:
            subscription.cancel()
            subscription.deliver([Failed(closing)])
        with self._lock:
            for worker in self._active():
                self._retire(worker)
            self._workers.clear()
        for worker in self._retired:
            worker.wait(SHUTDOWN_SECONDS)


def _as_popinjay_error(error: Exception) -> PopinjayError:
    """Return an error that may be shown to the client; others are logged."""
    if isinstance(error, PopinjayError):
        return error
    _log.error("a persona's worker failed", exc_info=error)
    return ApiError(500, *UNEXPECTED)


def _memory_bytes() -> int:
    """Return the size of this machine's memory; a guess if the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 8 * 2**30
