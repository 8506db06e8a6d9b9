"""Continuous batching: drafts of several requests are generated side by side in one decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from popinjay.inference.decoder import Decoder, Logits, Prefix
    from popinjay.sampling.sequence import TokenSequence

RESERVED_SHARE = 0.2  # the share of rows kept free for new requests while several are served
_EPSILON = 1e-9  # rounding error of shares that add up to 1


class Request(Protocol):
    """A request for drafts with one prompt. If a method raises, only this request fails."""

    failure: Exception | None  # what a method raised

    @property
    def prefix(self) -> Prefix:
        """The prompt, as the decoder has read it."""

    @property
    def rows(self) -> int:
        """How many of its drafts the decoder can hold at once."""

    @property
    def wants_more(self) -> bool:
        """Whether there are drafts to begin."""

    def start_sequence(self) -> TokenSequence:
        """Begin the next draft."""

    def advance(self, sequence: TokenSequence, logits: Logits) -> None:
        """Sample the draft's next token from these logits (vocabulary,)."""

    def complete(self, sequence: TokenSequence) -> None:
        """Take a draft that has ended."""


@dataclass(slots=True)
class _Slot:
    """A request that is being served."""

    request: Request
    turn: int  # when it was last given a row, or was added
    rows: int = 0  # how many it has now


class BatchScheduler:
    """A decoder and the drafts in its rows. Requests are added and removed between steps.

    A free row goes to the request with the fewest rows, and of several to the one that has waited
    longest. Drafts may need different amounts of memory; the next one waits until there is enough
    for it, so that small ones do not overtake it for ever. If a decoder cannot take rows while
    others are in progress, it serves one request at a time, with all drafts that are ready then.
    """

    def __init__(self, decoder: Decoder, max_rows: int) -> None:
        """Take over a decoder, whose rows are dropped, for at most `max_rows` rows at a time."""
        self._decoder = decoder
        self._max_rows = max_rows
        self._slots: dict[Request, _Slot] = {}
        self._rows: list[tuple[_Slot, TokenSequence]] = []
        self._turns = count()
        decoder.filter([])

    def add(self, request: Request) -> None:
        """Serve this request too."""
        self._slots[request] = _Slot(request, next(self._turns))

    def remove(self, request: Request) -> None:
        """Stop serving a request and free its rows."""
        if slot := self._slots.pop(request, None):
            self._keep([index for index, (owner, _) in enumerate(self._rows) if owner is not slot])

    @property
    def is_idle(self) -> bool:
        """Whether there is no request."""
        return not self._slots

    def step(self, reserved_rows: int = 0) -> None:
        """Begin new drafts while there is room, then sample one token of every draft.

        `reserved_rows` stay free for requests that are about to be added, and a share of all rows
        if several requests are served already.
        """
        self._fill(reserved_rows)
        self._complete()  # some end with their first token
        if self._rows:
            logits = self._decoder.step([sequence.next_input() for _, sequence in self._rows])
            for (slot, sequence), row_logits in zip(self._rows, logits, strict=True):
                if slot.request.failure is None:
                    try:
                        slot.request.advance(sequence, row_logits)
                    except Exception as error:  # of this request only
                        slot.request.failure = error
            self._complete()

    def _fill(self, reserved_rows: int) -> None:
        """Begin drafts, row by row, while there is room."""
        if self._rows and not self._decoder.supports_joining:
            return
        started: dict[Request, list[tuple[_Slot, TokenSequence]]] = {}
        rows = len(self._rows)
        used_share = sum(1 / slot.request.rows for slot, _ in self._rows)
        is_shared = len(self._slots) > 1 and self._decoder.supports_joining
        usual_share = 1 - RESERVED_SHARE if is_shared else 1.0
        waiting = [
            slot
            for slot in self._slots.values()
            if slot.request.failure is None and slot.request.wants_more
        ]
        while waiting and rows < self._max_rows:
            slot = min(waiting, key=lambda slot: (slot.rows, slot.turn))
            share = 1 / slot.request.rows
            # Every request gets a first row before any gets a second one.
            kept = reserved_rows if slot.rows else 0
            max_share = usual_share if slot.rows else 1.0
            is_full = rows + kept >= max_share * self._max_rows
            if rows and (is_full or used_share + share * (1 + kept) > max_share + _EPSILON):
                break
            try:
                started.setdefault(slot.request, []).append((slot, slot.request.start_sequence()))
            except Exception as error:
                slot.request.failure = error
                waiting.remove(slot)
                continue
            slot.turn = next(self._turns)
            slot.rows += 1
            rows += 1
            used_share += share
            waiting = waiting if self._decoder.supports_joining else [slot]
            if not slot.request.wants_more:
                waiting.remove(slot)
        for request, new in started.items():
            self._decoder.add(len(new), request.prefix)
            self._rows += new

    def _complete(self) -> None:
        """Free the rows of drafts that have ended, and hand the drafts to their requests."""
        over = [sequence.over or slot.request.failure is not None for slot, sequence in self._rows]
        if not any(over):
            return
        done = [entry for entry, is_over in zip(self._rows, over, strict=True) if is_over]
        self._keep([index for index, is_over in enumerate(over) if not is_over])
        for slot, sequence in done:
            if slot.request.failure is None:
                try:
                    slot.request.complete(sequence)
                except Exception as error:
                    slot.request.failure = error

    def _keep(self, rows: Sequence[int]) -> None:
        """Keep these rows only."""
        if len(rows) < len(self._rows):
            self._decoder.filter(rows)
            self._rows = [self._rows[index] for index in rows]
            for slot in self._slots.values():
                slot.rows = 0
            for slot, _ in self._rows:
                slot.rows += 1
