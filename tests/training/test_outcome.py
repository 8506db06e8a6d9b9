"""Tests of the outcome of a training: its message, and what a time budget counts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from popinjay.errors import TrainingError
from popinjay.events import Event, EventKind, StopReason
from popinjay.text.verbatim_index import VerbatimIndex
from popinjay.training import overhead, samples, trainer
from popinjay.training.checkpoints import Checkpoints, TrainingState
from popinjay.training.outcome import TrainingSummary, as_budget, caution, check_learnt
from popinjay.training.overhead import Overhead
from popinjay.training.schedule import Schedule, learning_rate
from popinjay.training.trainer import Settings, Trainer

COURSE = TrainingSummary(
    why=StopReason.ALL_STEPS_DONE,
    steps_per_epoch=100,
    learning_rate=0.5,
    step_seconds=2.0,
    other_seconds=10.0,
)


def course(**more: Any) -> TrainingSummary:
    from dataclasses import replace

    return replace(COURSE, **more)


def state_with(**more: Any) -> TrainingState:
    return TrainingState(
        **{
            "step": 200,
            "tokens": 9000,
            "best_step": 50,
            "best": 2.0,
            "first": 2.5,
            "last": 2.1,
            **more,
        }
    )


def test_a_successful_training_gives_no_message() -> None:
    check_learnt(state_with(), COURSE)
    assert caution(state_with(), COURSE) == ("", "")


@pytest.mark.parametrize("last", [110.0, math.inf, math.nan])
def test_a_diverged_training_is_a_failure(last: float) -> None:
    for best in ({"best_step": 0, "best": 2.5}, {"best_step": 3, "best": 2.49}):
        with pytest.raises(TrainingError, match="diverged") as caught:
            check_learnt(state_with(last=last, **best), course(why=StopReason.TIME_WAS_UP))
        assert "smaller --learning-rate (it was 0.5)" in caught.value.hint


def test_one_that_diverged_after_it_had_learnt_keeps_that_and_says_so() -> None:
    check_learnt(state_with(last=9.0), COURSE)
    assert "diverged after step 50" in caution(state_with(last=9.0), COURSE)[0]


def test_a_best_step_of_zero_is_a_failure_with_a_hint() -> None:
    nothing = state_with(best_step=0, best=2.5, last=2.6)
    with pytest.raises(TrainingError, match="No step was better than the base") as caught:
        check_learnt(nothing, COURSE)
    assert "--learning-rate" in caught.value.hint
    with pytest.raises(TrainingError, match="began to recite"):
        check_learnt(state_with(best_step=0, best=2.5, memorizing=True), COURSE)
    with pytest.raises(
        TrainingError, match="time was up before anything was learnt: 9,000 tokens"
    ) as caught:
        check_learnt(nothing, course(why=StopReason.TIME_WAS_UP, by_budget=True))
    assert (
        "One epoch takes about 3.3 min here: use --budget 5m" in caught.value.hint
    )  # 200 s, with room, and what is not steps
    with pytest.raises(TrainingError) as caught:
        check_learnt(
            state_with(step=0, tokens=0, best_step=0),
            course(why=StopReason.TIME_WAS_UP, step_seconds=None),
        )
    assert "longer --budget" in caught.value.hint


def test_less_than_an_epoch_is_reported_with_the_time_of_one() -> None:
    said, on_page = caution(state_with(step=40), course(by_budget=True))
    assert "--" not in on_page
    assert "40% of the posts" in said
    assert "--budget 5m" in said
    assert "--epochs 1" in caution(state_with(step=40), COURSE)[0]
    # The base's own row has it so.
    assert "--" not in caution(state_with(step=40), course(default_epochs=True))[0]
    assert caution(state_with(step=100), COURSE) == ("", "")


@pytest.mark.parametrize(
    ("seconds", "said"), [(1, "10s"), (80, "80s"), (81, "90s"), (91, "2m"), (600, "10m")]
)
def test_budgets_are_shown_as_typed(seconds: float, said: str) -> None:
    assert as_budget(seconds) == said


def test_the_schedule_begins_with_the_first_step() -> None:
    schedule = Schedule(1000, budget=30.0, start=20.0)
    assert schedule.progress(0, 20.0) == pytest.approx(0.0005)
    assert schedule.progress(1, 25.0) == 0.5
    # It warms up, however long the base took to load.
    assert learning_rate(schedule.progress(0, 20.0), 1.0) < 0.1


def test_overhead_is_a_tenth_of_a_budget_and_leaves_room_for_the_last_validation() -> None:
    free = Overhead(None)
    assert free.validation_seconds is None
    assert free.fits("sample", 1e9)
    kept = Overhead(100.0, spent=6.0, costs={"validation": 2.0})
    assert kept.validation_seconds == 2.5
    assert kept.fits("validation")
    assert kept.fits("memorization", guess=2.0)
    assert not kept.fits("memorization", guess=2.1)
    kept.spent = 6.1
    assert not kept.fits("validation")


# the loop, on a machine of any speed


class Slow:
    """A train step whose steps and validations take time of a clock that only they move."""

    def __init__(self, now: list[float], step: float, a_post: float, bits: Iterator[float]) -> None:
        self.now, self._step, self._a_post, self._bits = now, step, a_post, bits
        self.weights: dict[str, Any] = {}
        self.optimizer, self.model = self, self
        self.optimizers: dict[str, Any] = {}
        self.parameters = 1000
        self.looked: list[int] = []

    def step(self, batch: Any, rate: float) -> tuple[float, int]:
        self.now[0] += self._step
        return 1.0, sum(map(len, batch))

    def bits(self, texts: list[str]) -> list[float]:
        self.now[0] += self._a_post * len(texts)
        self.looked.append(len(texts))
        a_byte = next(self._bits)
        return [a_byte * len(text) for text in texts]

    def reset(self) -> None:
        pass

    @contextmanager
    def full_model(self) -> Iterator[None]:
        yield


def falling() -> Iterator[float]:
    value = 3.0
    while True:
        yield value
        value *= 0.99


def trained(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *,
    budget: float | None,
    step: float,
    a_post: float,
    loading: float = 0.0,
    a_sample: float = 0.0,
    heard: list[tuple[float, float]] | None = None,
) -> tuple[Trainer, Slow, list[Event]]:
    now = [1000.0]
    said = list[Event]()

    def listen(event: Event) -> None:
        said.append(event)
        if heard is not None and "seconds_left" in event.numbers:
            heard.append((now[0], event.numbers["seconds_left"]))

    for module in (trainer, overhead, samples):
        monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(Checkpoints, "restore", lambda *_: TrainingState())
    monkeypatch.setattr(Checkpoints, "keep_best", lambda *_: None)
    monkeypatch.setattr(Checkpoints, "load_best", lambda *_: None)
    monkeypatch.setattr(Checkpoints, "due", lambda _: False)
    train_step = Slow(now, step, a_post, falling())
    sequences = [[place] * 40 for place in range(2000)]
    watched = [f"post number {n} of the lamp" for n in range(400)]
    settings = Settings("full", 3.0, 0.01, 400, "fp32", budget, 0)
    found = Trainer(
        cast(Any, train_step),
        sequences,
        watched,
        VerbatimIndex(),
        settings,
        Checkpoints(folder, "key"),
        listen,
    )
    found.started_at = now[0]
    now[0] += loading
    monkeypatch.setattr(trainer, "memorized_share", lambda *_: 0.0)

    def write_sample(model: object, seed: int, opening: str) -> str:
        now[0] += a_sample
        return "a post"

    monkeypatch.setattr(trainer, "write_sample", write_sample)
    found.run()
    return found, train_step, said


def test_a_budget_is_kept_on_a_slow_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Validating with all 400 posts would take 20 s each time."""
    found, train_step, said = trained(monkeypatch, tmp_path, budget=20.0, step=0.7, a_post=0.05)
    assert 18.0 < train_step.now[0] - 1000.0 <= 20.5
    assert found.state.tokens > 5000
    assert found.state.best_step > 0
    assert max(train_step.looked) == 16
    assert any(event.what is EventKind.WARNING and "--budget" in event.message for event in said)


