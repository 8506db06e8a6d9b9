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
from popinjay.server.api_error import Refused
from popinjay.server.voices.generation_worker import News, Request, Voice
from popinjay.server.voices.subscriptions import Asked, Failed, Told, together
from popinjay.store.forgotten import FILE as FORGOTTEN
from popinjay.store.forgotten import MARKS
from popinjay.store.run import Run

MOST_WAITING = 1_000  # requests
MOST_VOICES = 32
SHARE = 4  # of this machine's memory, one part is the loaded models'
LEAST_BYTES = 32 * 2**20  # of a voice, whatever its model's files take: an index, a vocabulary
LOOK_SECONDS = 0.05  # between looks whether memory is free
PACE = 0.04  # seconds between pieces of a post: people read no faster, and to send a word costs as much as to draw it
CROWD_PACE = 0.002  # more of them for everybody who waits
DOOR_SECONDS = 120.0  # that a request waits for it at most
LAST_SECONDS = 5.0  # that voices have to end
_log = logging.getLogger("popinjay.server")


class Hearing(Request):
    """Somebody who waits for posts in the event loop."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._told: list[Told] = []
        self._news = asyncio.Event()

    def hear(self, told: list[Told]) -> None:
        """Take what the voice told."""
        self._told += told
        self._news.set()

    async def news(self) -> list[Told]:
        """What was told since, as soon as there is something; not to be asked for after the End. Raises PopinjayError for what went wrong."""
        await self._news.wait()
        self._news.clear()
        told, self._told = self._told, []
        for one in told:
            if isinstance(one, Failed):
                raise _as_refusal(one.error)
        return together(told)

    def leave(self) -> None:
        """Wait no more: its rows are free with the next step."""
        self.is_gone = True


class Voices:
    """Who speaks in a home folder."""

    def __init__(self, home: Path, most_bytes: int | None = None, most_voices: int = MOST_VOICES) -> None:
        """Loaded models take so many bytes together at most, but for one that is larger; a share of the memory where nothing is said."""
        self._home = home
        self._most_bytes, self._most_voices = most_bytes or _memory() // SHARE, most_voices
        self._lock = threading.Lock()
        self._voices: dict[str, tuple[Voice, object]] = {}  # and of which files it is, by name, the one that was asked last at the end
        self._ending: list[Voice] = []  # with those that they serve still
        self._door = asyncio.Lock()  # whoever needs memory waits in a line
        self._hearings: set[Hearing] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def ask(self, name: str, asked: Asked) -> Hearing:
        """Have a persona speak. Raises Refused where there is none of this name, or where too many ask at once."""
        self._loop = asyncio.get_running_loop()
        self._hearings = {one for one in self._hearings if not one.is_gone}
        if len(self._hearings) >= MOST_WAITING:
            raise Refused(503, "Too many ask at once.", "Try again in a moment.")
        hearing = Hearing(asked)
        self._hearings.add(hearing)
        for one in self._hearings:
            one.pace = PACE + CROWD_PACE * len(self._hearings)
        try:
            while not (await self._voice(name)).ask(hearing):
                pass  # it was let go at this moment
        except BaseException:
            hearing.leave()
            raise
        return hearing

    async def _voice(self, name: str) -> Voice:
        if voice := await run_in_threadpool(self._loaded, name):
            return voice
        async with self._door:
            until = time.monotonic() + DOOR_SECONDS
            while not (voice := await run_in_threadpool(self._load, name)):
                if time.monotonic() > until:
                    raise Refused(503, "Other personas speak, and there is no memory for one more.", "Try again in a moment.")
                await asyncio.sleep(LOOK_SECONDS)
            return voice

    def _loaded(self, name: str) -> Voice | None:
        """The persona's voice, if it is there and of the files that are there now. Raises Refused."""
        files = _files(catalog.find(self._home, name))
        with self._lock:
            voice, of = self._voices.pop(name, (None, None))
            if voice is None:
                return None
            if voice.is_retired or files != of:
                self._retire(voice)
                return None
            self._voices[name] = voice, of
            return voice

    def _load(self, name: str) -> Voice | None:
        """The persona's voice, its model to be loaded by its thread; None while others that were let go hold the memory still."""
        if voice := self._loaded(name):
            return voice
        run = catalog.find(self._home, name)
        files, size = _files(run), max(LEAST_BYTES, _size(run.file("model")))
        with self._lock:
            self._ending = [voice for voice in self._ending if not voice.has_ended]
            while self._voices and not self._has_room(size, [voice for voice, _ in self._voices.values()]):
                self._retire(self._voices.pop(next(iter(self._voices)))[0])
            if self._ending and not self._has_room(size, [*self._ending, *(voice for voice, _ in self._voices.values())]):
                return None
            voice = Voice(Persona(run), size, self._tell)
            self._voices[name] = voice, files
            return voice

    def _has_room(self, size: int, beside: list[Voice]) -> bool:
        return len(beside) < self._most_voices and size + sum(voice.size for voice in beside) <= self._most_bytes

    def _retire(self, voice: Voice) -> None:
        voice.retire()
        self._ending.append(voice)

    def _tell(self, news: News) -> None:
        """In a voice's thread: tell those who wait, all at once."""
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            self._loop.call_soon_threadsafe(_hear, news)

    @property
    def names(self) -> list[str]:
        """Whose models are loaded."""
        return list(self._voices)

    def close(self) -> None:
        """Let go of everything. Whoever waits still is gone."""
        for hearing in self._hearings:
            hearing.leave()
            hearing.hear([Failed(Refused(503, "The server is about to end.", "Start it again: popinjay serve"))])
        with self._lock:
            for voice, _ in self._voices.values():
                self._retire(voice)
            self._voices.clear()
        for voice in self._ending:
            voice.wait(LAST_SECONDS)


def _as_refusal(error: Exception) -> PopinjayError:
    """What went wrong, as it can be told."""
    if isinstance(error, PopinjayError):
        return error
    _log.error("a persona was asked", exc_info=error)
    return Refused(500, "Something went wrong inside popinjay.", "What it was stands where popinjay serve was started.")


def _hear(news: News) -> None:
    for request, told in news:
        assert isinstance(request, Hearing)
        request.hear(told)


def _files(run: Run) -> object:
    """What a voice is made of: another model, or more that is forgotten, makes it another."""
    model = run.file("model")
    inside = sorted(model.iterdir()) if model.is_dir() else []
    return [_stamp(path) for path in (*inside, *(run.file(name) for name in ("train.jsonl", FORGOTTEN, MARKS)))]


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
