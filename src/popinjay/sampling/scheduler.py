"""Where drafts are written side by side in the rows of one decoder, whoever asked for them: whose is begun next, and a step for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from popinjay.inference.decoder import Decoder, Logits, Prefix
    from popinjay.sampling.sequence import TokenSequence

SPARE = 0.2  # of the room, for the first rows of those who come while several are served
_HAIR = 1e-9  # by which shares that are the whole may come to more, as they are rounded


class Request(Protocol):
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

    def start_sequence(self) -> TokenSequence:
        """The next draft, begun."""

    def advance(self, sequence: TokenSequence, logits: Logits) -> None:
        """Draw the draft's next token from these."""

    def complete(self, sequence: TokenSequence) -> None:
        """See what becomes of a draft that is over."""


@dataclass(slots=True)
class _Slot:
    """A writer at the desk."""

    request: Request
    turn: int  # when it had its last row, or came
    rows: int = 0  # that it has


class BatchScheduler:
    """A decoder, and the drafts on their way in its rows. Writers come and go between steps.

    A row that is free goes to the writer that has the fewest, and of several to the one that has waited longest. Drafts may take memory of
    different size, and the next one waits until there is enough for it: none is passed by for ever by small ones. Where rows
    can't join others, the decoder is one writer's at a time, for the drafts that it has ready when its turn comes.
    """

    def __init__(self, decoder: Decoder, at_once: int) -> None:
        """The decoder is this desk's alone from now on: rows that it has go. It never has more than so many at once."""
        self._decoder, self._at_once = decoder, at_once
        self._slots: dict[Request, _Slot] = {}
        self._rows: list[tuple[_Slot, TokenSequence]] = []
        self._turns = count()
        decoder.filter([])

    def add(self, writer: Request) -> None:
        """Write for this one too."""
        self._slots[writer] = _Slot(writer, next(self._turns))

    def remove(self, writer: Request) -> None:
        """Write no more for this one; its rows are free at once."""
        if slot := self._slots.pop(writer, None):
            self._keep([row for row, (owner, _) in enumerate(self._rows) if owner is not slot])

    @property
    def is_idle(self) -> bool:
        """Whether nobody is there to write for."""
        return not self._slots

    def step(self, coming: int = 0) -> None:
        """A token more for every draft, after new ones were begun where there is room.

        So many rows stay free for writers who are about to join, and where several are there already, a share for those who may come.
        """
        self._fill(coming)
        self._complete()  # some were over with their first token
        if self._rows:
            logits = self._decoder.step([sequence.next_input() for _, sequence in self._rows])
            for (slot, sequence), row in zip(self._rows, logits, strict=True):
                if slot.request.failure is None:
                    try:
                        slot.request.advance(sequence, row)
                    except Exception as error:  # its own, and nobody else's
                        slot.request.failure = error
            self._complete()

    def _fill(self, coming: int) -> None:
        """Begin drafts where there is room, row by row."""
        if self._rows and not self._decoder.supports_joining:
            return
        started: dict[Request, list[tuple[_Slot, TokenSequence]]] = {}
        rows, taken = len(self._rows), sum(1 / slot.request.rows for slot, _ in self._rows)
        most = 1 - SPARE if len(self._slots) > 1 and self._decoder.supports_joining else 1.0
        waiting = [
            slot
            for slot in self._slots.values()
            if slot.request.failure is None and slot.request.wants_more
        ]
        while waiting and rows < self._at_once:
            slot = min(waiting, key=lambda slot: (slot.rows, slot.turn))
            share = 1 / slot.request.rows
            kept, room = (
                (coming, most) if slot.rows else (0, 1.0)
            )  # a first row for everybody before a second one for anybody
            if rows and (
                rows + kept >= room * self._at_once or taken + share * (1 + kept) > room + _HAIR
            ):
                break
            try:
                started.setdefault(slot.request, []).append((slot, slot.request.start_sequence()))
            except Exception as error:
                slot.request.failure = error
                waiting.remove(slot)
                continue
            slot.turn, slot.rows = next(self._turns), slot.rows + 1
            rows, taken = rows + 1, taken + share
            waiting = waiting if self._decoder.supports_joining else [slot]
            if not slot.request.wants_more:
                waiting.remove(slot)
        for writer, new in started.items():
            self._decoder.add(len(new), writer.prefix)
            self._rows += new

    def _complete(self) -> None:
        """Free the rows of drafts that are over, and have their writers see to them."""
        over = [sequence.over or slot.request.failure is not None for slot, sequence in self._rows]
        if not any(over):
            return
        done = [row for row, is_over in zip(self._rows, over, strict=True) if is_over]
        self._keep([row for row, is_over in enumerate(over) if not is_over])
        for slot, sequence in done:
            if slot.request.failure is None:
                try:
                    slot.request.complete(sequence)
                except Exception as error:
                    slot.request.failure = error

    def _keep(self, rows: Sequence[int]) -> None:
        """Only these rows stay."""
        if len(rows) < len(self._rows):
            self._decoder.filter(rows)
            self._rows = [self._rows[row] for row in rows]
            for slot in self._slots.values():
                slot.rows = 0
            for slot, _ in self._rows:
                slot.rows += 1
