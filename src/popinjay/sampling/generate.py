"""Generate posts: the only place where weights become text.

`generate` returns posts, `stream` yields them as they finish, `stream_events` yields their text as
it is written. `PostStream` offers the last two for one prompt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from popinjay.options import SayOptions
from popinjay.sampling.events import GeneratedPost, PostEvent
from popinjay.sampling.filters import OutputFilters
from popinjay.sampling.request import GenerationRequest, Tally
from popinjay.sampling.streaming import StreamBuffer

if TYPE_CHECKING:
    from popinjay.inference.decoder import Decoder

MAX_BATCH_ROWS = 128  # drafts generated side by side


def generate(
    decoder: Decoder,
    options: SayOptions,
    prompt: str = "",
    filters: OutputFilters | None = None,
    tally: Tally | None = None,
) -> list[GeneratedPost]:
    """Return `options.n` posts that begin with the prompt, fewer if some are missing.

    The same seed gives the same posts, and the first three of ten are those of three. A draft that
    is empty or that the filters reject is replaced by another attempt, and `tally` counts it.

    Args:
        decoder: The model.
        options: How many posts, and how to sample.
        prompt: How every post begins.
        filters: What may be shown; None gives posts as the model writes them, copies included.
        tally: Counts what is rejected.

    Raises:
        OptionError: If the prompt fills the context, or leaves no character to the post.
    """
    return list(stream(decoder, options, prompt, filters, tally))


def stream(
    decoder: Decoder,
    options: SayOptions,
    prompt: str = "",
    filters: OutputFilters | None = None,
    tally: Tally | None = None,
    start: int = 0,
) -> Iterator[GeneratedPost]:
    """Yield the posts of `generate` from place `start` on, each once all before it are done.

    A decoder serves one stream at a time; for several see `scheduler.BatchScheduler`.
    """
    places = range(start, options.n)
    request = GenerationRequest(decoder, options, prompt, filters, tally, places)
    writer = Writer(decoder, request, MAX_BATCH_ROWS)
    for place in places:
        if (post := writer.post(place)) is not None:
            yield post


def stream_events(
    decoder: Decoder,
    options: SayOptions,
    prompt: str = "",
    filters: OutputFilters | None = None,
    tally: Tally | None = None,
    places: Iterable[int] | None = None,
) -> Iterator[PostEvent]:
    """Yield the posts of `stream` as they are written, one after the other.

    A piece never ends inside a character. With filters, it never ends inside a word, has passed the
    filters, and holds no digits or signs that could become personal data. A draft can still be
    rejected when some of it was shown, because it grows too long or because an eighth word in a row
    repeats a training post; then comes a `Restart`.

    Args:
        decoder: The model.
        options: How many posts, and how to sample.
        prompt: How every post begins.
        filters: What may be shown; None shows all.
        tally: Counts what is rejected.
        places: The indices of the posts; None for all `options.n`.

    Raises:
        OptionError: If the prompt fills the context, or leaves no character to the post.
    """
    places = list(range(options.n) if places is None else places)
    request = GenerationRequest(decoder, options, prompt, filters, tally, places)
    writer = Writer(decoder, request, 1)
    buffer = StreamBuffer(held=filters is not None)
    for place in places:
        yield from writer.events(place, buffer)


class Writer:
    """A decoder that serves one request, post by post."""

    def __init__(self, decoder: Decoder, request: GenerationRequest, rows: int) -> None:
        """Write nothing yet, and then up to `rows` drafts side by side."""
        from popinjay.sampling.scheduler import BatchScheduler

        self._request = request
        self._scheduler = BatchScheduler(decoder, rows)
        self._scheduler.add(request)

    def post(self, place: int) -> GeneratedPost | None:
        """Return the post of a place; None if every draft of it was rejected.

        Each place can be asked for once. Raises what the request failed with.
        """
        while place not in self._request.done:
            self._step()
        return self._request.done.pop(place)

    def events(self, place: int, buffer: StreamBuffer) -> Iterator[PostEvent]:
        """Yield the post of a place as it is written, if there is a single row.

        `buffer` decides what can be shown. Raises what `post` raises.
        """
        while place not in self._request.done:
            self._step()
            for sequence in self._request.sequences:
                yield from buffer.push(sequence)
        yield from buffer.finish(place, self._request.done.pop(place))

    def _step(self) -> None:
        """Compute the next token of every draft."""
        self._scheduler.step()
        if self._request.failure is not None:
            raise self._request.failure


class Posts(Protocol):
    """The posts of one prompt: iterate over it for finished posts, or over `events()` for pieces.

    `tally` counts what was rejected so far. Each iteration generates the posts again.
    """

    tally: Tally

    def __iter__(self) -> Iterator[GeneratedPost]:
        """Yield each post as soon as it and all before it are finished."""

    def events(self) -> Iterator[PostEvent]:
        """Yield the text of each post as it is written, one post after the other."""


class PostStream:
    """The posts of one prompt that one decoder writes."""

    def __init__(
        self,
        decoder: Decoder,
        options: SayOptions,
        prompt: str = "",
        filters: OutputFilters | None = None,
    ) -> None:
        """Generate nothing yet. The arguments are those of `generate`."""
        self.tally = Tally()
        self._decoder = decoder
        self._options = options
        self._prompt = prompt
        self._filters = filters

    def __iter__(self) -> Iterator[GeneratedPost]:
        """Yield each post as soon as it and all before it are finished."""
        return stream(self._decoder, self._options, self._prompt, self._filters, self.tally)

    def events(self) -> Iterator[PostEvent]:
        """Yield the text of each post as it is written, one post after the other."""
        return stream_events(self._decoder, self._options, self._prompt, self._filters, self.tally)
