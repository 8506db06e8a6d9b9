"""How much of `make` is done and how long the rest will take, added to the events of its stages.

Before a phase begins its duration is the estimate's (`estimate.py`). While it runs, its own pace
counts more and more; and training that is slower than estimated makes all later phases slower too.
What each phase really took is kept for the next `make`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType

from popinjay.events import Event, EventKind, Listener
from popinjay.store.speed import keep_rates
from popinjay.training.estimate import MakeEstimate
from popinjay.training.phases import PHASES_OF, Phase

SMOOTHING_SECONDS = 4.0  # in which a changed estimate of the end mostly takes effect
SMOOTHING_SHARE = 0.03  # of the whole, at most
OVERDUE_SHARE = 0.1  # of its time so far, that a phase over its estimate will still take
MAX_OVERDUE_SECONDS = 5.0
PACE_COUNTS_FROM = 0.25  # of a phase, from which only its pace counts
MAX_SLOWNESS = 8.0  # against the estimate
SHOWN = (EventKind.START, EventKind.PROGRESS)


class MakeClock:
    """A listener that passes events on, and says in them how much of `make` is done.

    Their numbers get `make_share` (from 0 to 1), `make_seconds_left` and, as part of these,
    `phase_seconds_left`. At the end of this context the measured rates are kept.
    """

    def __init__(
        self,
        estimate: MakeEstimate,
        listener: Listener,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._estimate = estimate
        self._listener = listener
        self._now = now
        self._began = self._last = now()
        self._to_come = dict(estimate.phases)  # seconds of the phases that have not begun
        self._phase: Phase | None = None
        self._phase_began = self._phase_end = self._began
        self._slowness = 1.0  # of this make against the estimate
        self._end = self._began + estimate.seconds  # of make, smoothed
        self._share = 0.0
        self._pace = Pace(now)
        self._rates: dict[Phase, float] = {}

    def __enter__(self) -> MakeClock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave_phase(done=error is None)
        rates = {phase.value: rate for phase, rate in self._rates.items()}
        keep_rates(self._estimate.rates_key, rates)

    def __call__(self, event: Event) -> None:
        """Pass an event on."""
        if event.what is EventKind.FRESH:
            for phase in PHASES_OF.get(event.stage, ()):
                self._end -= self._to_come.pop(phase, 0.0)
        if "tokens" in event.numbers:
            self._pace.count(event.numbers["tokens"])
            self._compare()
        begun = self._phase_of(event)
        if begun is not None and begun is not self._phase:
            self._enter(begun)
        if event.what in SHOWN and self._phase is not None:
            event = replace(event, numbers={**event.numbers, **self._numbers(event)})
        self._listener(event)
        if event.what is EventKind.START and event.stage == "train":
            self._announce()

    def _announce(self) -> None:
        seconds = round(sum(self._to_come.values()) + self._left_in_phase(self._now()), 1)
        self._listener(
            Event(
                "train",
                EventKind.NOTE,
                f"It will take {self._estimate.in_words()}.",
                numbers={"seconds": seconds, "make_seconds_left": seconds},
            )
        )

    # phases

    @staticmethod
    def _phase_of(event: Event) -> Phase | None:
        """Return the phase that an event begins or belongs to."""
        if event.phase:
            return Phase(event.phase)
        is_first = event.what is EventKind.START and event.stage in PHASES_OF
        return PHASES_OF[event.stage][0] if is_first else None

    def _enter(self, phase: Phase) -> None:
        self._leave_phase(done=True)
        order = list(Phase)
        for earlier in order[: order.index(phase)]:
            self._to_come.pop(earlier, None)
        self._phase = phase
        self._phase_began = self._now()
        self._phase_end = self._phase_began + self._to_come.pop(phase, 0.0) * self._slowness

    def _leave_phase(self, *, done: bool) -> None:
        """Note how fast the present phase was, if it was done to its end."""
        phase, self._phase = self._phase, None
        if phase is Phase.LEARN:
            if seconds := self._pace.seconds_per_token():
                self._rates[phase] = seconds
        elif phase is not None and done and (work := self._estimate.work[phase]):
            self._rates[phase] = (self._now() - self._phase_began) / work

    def _compare(self) -> None:
        """Compare the pace of learning with the estimate's."""
        pace, expected = self._pace.seconds_per_token(), self._estimate.rate(Phase.LEARN)
        if not pace or not expected:
            return
        slowness = min(MAX_SLOWNESS, max(1 / MAX_SLOWNESS, pace / expected))
        # If all phases were measured here before, learning tells less about the others.
        self._slowness = math.sqrt(slowness) if self._estimate.is_measured else slowness

    # the time left

    def _numbers(self, event: Event) -> dict[str, float]:
        now = self._now()
        self._update_phase(event, now)
        in_phase = self._left_in_phase(now)
        left = in_phase + sum(self._to_come.values()) * self._slowness
        smoothing = min(SMOOTHING_SECONDS, SMOOTHING_SHARE * (now + left - self._began))
        weight = 1 - math.exp(-(now - self._last) / max(smoothing, 1e-9))
        self._end += weight * (now + left - self._end)
        self._last = now
        shown = max(self._end - now, left / 2)
        elapsed = now - self._began
        self._share = max(self._share, elapsed / max(elapsed + shown, 1e-9))
        return {
            "make_share": round(self._share, 4),
            "make_seconds_left": round(shown, 1),
            "phase_seconds_left": round(min(shown, in_phase), 1),
        }

    def _update_phase(self, event: Event, now: float) -> None:
        """Estimate anew when the present phase ends, if an event tells how far it is."""
        if self._phase is Phase.LEARN and "seconds_left" in event.numbers:
            self._phase_end = now + event.numbers["seconds_left"]
        elif event.phase and event.total and event.done:
            share = min(1.0, event.done / event.total)
            by_pace = (now - self._phase_began) * (1 - share) / share
            weight = min(1.0, share / PACE_COUNTS_FROM)
            self._phase_end += weight * (now + by_pace - self._phase_end)

    def _left_in_phase(self, now: float) -> float:
        """Return how long the present phase still takes; if it is late, for how long it was."""
        if self._phase is None:
            return 0.0
        late = now - self._phase_end
        most = min(MAX_OVERDUE_SECONDS, OVERDUE_SHARE * (now - self._phase_began))
        return -late if late <= 0 else min(late, most)


class Pace:
    """The seconds that a token takes to learn, from the first to the last step counted."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._first: tuple[float, float] | None = None  # the time, and the tokens until then
        self._last = (0.0, 0.0)

    def count(self, tokens: float) -> None:
        """Note how many tokens have been learnt until now."""
        self._last = (self._now(), tokens)
        self._first = self._first or self._last

    def seconds_per_token(self) -> float | None:
        """Return the pace, validations included; None before the second step."""
        if self._first is None or self._last[1] <= self._first[1]:
            return None
        return (self._last[0] - self._first[0]) / (self._last[1] - self._first[1])
