"""A client's query to a loaded persona, and the events that the client receives in return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from popinjay.options import SayOptions
from popinjay.post import one_line
from popinjay.sampling.events import Finished, GeneratedPost, Missing, Piece, PostEvent, Restart
from popinjay.sampling.filters import Reason
from popinjay.sampling.request import GenerationRequest
from popinjay.sampling.streaming import StreamBuffer

if TYPE_CHECKING:
    from popinjay.sampling.prompt import PrefilledPrompt


@dataclass(frozen=True, slots=True)
class GenerationQuery:
    """A prompt, with how to sample and how to deliver the posts."""

    prompt: str
    options: SayOptions
    stops: tuple[str, ...] = ()
    allow_truncated: bool = False  # deliver posts that max_tokens cut off
    live: bool = True  # deliver posts in pieces, as they are written
    # Text that was sent can't be withdrawn: a post is truncated if its draft has to be replaced.
    append_only: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """The prompt was read: the text that every post starts with, and its number of tokens."""

    prefix: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Truncated:
    """A post ends where it is, because its draft was rejected, and how many tokens it had."""

    index: int
    reason: Reason
    tokens: int


@dataclass(frozen=True, slots=True)
class End:
    """All posts were delivered; `redrawn` counts the rejected drafts by reason."""

    redrawn: dict[str, int]


@dataclass(frozen=True, slots=True)
class Failed:
    """No more posts will be delivered, because of this error."""

    error: Exception


StreamEvent = Started | PostEvent | Truncated | End | Failed


class EventStream:
    """The events of a generation request, for the client that sent the query."""

    def __init__(self, query: GenerationQuery, request: GenerationRequest) -> None:
        self._query = query
        self._request = request
        self._buffer = StreamBuffer(held=True)
        self._remaining = query.options.n
        self._last_pieces: float | None = None  # when pieces were last delivered

    def start(self) -> Started:
        """Return the first event."""
        prompt: PrefilledPrompt = self._request.prompt
        # The first token separates posts; it is not part of the prompt.
        return Started(one_line(prompt.text), prompt.length - 1)

    def poll(self, now: float = 0.0, pace: float = 0.0) -> list[StreamEvent]:
        """Return the events since the last poll. Must be called after each step of the scheduler.

        Pieces are delivered only if `pace` seconds have passed since the last ones at time `now`.
        """
        request = self._request
        if request.failure is not None:
            return [Failed(request.failure)]
        events: list[StreamEvent] = []
        if self._query.append_only:
            events += self._truncated()
        if self._query.live and (self._last_pieces is None or now >= self._last_pieces + pace):
            for sequence in request.sequences:
                events += self._buffer.push(sequence)
            self._last_pieces = now if events else self._last_pieces
        for index, post in request.done.items():
            events += self._finish(index, post)
        self._remaining -= len(request.done)
        request.done.clear()
        request.given_up.clear()
        if not self._remaining:
            events.append(
                End({str(reason): count for reason, count in request.tally.redrawn.items()})
            )
        return events

    def _truncated(self) -> list[StreamEvent]:
        """End the posts whose draft was rejected after pieces of it were delivered."""
        request = self._request
        given_up = [
            index
            for index in request.given_up
            if index not in request.done and self._buffer.has_shown(index)
        ]
        for index in given_up:
            request.give_up(index)
        self._remaining -= len(given_up)
        return [Truncated(index, *request.given_up[index]) for index in given_up]

    def _finish(self, index: int, post: GeneratedPost | None) -> Sequence[StreamEvent]:
        """Return the last events of a post; None if every draft was rejected."""
        events = list(self._buffer.finish(index, post))
        if not self._query.live:
            return events[-1:]
        if self._query.append_only and Restart(index) in events:
            # The post ends at an earlier sentence than the pieces that were delivered.
            return [Truncated(index, Reason.LONG, post.tokens if post else 0)]
        return events


def merge_pieces(events: list[StreamEvent]) -> list[StreamEvent]:
    """Join consecutive pieces of the same post; events of other posts may lie between them."""
    merged: list[StreamEvent] = []
    open_pieces: dict[int, int] = {}  # by post, where in `merged` the piece is that can be extended
    for event in events:
        if isinstance(event, Piece) and event.index in open_pieces:
            position = open_pieces[event.index]
            previous = merged[position]
            assert isinstance(previous, Piece)
            merged[position] = Piece(event.index, previous.text + event.text)
            continue
        if isinstance(event, Piece):
            open_pieces[event.index] = len(merged)
        elif isinstance(event, Restart | Finished | Missing | Truncated):
            open_pieces.pop(event.index, None)
        merged.append(event)
    return merged
