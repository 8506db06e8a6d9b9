"""One persona that speaks to many at once: a thread of its own steps its decoder while anybody waits for posts.

Whoever asks joins those that are served already, between two steps, and so drafts of all of them stand in one crowd of rows. What a
request is given is what it would be given alone: the same seed says the same, whoever else is there.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from popinjay.persona import Persona
from popinjay.sampling.filters import OutputFilters
from popinjay.sampling.generate import MAX_BATCH_ROWS
from popinjay.sampling.prompt import PrefilledPrompt, prefill
from popinjay.sampling.request import GenerationRequest
from popinjay.sampling.scheduler import BatchScheduler
from popinjay.server.voices.subscriptions import (
    End,
    EventStream,
    Failed,
    GenerationQuery,
    StreamEvent,
)

if TYPE_CHECKING:
    from popinjay.inference.decoder import Decoder

JOINING = 4  # requests that are let in between two steps: reading a prompt takes as long as a step, and the others wait meanwhile
KEPT_TOKENS = 1024  # of prompts that are kept as they were read: people ask the same again, and many ask the same


class PendingRequest:
    """Somebody who waits for posts."""

    def __init__(self, asked: GenerationQuery) -> None:
        self.asked = asked
        self.pace = 0.0  # seconds between pieces of a post, at least
        self.is_gone = False  # set by whoever asked, who waits no more
        self.generation: GenerationRequest | None = None
        self.stream: EventStream | None = None


News = list[tuple[PendingRequest, list[StreamEvent]]]


class GenerationWorker:
    """A persona with its thread. It begins with loading the model, and ends when it is retired and nobody waits any more."""

    def __init__(self, persona: Persona, size: int, tell: Callable[[News], None]) -> None:
        """`size` is what the loaded model takes, in bytes; `tell` is called in the thread with what is new. The last for each is End or Failed."""
        self.name, self.size = persona.name, size
        self._tell = tell
        self._changed = threading.Condition()
        self._new: list[PendingRequest] = []
        self._served: list[PendingRequest] = []
        self._retired = False
        self._thread = threading.Thread(
            target=self._work, args=(persona,), name=f"voice of {persona.name}", daemon=True
        )
        self._thread.start()

    # for whoever asks, in any thread

    def ask(self, request: PendingRequest) -> bool:
        """Serve this one too; False where it takes nobody any more."""
        with self._changed:
            if not self._retired:
                self._new.append(request)
                self._changed.notify()
            return not self._retired

    def retire(self) -> None:
        """Take nobody any more, and end with the last that waits."""
        with self._changed:
            self._retired = True
            self._changed.notify()

    @property
    def is_retired(self) -> bool:
        """Whether it takes nobody any more."""
        return self._retired

    @property
    def has_ended(self) -> bool:
        """Whether its memory is free."""
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait until it has ended."""
        self._thread.join(seconds)

    # the thread

    def _work(self, persona: Persona) -> None:
        try:
            decoder, rules = persona.decoder(), persona.filters
            _ = rules.index  # before anybody's first word waits for it
            read, scheduler = PromptCache(), BatchScheduler(decoder, MAX_BATCH_ROWS)
            while self._wait():
                self._let_go(scheduler)
                self._let_in(scheduler, lambda asked: _request(asked, decoder, rules, read.begin))
                scheduler.step(coming=len(self._new))
                self._tell_all(scheduler)
        except (
            Exception
        ) as error:  # the model can't be loaded, or fails: whoever asks next may have more luck
            with self._changed:
                self._retired = True
                waiting, self._new, self._served = [*self._served, *self._new], [], []
            self._tell([(request, [Failed(error)]) for request in waiting])

    def _wait(self) -> bool:
        """Wait for somebody; False where it is to end."""
        with self._changed:
            while not (self._served or self._new or self._retired):
                self._changed.wait()
            return bool(self._served or self._new)

    def _let_go(self, scheduler: BatchScheduler) -> None:
        """Nothing more for those who are gone; their rows are free."""
        for request in self._served:
            if request.is_gone and request.generation is not None:
                scheduler.remove(request.generation)
                request.generation = request.stream = None
        self._served = [request for request in self._served if not request.is_gone]

    def _let_in(
        self, scheduler: BatchScheduler, writing: Callable[[GenerationQuery], GenerationRequest]
    ) -> None:
        """Begin with some of those who came."""
        with self._changed:
            new, self._new = self._new[:JOINING], self._new[JOINING:]
        for request in new:
            if request.is_gone:
                continue
            try:
                request.generation = writing(request.asked)
            except Exception as error:  # its own, such as a prompt that is too long
                self._tell([(request, [Failed(error)])])
                continue
            request.stream = EventStream(request.asked, request.generation)
            self._tell([(request, [request.stream.begin()])])
            scheduler.add(request.generation)
            self._served = [*self._served, request]

    def _tell_all(self, scheduler: BatchScheduler) -> None:
        """Tell everybody what is new, and part with those who have all."""
        news: News = []
        now = time.monotonic()
        for request in self._served:
            assert request.stream is not None
            if told := request.stream.news(now, request.pace):
                news.append((request, told))
        for request, told in news:
            request.is_gone = request.is_gone or isinstance(told[-1], End | Failed)
        self._let_go(scheduler)
        if news:
            self._tell(news)


class PromptCache:
    """Prompts as the decoder has read them, those that were asked for last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], PrefilledPrompt] = OrderedDict()
        self._tokens = 0

    def begin(self, decoder: Decoder, prompt: str, least: int) -> PrefilledPrompt:
        """As `prompt.begin`; the decoder is always the same."""
        found = self._kept.pop((prompt, least), None)
        if found is None:
            found = prefill(decoder, prompt, least)
            self._tokens += found.length
        self._kept[prompt, least] = found
        while self._tokens > KEPT_TOKENS:
            self._tokens -= self._kept.popitem(last=False)[1].length
        return found


def _request(
    asked: GenerationQuery,
    decoder: Decoder,
    rules: OutputFilters,
    read: Callable[[Decoder, str, int], PrefilledPrompt],
) -> GenerationRequest:
    """What was asked, with its prompt read."""
    return GenerationRequest(
        decoder,
        asked.options,
        asked.prompt,
        rules,
        None,
        range(asked.options.n),
        stops=asked.stops,
        broken_off=asked.broken_off,
        prefill=read,
    )
