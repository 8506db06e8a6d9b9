"""A loaded voice that serves many clients: one thread steps its decoder while requests are open.

New requests join the running ones between two steps, so the drafts of all of them share a batch
(continuous batching). A request gets the posts that it would get alone: the same seed gives the
same posts, whatever else runs.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING

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
from popinjay.voice import Voice

if TYPE_CHECKING:
    from popinjay.inference.decoder import Decoder

# Requests that join between two steps: reading a prompt takes as long as a step, and the running
# requests wait for it.
MAX_JOINS_PER_STEP = 4
MAX_CACHED_TOKENS = 1024  # of prefilled prompts: clients often send the same prompt again


class PendingRequest:
    """A client's query and its progress."""

    def __init__(self, query: GenerationQuery) -> None:
        self.query = query
        self.pace = 0.0  # seconds between two pieces of a post, at least
        self.is_closed = False  # set when the client cancels, or after the last event
        self.generation: GenerationRequest | None = None
        self.stream: EventStream | None = None


Deliveries = list[tuple[PendingRequest, list[StreamEvent]]]


class GenerationWorker:
    """A voice and its thread, which loads the models, serves requests, and ends once retired."""

    def __init__(
        self,
        voice: Voice,
        strength: float,
        models: Mapping[Hashable, int],
        deliver: Callable[[Deliveries], None],
    ) -> None:
        """Start the thread.

        Args:
            voice: The persona or the mix to serve.
            strength: How much of it, as in SayOptions.
            models: The memory that its models take when they are loaded, in bytes, by what
                identifies them: workers share them.
            deliver: Called in the thread with new events; the last one of a request is End or
                Failed.
        """
        self.personas = frozenset(run.name for run in voice.runs)
        self.models = models
        self._deliver = deliver
        self._changed = threading.Condition()
        self._new: list[PendingRequest] = []
        self._running: list[PendingRequest] = []
        self._retired = False
        self._thread = threading.Thread(
            target=self._work, args=(voice, strength), name=f"voice of {voice.name}", daemon=True
        )
        self._thread.start()

    # Called from any thread

    def submit(self, request: PendingRequest) -> bool:
        """Serve a request; return False if the worker is retired."""
        with self._changed:
            if not self._retired:
                self._new.append(request)
                self._changed.notify()
            return not self._retired

    def retire(self) -> None:
        """Accept no more requests, and end after the last one."""
        with self._changed:
            self._retired = True
            self._changed.notify()

    @property
    def is_retired(self) -> bool:
        """Whether the worker accepts no more requests."""
        return self._retired

    @property
    def has_ended(self) -> bool:
        """Whether the thread has ended, and the memory of models that it alone used is free."""
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait until the thread has ended, at most that long."""
        self._thread.join(seconds)

    # The thread

    def _work(self, voice: Voice, strength: float) -> None:
        try:
            if not self._wait_for_requests():  # a model that can't be loaded fails this request
                return
            decoder = voice.decoder(strength=strength).clone()  # others may use the model too
            filters = voice.filters
            _ = filters.index  # built now, so that the first post does not wait for it
            cache = PromptCache()
            scheduler = BatchScheduler(decoder, MAX_BATCH_ROWS)
            while self._wait_for_requests():
                self._remove_closed(scheduler)
                self._admit(
                    scheduler,
                    lambda query: _generation_request(query, decoder, filters, cache.prefill),
                )
                scheduler.step(reserved_rows=len(self._new))
                self._deliver_events(scheduler)
        except Exception as error:  # the model can't be loaded, or fails; a new worker may succeed
            with self._changed:
                self._retired = True
                waiting = [*self._running, *self._new]
                self._new = []
                self._running = []
            self._deliver([(request, [Failed(error)]) for request in waiting])

    def _wait_for_requests(self) -> bool:
        """Wait for a request; return False if the thread is to end."""
        with self._changed:
            while not (self._running or self._new or self._retired):
                self._changed.wait()
            return bool(self._running or self._new)

    def _remove_closed(self, scheduler: BatchScheduler) -> None:
        """Stop generating for closed requests, which frees their rows of the batch."""
        for request in self._running:
            if request.is_closed and request.generation is not None:
                scheduler.remove(request.generation)
                request.generation = None
                request.stream = None
        self._running = [request for request in self._running if not request.is_closed]

    def _admit(
        self,
        scheduler: BatchScheduler,
        generation_request: Callable[[GenerationQuery], GenerationRequest],
    ) -> None:
        """Start with some of the new requests."""
        with self._changed:
            new = self._new[:MAX_JOINS_PER_STEP]
            self._new = self._new[MAX_JOINS_PER_STEP:]
        for request in new:
            if request.is_closed:
                continue
            try:
                request.generation = generation_request(request.query)
            except Exception as error:  # of this request alone, such as a prompt that is too long
                self._deliver([(request, [Failed(error)])])
                continue
            request.stream = EventStream(request.query, request.generation)
            self._deliver([(request, [request.stream.start()])])
            scheduler.add(request.generation)
            self._running = [*self._running, request]

    def _deliver_events(self, scheduler: BatchScheduler) -> None:
        """Deliver the new events of all requests, and remove the requests that are complete."""
        deliveries: Deliveries = []
        now = time.monotonic()
        for request in self._running:
            assert request.stream is not None
            if events := request.stream.poll(now, request.pace):
                deliveries.append((request, events))
        for request, events in deliveries:
            request.is_closed = request.is_closed or isinstance(events[-1], End | Failed)
        self._remove_closed(scheduler)
        if deliveries:
            self._deliver(deliveries)


class PromptCache:
    """The prompts that were prefilled last, for one decoder."""

    def __init__(self) -> None:
        self._prompts: OrderedDict[tuple[str, int], PrefilledPrompt] = OrderedDict()
        self._tokens = 0

    def prefill(self, decoder: Decoder, prompt: str, least: int) -> PrefilledPrompt:
        """Return `prompt.prefill(...)`, cached. The decoder must always be the same."""
        found = self._prompts.pop((prompt, least), None)
        if found is None:
            found = prefill(decoder, prompt, least)
            self._tokens += found.length
        self._prompts[prompt, least] = found
        while self._tokens > MAX_CACHED_TOKENS:
            self._tokens -= self._prompts.popitem(last=False)[1].length
        return found


def _generation_request(
    query: GenerationQuery,
    decoder: Decoder,
    filters: OutputFilters,
    read: Callable[[Decoder, str, int], PrefilledPrompt],
) -> GenerationRequest:
    """Return the generation request for a query; `read` prefills its prompt."""
    return GenerationRequest(
        decoder,
        query.options,
        query.prompt,
        filters,
        None,
        range(query.options.n),
        stops=query.stops,
        broken_off=query.allow_truncated,
        prefill=read,
    )
