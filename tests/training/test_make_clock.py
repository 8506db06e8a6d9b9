"""Tests of how long `make` will take: estimated before, and told while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from popinjay.events import Event, EventKind
from popinjay.models import bases
from popinjay.options import EvaluateOptions, TrainOptions
from popinjay.store.speed import keep_rates, measured_rates
from popinjay.training import estimate as estimating
from popinjay.training.estimate import MakeEstimate, estimate_make
from popinjay.training.make_clock import MakeClock
from popinjay.training.phases import PHASES_OF, Phase

POSTS, CHARACTERS = 2000, 200_000


def estimated(name: str = bases.BUILT_IN, **options: str | float) -> MakeEstimate:
    train = TrainOptions(**options)  # type: ignore[arg-type]
    return estimate_make(bases.row(name), POSTS, CHARACTERS, train, EvaluateOptions())


# the estimate


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, own_home: Path) -> None:
    """As fast as the one that the reference was measured on."""
    monkeypatch.setattr(estimating, "machine_speed", lambda: estimating.REFERENCE_SPEED)


def test_a_slower_machine_takes_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = estimated()
    monkeypatch.setattr(estimating, "machine_speed", lambda: estimating.REFERENCE_SPEED / 2)
    assert estimated().seconds == pytest.approx(2 * usual.seconds)
    assert "speed of this machine" in usual.in_words()


def test_every_base_has_an_estimate_and_its_download() -> None:
    for base in bases.BASES:
        found = estimated(base.name)
        assert found.seconds > 10
        assert set(found.phases) == set(Phase)
        assert found.download_bytes == (0 if bases.is_here(base) else base.download_bytes)
    assert estimated("smollm2").seconds > estimated("builtin").seconds
    assert estimated("smollm2-360m").seconds > estimated("smollm2").seconds


def test_more_posts_and_epochs_take_longer() -> None:
    more = estimate_make(
        bases.row("builtin"), 2 * POSTS, 2 * CHARACTERS, TrainOptions(), EvaluateOptions()
    )
    assert more.phases[Phase.LEARN] == pytest.approx(2 * estimated().phases[Phase.LEARN])
    longer = estimated(epochs=6.0)
    assert longer.phases[Phase.LEARN] == pytest.approx(2 * estimated().phases[Phase.LEARN])


def test_a_budget_limits_learning_but_not_what_comes_after() -> None:
    found = estimated("smollm2", budget="60s")
    learning = found.phases[Phase.PREPARE] + found.phases[Phase.LEARN]
    assert learning == pytest.approx(60.0)
    assert found.phases[Phase.WRITE] == estimated("smollm2").phases[Phase.WRITE]
    assert "up to 60 s of them to learn" in found.in_words()


def test_what_was_measured_here_counts() -> None:
    before = estimated()
    assert not before.is_measured
    keep_rates(before.rates_key, {Phase.LEARN: 1.0, Phase.WRITE: 0.5})
    found = estimated()
    assert found.is_measured
    assert found.phases[Phase.LEARN] == found.work[Phase.LEARN]
    assert found.phases[Phase.COMPARE] == before.phases[Phase.COMPARE]
    assert not estimated("smollm2").is_measured
    assert not estimated(tune="top").is_measured


def test_newer_measurements_move_the_older_ones_halfway() -> None:
    keep_rates("a", {"learn": 1.0})
    keep_rates("a", {"learn": 3.0, "write": 1.0, "card": 0.0, "score": float("nan")})
    keep_rates("b", {"learn": 9.0})
    assert measured_rates("a") == {"learn": 2.0, "write": 1.0}


def test_a_damaged_file_counts_as_none(own_home: Path) -> None:
    from popinjay.store import speed

    keep_rates("a", {"learn": 1.0})
    speed._file().write_text('{"format": 1, "about": "x"')
    assert measured_rates("a") == {}


# the clock


class Machine:
    """A make whose phases take given times, by a clock of its own."""

    def __init__(self, estimate: MakeEstimate, slowness: dict[Phase, float]) -> None:
        self.now = 100.0
        self.left = list[tuple[float, float, float]]()  # time, seconds left, share
        self.said = list[Event]()
        self._estimate = estimate
        self._slowness = slowness
        with MakeClock(estimate, self._hear, lambda: self.now) as clock:
            for stage, phases in PHASES_OF.items():
                clock(Event(stage, EventKind.START, stage))
                for phase in phases:
                    for event in self._events(stage, phase):
                        clock(event)
                clock(Event(stage, EventKind.DONE))

    def seconds(self, phase: Phase) -> float:
        return self._estimate.phases[phase] * self._slowness.get(phase, 1.0)

    def _events(self, stage: str, phase: Phase) -> Iterator[Event]:
        whole, steps = self.seconds(phase), 40
        tokens = self._estimate.work[Phase.LEARN]
        yield Event(stage, EventKind.PROGRESS, phase=phase)
        for step in range(1, steps + 1):
            self.now += whole / steps
            numbers = {}
            if phase is Phase.LEARN:
                counted = {"tokens": step / steps * tokens}
                yield Event(stage, EventKind.METRICS, done=step, numbers=counted)
                numbers = {"seconds_left": whole * (1 - step / steps)}
            yield Event(stage, EventKind.PROGRESS, "", step, steps, "steps", numbers, phase=phase)

    def _hear(self, event: Event) -> None:
        self.said.append(event)
        if event.what is not EventKind.NOTE and "make_seconds_left" in event.numbers:
            numbers = event.numbers
            self.left.append((self.now, numbers["make_seconds_left"], numbers["make_share"]))


@pytest.mark.parametrize("slowness", [0.25, 1.0, 4.0])
def test_the_time_left_is_right_once_training_has_begun(slowness: float) -> None:
    machine = Machine(estimated(), dict.fromkeys(Phase, slowness))
    began = 100.0 + machine.seconds(Phase.PREPARE) + 0.3 * machine.seconds(Phase.LEARN)
    later = [(now, left) for now, left, _ in machine.left if now > began]
    assert len(later) > 20
    for now, left in later:
        assert left == pytest.approx(machine.now - now, rel=0.25, abs=2.0)


def test_one_slow_phase_does_not_make_it_jump() -> None:
    machine = Machine(estimated(), {Phase.WRITE: 3.0})
    for (then, before, _), (now, left, share) in zip(machine.left, machine.left[1:], strict=False):
        assert left - before < max(3.0, 0.1 * before) + (now - then)
        assert 0 <= share <= 1
    shares = [share for *_, share in machine.left]
    assert shares == sorted(shares)
    assert shares[-1] > 0.95


def test_what_is_fresh_is_not_counted() -> None:
    estimate = estimated()
    said = list[Event]()
    with MakeClock(estimate, said.append, lambda: 0.0) as clock:
        clock(Event("train", EventKind.FRESH))
        clock(Event("evaluate", EventKind.START, "measuring"))
    later = [phase for phase in Phase if phase not in PHASES_OF["train"]]
    expected = sum(estimate.phases[phase] for phase in later)
    assert said[-1].numbers["make_seconds_left"] == pytest.approx(expected, rel=0.5)
    assert not any(event.what is EventKind.NOTE for event in said)


def test_the_rates_of_a_make_are_those_of_the_next_estimate() -> None:
    first = estimated()
    machine = Machine(first, dict.fromkeys(Phase, 2.0))
    took = machine.now - 100.0
    second = estimated()
    assert second.is_measured
    assert second.seconds == pytest.approx(took, rel=0.05)


def test_a_make_that_is_stopped_keeps_only_what_was_done() -> None:
    estimate = estimated()
    now = [0.0]
    with pytest.raises(KeyboardInterrupt), MakeClock(estimate, lambda _: None, lambda: now[0]) as c:
        c(Event("train", EventKind.START))
        now[0] += 7.0
        c(Event("train", EventKind.PROGRESS, phase=Phase.LEARN))
        c(Event("train", EventKind.METRICS, numbers={"tokens": 100.0}))
        now[0] += 10.0
        c(Event("train", EventKind.METRICS, numbers={"tokens": 200.0}))
        c(Event("train", EventKind.PROGRESS, phase=Phase.SETTLE))
        now[0] += 1.0
        raise KeyboardInterrupt
    assert measured_rates(estimate.rates_key) == {Phase.PREPARE: 7.0, Phase.LEARN: 0.1}
