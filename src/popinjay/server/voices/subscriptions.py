"""What is asked of a persona that speaks to many at once, and what is told to whoever asked, piece by piece."""

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
    """What somebody wants to hear."""

    prompt: str
    options: SayOptions
    stops: tuple[str, ...] = ()
    broken_off: bool = False  # let out what its tokens run out for
    live: bool = True  # piece by piece
    for_good: bool = False  # what was told can't be taken back: a post is cut where another draft of it would have to begin


@dataclass(frozen=True, slots=True)
class Began:
    """The prompt was read: what every post begins with, and how many tokens that is."""

    typed: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Cut:
    """A post that must not go on as it was told so far, and how many tokens it had."""

    place: int
    reason: Reason
    tokens: int


@dataclass(frozen=True, slots=True)
class End:
    """There is no more; how many drafts were drawn again, by reason."""

    redrawn: dict[str, int]


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no more, and this is why."""

    error: Exception


StreamEvent = Began | PostEvent | Cut | End | Failed


class EventStream:
    """What of a writing was told to whoever asked for it."""

    def __init__(self, asked: GenerationQuery, request: GenerationRequest) -> None:
        self._asked, self._request = asked, request
        self._buffer = StreamBuffer(held=True)
        self._left = asked.options.n
        self._looked: float | None = (
            None  # when drafts were looked at last and had something to show
        )

    def begin(self) -> Began:
        """What is told first."""
        beginning: PrefilledPrompt = self._request.prompt
        return Began(one_line(beginning.text), beginning.length - 1)  # the first one parts posts

    def news(self, now: float = 0.0, pace: float = 0.0) -> list[StreamEvent]:
        """What can be told since the last look; one look for each step. Of posts on their way only when the pace has passed since the last time."""
        request = self._request
        if request.failure is not None:
            return [Failed(request.failure)]
        told: list[StreamEvent] = []
        if self._asked.for_good:
            told += self._cuts()
        if self._asked.live and (self._looked is None or now >= self._looked + pace):
            for sequence in request.sequences:
                told += self._buffer.push(sequence)
            self._looked = now if told else self._looked
        for place, post in request.done.items():
            told += self._end(place, post)
        self._left -= len(request.done)
        request.done.clear()
        request.given_up.clear()
        if not self._left:
            told.append(
                End({str(reason): count for reason, count in request.tally.redrawn.items()})
            )
        return told

    def _cuts(self) -> list[StreamEvent]:
        """Of posts whose draft was given up, when some of it was told."""
        request = self._request
        given_up = [
            place
            for place in request.given_up
            if place not in request.done and self._buffer.has_shown(place)
        ]
        for place in given_up:
            request.give_up(place)
        self._left -= len(given_up)
        return [Cut(place, *request.given_up[place]) for place in given_up]

    def _end(self, place: int, post: GeneratedPost | None) -> Sequence[StreamEvent]:
        """Return the last events of a post."""
        events = list(self._buffer.finish(place, post))
        if not self._asked.live:
            return events[-1:]
        if self._asked.for_good and Restart(place) in events:
            # It ends at a sentence, and some of what came behind that sentence was sent already.
            return [Cut(place, Reason.LONG, post.tokens if post else 0)]
        return events


def merge_pieces(told: list[StreamEvent]) -> list[StreamEvent]:
    """The same in fewer words: pieces of a post that follow one another are one."""
    found: list[StreamEvent] = []
    last: dict[
        int, int
    ] = {}  # where the last piece of each post stands, while nothing else of it came
    for one in told:
        if isinstance(one, Piece) and one.place in last:
            before = found[last[one.place]]
            assert isinstance(before, Piece)
            found[last[one.place]] = Piece(one.place, before.text + one.text)
            continue
        if isinstance(one, Piece):
            last[one.place] = len(found)
        elif isinstance(one, Restart | Finished | Missing | Cut):
            last.pop(one.place, None)
        found.append(one)
    return found