def test_validations_take_a_tenth_of_the_budget(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found, train_step, _ = trained(monkeypatch, tmp_path, budget=100.0, step=0.2, a_post=0.01)
    assert found.overhead.spent <= 10.0 + 1e-6
    # Two to find out how long they take, the first, the last, and some between.
    assert len(train_step.looked) > 4
    assert train_step.looked[-1] == 250  # of 400, in 2.5 s


def test_after_slow_loading_half_of_the_budget_is_for_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found, train_step, said = trained(
        monkeypatch, tmp_path, budget=20.0, step=0.5, a_post=0.001, loading=30.0
    )
    assert 39.0 < train_step.now[0] - 1000.0 < 42.0
    assert found.state.tokens > 0
    assert any("at most: loading the base model took 30 s" in event.message for event in said)


def test_later_stages_get_the_rest_or_a_tenth(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found, _, _ = trained(monkeypatch, tmp_path, budget=20.0, step=0.7, a_post=0.001)
    assert found.seconds_left() == 2.0
    found, train_step, _ = trained(monkeypatch, tmp_path, budget=1000.0, step=0.1, a_post=0.001)
    assert found.stop_reason is StopReason.ALL_STEPS_DONE
    assert found.seconds_left() == pytest.approx(2000.0 - train_step.now[0])


def test_a_large_budget_is_not_used_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found, train_step, said = trained(
        monkeypatch, tmp_path, budget=100_000.0, step=0.01, a_post=0.0001
    )
    assert found.stop_reason is StopReason.ALL_STEPS_DONE
    assert train_step.looked[-1] == 400
    assert not [event for event in said if event.what is EventKind.WARNING]


def test_a_step_longer_than_the_budget_is_a_failure_with_the_needed_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def level() -> Iterator[float]:
        while True:
            yield 3.0

    monkeypatch.setattr(f"{__name__}.falling", level)
    with pytest.raises(TrainingError, match="time was up before anything was learnt") as caught:
        trained(monkeypatch, tmp_path, budget=20.0, step=15.0, a_post=0.001)
    assert "One epoch takes about 50 min here" in caught.value.hint


def test_samples_come_by_time_and_cost_a_twentieth(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found, train_step, said = trained(
        monkeypatch, tmp_path, budget=None, step=0.5, a_post=0.001, a_sample=0.1
    )
    shown = [event.done for event in said if event.what is EventKind.SAMPLE]
    assert shown[0] == 0  # before it has learnt anything
    assert cast(float, shown[1]) <= 10  # four seconds later, at two steps a second
    pauses = [later - one for one, later in pairwise(cast(list[float], shown[1:]))]
    assert pauses[0] < pauses[len(pauses) // 2] < pauses[-1]
    assert len(shown) > 10
    assert len(shown) * 0.1 < 0.05 * (train_step.now[0] - found.started_at)

    _, train_step, said = trained(
        monkeypatch, tmp_path, budget=None, step=0.5, a_post=0.001, a_sample=2.0
    )
    count = sum(event.what is EventKind.SAMPLE for event in said)
    assert count > 2
    assert (count - 1) * 2.0 < 0.05 * (train_step.now[0] - found.started_at)


def test_the_time_left_is_right_on_a_steady_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock = list[tuple[float, float]]()
    _, train_step, _ = trained(
        monkeypatch, tmp_path, budget=None, step=0.5, a_post=0.01, heard=clock
    )
    end = train_step.now[0]
    assert len(clock) > 100
    for now, left in clock:
        assert left == pytest.approx(end - now, rel=0.25, abs=30.0)
