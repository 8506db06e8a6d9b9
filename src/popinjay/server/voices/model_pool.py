"""The personas that speak: each is loaded when it is first asked, and let go when others need its memory.

What a voice's thread tells reaches whoever asked in the event loop, where nothing waits for a model.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from popinjay.errors import PopinjayError
from popinjay.models.model_files import files_of
from popinjay.persona import Persona
from popinjay.server import catalog
from popinjay.server.api_error import ApiError
from popinjay.server.voices.generation_worker import GenerationWorker, News, PendingRequest
from popinjay.server.voices.subscriptions import Failed, GenerationQuery, StreamEvent, merge_pieces
from popinjay.store.forgotten import FILE as FORGOTTEN
from popinjay.store.forgotten import MARKS
from popinjay.store.run import Run

MOST_WAITING = 1_000  # requests
MAX_WORKERS = 32
SHARE = 4  # of this machine's memory, one part is the loaded models'
LEAST_BYTES = 32 * 2**20  # of a voice, whatever its model's files take: an index, a vocabulary
LOOK_SECONDS = 0.05  # between looks whether memory is free
PACE = 0.04  # seconds between pieces of a post: people read no faster, and to send a word costs as much as to draw it
CROWD_PACE = 0.002  # more of them for everybody who waits
DOOR_SECONDS = 120.0  # that a request waits for it at most
LAST_SECONDS = 5.0  # that voices have to end
_log = logging.getLogger("popinjay.server")


class Subscription(PendingRequest):
    """Somebody who waits for posts in the event loop."""

    def __init__(self, asked: GenerationQuery) -> None:
        super().__init__(asked)
        self._told: list[StreamEvent] = []
        self._news = asyncio.Event()

    def deliver(self, told: list[StreamEvent]) -> None:
        """Take what the voice told."""
        self._told += told
        self._news.set()

    async def news(self) -> list[StreamEvent]:
        """What was told since, as soon as there is something; not to be asked for after the End. Raises PopinjayError for what went wrong."""
        await self._news.wait()
        self._news.clear()
        told, self._told = self._told, []
        for one in told:
            if isinstance(one, Failed):
                raise _as_refusal(one.error)
        return merge_pieces(told)

    def cancel(self) -> None:
        """Wait no more: its rows are free with the next step."""
        self.is_gone = True


class ModelPool:
    """Who speaks in a home folder."""

    def __init__(
        self, home: Path, most_bytes: int | None = None, most_voices: int = MAX_WORKERS
    ) -> None:
        """Loaded models take so many bytes together at most, but for one that is larger; a share of the memory where nothing is said."""
        self._home = home
        self._most_bytes, self._most_workers = most_bytes or _memory() // SHARE, most_voices
        self._lock = threading.Lock()
        self._workers: dict[
            str, tuple[GenerationWorker, object]
        ] = {}  # and of which files it is, by name, the one that was asked last at the end
        self._ending: list[GenerationWorker] = []  # with those that they serve still
        self._loading = asyncio.Lock()  # whoever needs memory waits in a line
        self._subscriptions: set[Subscription] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def ask(self, name: str, asked: GenerationQuery) -> Subscription:
        """Have a persona speak. Raises Refused where there is none of this name, or where too many ask at once."""
        self._loop = asyncio.get_running_loop()
        self._subscriptions = {one for one in self._subscriptions if not one.is_gone}
        if len(self._subscriptions) >= MOST_WAITING:
            raise ApiError(503, "Too many ask at once.", "Try again in a moment.")
        subscription = Subscription(asked)
        self._subscriptions.add(subscription)
        for one in self._subscriptions:
            one.pace = PACE + CROWD_PACE * len(self._subscriptions)
        try:
            while not (await self._worker(name)).ask(subscription):
                pass  # it was let go at this moment
        except BaseException:
            subscription.cancel()
            raise
        return subscription

    async def _worker(self, name: str) -> GenerationWorker:
        if worker := await run_in_threadpool(self._loaded, name):
            return worker
        async with self._loading:
            until = time.monotonic() + DOOR_SECONDS
            while not (worker := await run_in_threadpool(self._load, name)):
                if time.monotonic() > until:
                    raise ApiError(
                        503,
                        "Other personas speak, and there is no memory for one more.",
                        "Try again in a moment.",
                    )
                await asyncio.sleep(LOOK_SECONDS)
            return worker

    def _loaded(self, name: str) -> GenerationWorker | None:
        """The persona's voice, if it is there and of the files that are there now. Raises Refused."""
        files = _files(catalog.find(self._home, name))
        with self._lock:
            worker, of = self._workers.pop(name, (None, None))
            if worker is None:
                return None
            if worker.is_retired or files != of:
                self._retire(worker)
                return None
            self._workers[name] = worker, of
            return worker

    def _load(self, name: str) -> GenerationWorker | None:
        """The persona's voice, its model to be loaded by its thread; None while others that were let go hold the memory still."""
        if worker := self._loaded(name):
            return worker
        run = catalog.find(self._home, name)
        files, size = _files(run), max(LEAST_BYTES, _size(run.file("model")))
        with self._lock:
            self._ending = [worker for worker in self._ending if not worker.has_ended]
            while self._workers and not self._has_room(
                size, [worker for worker, _ in self._workers.values()]
            ):
                self._retire(self._workers.pop(next(iter(self._workers)))[0])
            if self._ending and not self._has_room(
                size, [*self._ending, *(worker for worker, _ in self._workers.values())]
            ):
                return None
            worker = GenerationWorker(Persona(run), size, self._tell)
            self._workers[name] = worker, files
            return worker

    def _has_room(self, size: int, beside: list[GenerationWorker]) -> bool:
        return (
            len(beside) < self._most_workers
            and size + sum(worker.size for worker in beside) <= self._most_bytes
        )

    def _retire(self, worker: GenerationWorker) -> None:
        worker.retire()
        self._ending.append(worker)

    def _tell(self, news: News) -> None:
        """In a voice's thread: tell those who wait, all at once."""
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            self._loop.call_soon_threadsafe(_hear, news)

    @property
    def names(self) -> list[str]:
        """Whose models are loaded."""
        return list(self._workers)

    def close(self) -> None:
        """Let go of everything. Whoever waits still is gone."""
        for subscription in self._subscriptions:
            subscription.cancel()
            subscription.deliver(
                [
                    Failed(
                        ApiError(
                            503, "The server is about to end.", "Start it again: popinjay serve"
                        )
                    )
                ]
            )
        with self._lock:
            for worker, _ in self._workers.values():
                self._retire(worker)
            self._workers.clear()
        for worker in self._ending:
            worker.wait(LAST_SECONDS)


def _as_refusal(error: Exception) -> PopinjayError:
    """What went wrong, as it can be told."""
    if isinstance(error, PopinjayError):
        return error
    _log.error("a persona was asked", exc_info=error)
    return ApiError(
        500,
        "Something went wrong inside popinjay.",
        "What it was stands where popinjay serve was started.",
    )


def _hear(news: News) -> None:
    for request, told in news:
        assert isinstance(request, Subscription)
        request.deliver(told)


def _files(run: Run) -> object:
    """What a voice is made of: another model, or more that is forgotten, makes it another."""
    model = run.file("model")
    inside = sorted(model.iterdir()) if model.is_dir() else []
    return [
        _stamp(path)
        for path in (*inside, *(run.file(name) for name in ("train.jsonl", FORGOTTEN, MARKS)))
    ]


def _size(model: Path) -> int:
    """Return the bytes of a model's files, those of its base model too if only its adapter is kept.

    Raises BaseModelError if that base model is not there.
    """
    files = files_of(model)
    return catalog.size(model) if files.adapter is None else files.size


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return path.name, found.st_ino, found.st_mtime_ns, found.st_size


def _memory() -> int:
    """This machine's, in bytes."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 8 * 2**30
