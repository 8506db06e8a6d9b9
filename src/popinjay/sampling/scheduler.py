"""Where drafts are written side by side in the rows of one decoder, whoever asked for them: whose is begun next, and a step for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from popinjay.inference.decoder import Decoder, Logits, Prefix
    from popinjay.sampling.sequence import Draft

SPARE = 0.2  # of the room, for the first rows of those who come while several are served
_HAIR = 1e-9  # by which shares that are the whole may come to more, as they are rounded


class Writer(Protocol):
    """Whoever has drafts written behind one prompt. It may raise what it likes: its drafts are given up then, and nobody else's."""

    failure: Exception | None  # what it raised

    @property
    def prefix(self) -> Prefix:
        """Its prompt, as the decoder has read it."""

    @property
    def rows(self) -> int:
        """How many of its drafts the decoder can hold at once."""

    @property
    def wants_more(self) -> bool:
        """Whether it has drafts to begin."""

    def begin_next(self) -> Draft:
        """The next draft, begun."""

    def go_on(self, draft: Draft, logits: Logits) -> None:
        """Draw the draft's next token from these."""

    def settle(self, draft: Draft) -> None:
        """See what becomes of a draft that is over."""


@dataclass(slots=True)
class _Seat:
    """A writer at the desk."""

    writer: Writer
    turn: int  # when it had its last row, or came
    rows: int = 0  # that it has


class Desk:
    """A decoder, and the drafts on their way in its rows. Writers come and go between steps.

    A row that is free goes to the writer that has the fewest, and of several to the one that has waited longest. Drafts may take memory of
    different size, and the next one waits until there is enough for it: none is passed by for ever by small ones. Where rows
    can't join others, the decoder is one writer's at a time, for the drafts that it has ready when its turn comes.
    """

    def __init__(self, decoder: Decoder, at_once: int) -> None:
        """The decoder is this desk's alone from now on: rows that it has go. It never has more than so many at once."""
        self._decoder, self._at_once = decoder, at_once
        self._seats: dict[Writer, _Seat] = {}
        self._rows: list[tuple[_Seat, Draft]] = []
        self._turns = count()
        decoder.keep([])

    def join(self, writer: Writer) -> None:
        """Write for this one too."""
        self._seats[writer] = _Seat(writer, next(self._turns))

    def leave(self, writer: Writer) -> None:
        """Write no more for this one; its rows are free at once."""
        if seat := self._seats.pop(writer, None):
            self._keep([row for row, (owner, _) in enumerate(self._rows) if owner is not seat])

    @property
    def is_idle(self) -> bool:
        """Whether nobody is there to write for."""
        return not self._seats

    def go_on(self, coming: int = 0) -> None:
        """A token more for every draft, after new ones were begun where there is room.

        So many rows stay free for writers who are about to join, and where several are there already, a share for those who may come.
        """
        self._fill(coming)
        self._settle()  # some were over with their first token
        if self._rows:
            logits = self._decoder.step([draft.feed() for _, draft in self._rows])
            for (seat, draft), row in zip(self._rows, logits, strict=True):
                if seat.writer.failure is None:
                    try:
                        seat.writer.go_on(draft, row)
                    except Exception as error:  # its own, and nobody else's
                        seat.writer.failure = error
            self._settle()

    def _fill(self, coming: int) -> None:
        """Begin drafts where there is room, row by row."""
        if self._rows and not self._decoder.joins:
            return
        begun: dict[Writer, list[tuple[_Seat, Draft]]] = {}
        rows, taken = len(self._rows), sum(1 / seat.writer.rows for seat, _ in self._rows)
        most = 1 - SPARE if len(self._seats) > 1 and self._decoder.joins else 1.0
        waiting = [seat for seat in self._seats.values() if seat.writer.failure is None and seat.writer.wants_more]
        while waiting and rows < self._at_once:
            seat = min(waiting, key=lambda seat: (seat.rows, seat.turn))
            share = 1 / seat.writer.rows
            kept, room = (coming, most) if seat.rows else (0, 1.0)  # a first row for everybody before a second one for anybody
            if rows and (rows + kept >= room * self._at_once or taken + share * (1 + kept) > room + _HAIR):
                break
            try:
                begun.setdefault(seat.writer, []).append((seat, seat.writer.begin_next()))
            except Exception as error:
                seat.writer.failure = error
                waiting.remove(seat)
                continue
            seat.turn, seat.rows = next(self._turns), seat.rows + 1
            rows, taken = rows + 1, taken + share
            waiting = waiting if self._decoder.joins else [seat]
            if not seat.writer.wants_more:
                waiting.remove(seat)
        for writer, new in begun.items():
            self._decoder.add(len(new), writer.prefix)
            self._rows += new

    def _settle(self) -> None:
        """Free the rows of drafts that are over, and have their writers see to them."""
        over = [draft.over or seat.writer.failure is not None for seat, draft in self._rows]
        if not any(over):
            return
        done = [row for row, is_over in zip(self._rows, over, strict=True) if is_over]
        self._keep([row for row, is_over in enumerate(over) if not is_over])
        for seat, draft in done:
            if seat.writer.failure is None:
                try:
                    seat.writer.settle(draft)
                except Exception as error:
                    seat.writer.failure = error

    def _keep(self, rows: Sequence[int]) -> None:
        """Only these rows stay."""
        if len(rows) < len(self._rows):
            self._decoder.keep(rows)
            self._rows = [self._rows[row] for row in rows]
            for seat in self._seats.values():
                seat.rows = 0
            for seat, _ in self._rows:
                seat.rows += 1
