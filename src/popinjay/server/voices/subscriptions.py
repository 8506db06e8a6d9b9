"""What is asked of a persona that speaks to many at once, and what is told to whoever asked, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from popinjay.options import SayOptions
from popinjay.post import one_line
from popinjay.sampling.filters import Reason
from popinjay.sampling.generate import RESTART, GeneratedPost, GenerationRequest, StreamBuffer

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
class Piece:
    """More of a post; the first one has the prompt before it."""

    place: int
    text: str


@dataclass(frozen=True, slots=True)
class Restart:
    """What was told of this post so far is void."""

    place: int


@dataclass(frozen=True, slots=True)
class Post:
    """A whole post."""

    place: int
    said: GeneratedPost


@dataclass(frozen=True, slots=True)
class Missing:
    """A place that stays empty: no draft was fit to be seen."""

    place: int


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


StreamEvent = Began | Piece | Restart | Post | Missing | Cut | End | Failed


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
            told += (
                piece
                for sequence in request.sequences
                for piece in _pieces(sequence.key.place, self._buffer.pieces(sequence))
            )
            self._looked = now if told else self._looked
        for place, said in request.done.items():
            told += self._end(place, said)
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

    def _end(self, place: int, said: GeneratedPost | None) -> list[StreamEvent]:
        """Of a post that is done."""
        told = [*_pieces(place, self._buffer.end(place, said))] if self._asked.live else []
        if (
            self._asked.for_good and Restart(place) in told
        ):  # it ends at a sentence, and was told to behind that
            return [Cut(place, Reason.LONG, said.tokens if said else 0)]
        return [*told, Missing(place) if said is None else Post(place, said)]


def _pieces(place: int, shown: Iterator[str]) -> Iterator[StreamEvent]:
    return (Restart(place) if piece == RESTART else Piece(place, piece) for piece in shown)


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
        elif isinstance(one, Restart | Post | Missing | Cut):
            last.pop(one.place, None)
        found.append(one)
    return found
