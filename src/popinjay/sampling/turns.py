"""Posts of several models that take turns: each post is written by one, who is drawn by weight."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from popinjay.options import SayOptions
from popinjay.sampling.events import Finished, GeneratedPost, PostEvent
from popinjay.sampling.filters import OutputFilters
from popinjay.sampling.generate import MAX_BATCH_ROWS, Writer
from popinjay.sampling.request import GenerationRequest, Tally
from popinjay.sampling.streaming import StreamBuffer

if TYPE_CHECKING:
    from popinjay.inference.decoder import Decoder

_TURN = 1  # ends the seeds of turns, which are longer than those of drafts


class TurnStream:
    """The posts of one prompt, each by one of several models.

    Who writes a post depends on the seed and the post's place alone. It is the post that this model
    writes by itself in this place, unless the filters of the others reject it.
    """

    def __init__(
        self,
        open_decoder: Callable[[str], Decoder],
        weights: Mapping[str, float],
        options: SayOptions,
        prompt: str = "",
        filters: OutputFilters | None = None,
    ) -> None:
        """Generate nothing yet.

        Args:
            open_decoder: Returns the decoder of a member, which nothing else uses meanwhile.
            weights: The weights of the members, all positive.
            options: How many posts, and how to sample.
            prompt: How every post begins.
            filters: What may be shown; None shows all.
        """
        self.tally = Tally()
        self._open = open_decoder
        self._names = tuple(weights)
        self._weights = tuple(weights.values())
        seed = secrets.randbits(32) if options.seed is None else options.seed
        self._options = replace(options, seed=seed)
        self._prompt = prompt
        self._filters = filters

    def __iter__(self) -> Iterator[GeneratedPost]:
        """Yield each post as soon as it and all before it are finished."""
        writers: dict[str, Writer] = {}
        for place in range(self._options.n):
            name = self._speaker(place)
            if (post := self._writer(name, writers, MAX_BATCH_ROWS).post(place)) is not None:
                yield replace(post, by=name)

    def events(self) -> Iterator[PostEvent]:
        """Yield the text of each post as it is written, one post after the other."""
        writers: dict[str, Writer] = {}
        buffer = StreamBuffer(held=self._filters is not None)
        for place in range(self._options.n):
            name = self._speaker(place)
            for event in self._writer(name, writers, 1).events(place, buffer):
                if isinstance(event, Finished):
                    event = replace(event, post=replace(event.post, by=name))
                yield event

    def _speaker(self, place: int) -> str:
        assert self._options.seed is not None
        return self._names[turn_of(self._options.seed, place, self._weights)]

    def _writer(self, name: str, writers: dict[str, Writer], rows: int) -> Writer:
        """Return a member's writer, opened when it speaks first."""
        if name not in writers:
            places = (place for place in range(self._options.n) if self._speaker(place) == name)
            decoder = self._open(name)
            request = GenerationRequest(
                decoder, self._options, self._prompt, self._filters, self.tally, places
            )
            writers[name] = Writer(decoder, request, rows)
        return writers[name]


def turn_of(seed: int, place: int, weights: Sequence[float]) -> int:
    """Return which member writes the post of a place, drawn by weight."""
    import numpy as np

    drawn = np.random.default_rng((seed, place, 0, _TURN)).random() * sum(weights)
    for member, weight in enumerate(weights):
        drawn -= weight
        if drawn < 0:
            return member
    return len(weights) - 1
