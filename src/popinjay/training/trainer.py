"""The loop: step after step by the clock, validation watched and the best step kept, checkpoints on the way."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from popinjay.events import Event, EventKind, Listener, StopReason
from popinjay.inference.torch_decoder import TorchDecoder
from popinjay.models.language_model import bits_per_byte
from popinjay.options import SayOptions
from popinjay.sampling.generate import generate
from popinjay.store.files import append_json_line
from popinjay.text.quantities import duration
from popinjay.text.verbatim_index import VerbatimIndex
from popinjay.training.batches import schedule_batches
from popinjay.training.checkpoints import Checkpoints, TrainingState
from popinjay.training.outcome import TrainingSummary, caution, check_learnt
from popinjay.training.overhead import SHARE, Overhead
from popinjay.training.schedule import Schedule, learning_rate
from popinjay.training.train_step import TrainStep

STAGE = "train"
VALIDATIONS_PER_EPOCH = 3  # at the validation posts
PATIENCE = 6  # looks without a better one before it stops
MEMORIZATION_TOKENS = 40
MEMORIZATION_SAMPLES = (
    32  # posts written at the end of each epoch to hear whether it has begun to recite
)
SAMPLE_SECONDS = 15.0  # between posts written while it learns
LEAST_LEARNING = 0.5  # of a budget: so much is learnt in, however long the base took to load
MIN_VALIDATION_TEXTS = 16  # validation posts that are looked at, however short a budget is
BYTES_A_TOKEN = 4  # of a post, about
SLOWER_TO_WRITE = 3  # times what reading a token takes
BYTES_A_WEIGHT = 4
WRITTEN_A_SECOND = 300e6  # bytes of a model, on a disk of no great speed
TRIALS = 6  # steps, at most, that are timed before the first
TRIAL_SHARE = 0.02  # of the whole, that goes into them


@dataclass(frozen=True)
class Settings:
    """What a training goes by: the options with what the base's row, the machine and the budget fill in."""

    tune: str
    epochs: float
    learning_rate: float
    batch_tokens: int
    precision: str
    budget: float | None  # seconds
    seed: int


@dataclass
class Trainer:
    """One training, from its first step or from a checkpoint."""

    train_step: TrainStep
    sequences: list[list[int]]
    validation_texts: list[str]  # validation posts
    index: VerbatimIndex  # of the posts that are learnt
    settings: Settings
    checkpoints: Checkpoints
    listener: Listener
    started_at: float = field(default_factory=time.monotonic)
    state: TrainingState = field(default_factory=TrainingState)
    stop_reason: StopReason | None = None  # None while it goes on
    usual_epochs: bool = False  # nobody asked for as many
    overhead: Overhead = field(default_factory=lambda: Overhead(None))
    step_seconds: float = 0.0  # of all steps that this process did
    steps_timed: int = 0

    def run(self) -> None:
        """Train to the end, then put the best weights in place. Raises TrainingError where nothing was learnt."""
        self.state = self.checkpoints.restore(
            self.train_step.weights, self.train_step.optimizer.optimizers
        )
        steps, an_epoch = self.plan()
        every = max(1, an_epoch // VALIDATIONS_PER_EPOCH)
        began, budget, now = self.started_at - self.state.seconds, self.settings.budget, self.state
        self.overhead = Overhead(budget, now.overhead)
        if now.validation_count:
            self.validation_texts = in_fixed_shuffle(self.validation_texts)[: now.validation_count]
        if now.step:
            self.listener(
                Event(
                    STAGE,
                    EventKind.NOTE,
                    f"Going on from step {now.step:,} of {len(steps):,}, where the last training was stopped.",
                )
            )
        else:
            self.begin(steps, every)
        schedule = Schedule(len(steps), None if budget is None else now.budget, now.start)
        now.seconds, sampled = time.monotonic() - began, time.monotonic()
        while not self.reason_to_stop(schedule):
            started = time.monotonic()
            speed = learning_rate(
                schedule.progress(now.step, now.seconds), self.settings.learning_rate
            )
            loss, tokens = self.train_step.step([self.sequences[i] for i in steps[now.step]], speed)
            self.count_step(time.monotonic() - started)
            now.step, now.tokens, now.seconds = (
                now.step + 1,
                now.tokens + tokens,
                time.monotonic() - began,
            )
            self.write(
                {
                    "step": now.step,
                    "epoch": round(now.step / an_epoch, 4),
                    "loss": loss,
                    "learning_rate": speed,
                    "tokens": now.tokens,
                }
            )
            self.tell(loss, schedule)
            is_last = self.is_up(schedule)
            if is_last or (now.step % every == 0 and self.overhead.fits("look")):
                self.validate(
                    now.step,
                    listen=self.checks_memorization(now.step, every, an_epoch, is_last=is_last),
                )
                if (
                    not is_last
                    and time.monotonic() - sampled > SAMPLE_SECONDS
                    and self.overhead.fits("sample", self.guessed())
                ):
                    self.sample()
                    sampled = time.monotonic()
                now.seconds = time.monotonic() - began
            if self.checkpoints.due():
                now.overhead = self.overhead.spent
                self.checkpoints.save(
                    self.train_step.weights, self.train_step.optimizer.optimizers, now
                )
        now.seconds = time.monotonic() - began
        self.stop_reason = self.reason_to_stop(schedule)
        self.conclude(an_epoch)
        self.checkpoints.load_best(self.train_step.weights)

    def conclude(self, an_epoch: int) -> None:
        """Raise TrainingError where nothing was learnt, and warn where it was little."""
        now, settings = self.state, self.settings
        course = TrainingSummary(
            why=self.stop_reason,
            an_epoch=an_epoch,
            learning_rate=settings.learning_rate,
            step_seconds=self.step_seconds / self.steps_timed if self.steps_timed else None,
            other_seconds=max(0.0, now.seconds - self.step_seconds),
            by_budget=self.stop_reason is StopReason.TIME_WAS_UP,
            as_usual=self.usual_epochs and self.stop_reason is not StopReason.TIME_WAS_UP,
        )
        check_learnt(now, course)
        if said := caution(now, course):
            self.listener(
                Event(STAGE, EventKind.NOTE if course.as_usual else EventKind.WARNING, said)
            )

    def plan(self) -> tuple[list[list[int]], int]:
        """The batches of every step from first to last, and how many steps an epoch has."""
        return schedule_batches(
            [len(sequence) for sequence in self.sequences],
            self.settings.epochs,
            self.settings.batch_tokens,
            self.settings.seed,
        )

    def reason_to_stop(self, schedule: Schedule) -> StopReason | None:
        """Return why training ends here; None while it goes on."""
        now = self.state
        if now.memorizing:
            return StopReason.MEMORIZING
        if now.validations_since_best >= PATIENCE:
            return StopReason.NO_IMPROVEMENT
        if not self.is_up(schedule):
            return None
        is_done = now.step >= schedule.steps
        return StopReason.ALL_STEPS_DONE if is_done else StopReason.TIME_WAS_UP

    def is_up(self, schedule: Schedule) -> bool:
        """Return whether the way is done, or most of another step would be beyond it."""
        half_a_step = self.step_seconds / self.steps_timed / 2 if self.steps_timed else 0.0
        return schedule.is_up(self.state.step, self.state.seconds + half_a_step)

    def seconds_left(self) -> float | None:
        """Return how long what comes after it may take: the rest of a budget, at least a tenth; None for any time."""
        budget = self.settings.budget
        return (
            None
            if budget is None
            else max(SHARE * budget, budget - (time.monotonic() - self.started_at))
        )

    def count_step(self, seconds: float) -> None:
        """Remember how long a step took."""
        self.step_seconds += seconds
        self.steps_timed += 1

    def checks_memorization(self, step: int, every: int, an_epoch: int, *, is_last: bool) -> bool:
        """Return whether it is time to hear whether it recites: each epoch and in the end, if a budget has room for it.

        A budget that ends within the first epoch is not spent on it: no post has been seen twice.
        """
        if self.settings.budget is None:
            return is_last or step % (VALIDATIONS_PER_EPOCH * every) == 0
        is_due = step >= an_epoch and (is_last or step % (VALIDATIONS_PER_EPOCH * every) == 0)
        return is_due and self.overhead.fits("listen", self.guessed())

    def guessed(self) -> float:
        """Guess how long listening takes (seconds) before it was done once, from the last look."""
        tokens = sum(len(text.encode()) for text in self.validation_texts) / BYTES_A_TOKEN
        return (
            SLOWER_TO_WRITE
            * self.overhead.costs.get("look", 0.0)
            * MEMORIZATION_SAMPLES
            * MEMORIZATION_TOKENS
            / max(1.0, tokens)
        )

    def begin(self, steps: list[list[int]], every: int) -> None:
        """Score the base, and say how long it is going to take. A budget is not spent on finding that out."""
        if self.overhead.a_look is not None:
            self.choose_validation_texts(self.overhead.a_look)
        self.validate(0)
        looking, gone = self.overhead.costs["look"], time.monotonic() - self.started_at
        self.state.start = gone
        if self.settings.budget is not None:
            writing = self.train_step.model.parameters * BYTES_A_WEIGHT / WRITTEN_A_SECOND
            self.state.budget = max(
                self.settings.budget - looking - writing,
                gone + LEAST_LEARNING * self.settings.budget,
            )
            seconds = self.state.budget + looking + writing
            late = (
                f": loading the base model took {duration(gone)}"
                if seconds > self.settings.budget
                else ""
            )
            said = f"It will take {duration(seconds)} at most{late}."
            self.listener(Event(STAGE, EventKind.NOTE, said, numbers={"seconds": seconds}))
            return
        seconds = (
            gone + self.seconds_a_step(steps) * len(steps) + looking * (1 + len(steps) // every)
        )
        self.state.start = time.monotonic() - self.started_at
        self.listener(
            Event(
                STAGE,
                EventKind.NOTE,
                f"It will take about {duration(seconds)}.",
                numbers={"seconds": seconds},
            )
        )

    def choose_validation_texts(self, seconds: float) -> None:
        """Keep as many validation posts as are scored in so many seconds, by chance and always the same ones."""
        shuffled = in_fixed_shuffle(self.validation_texts)
        with self.overhead.timed("choice"), self.train_step.whole():
            self.train_step.model.bits(shuffled[:MIN_VALIDATION_TEXTS])  # the first time is slower
            began = time.monotonic()
            self.train_step.model.bits(shuffled[:MIN_VALIDATION_TEXTS])
            a_post = (time.monotonic() - began) / MIN_VALIDATION_TEXTS
        count = max(MIN_VALIDATION_TEXTS, int(seconds / max(a_post, 1e-9)))
        if count < len(shuffled):
            self.state.validation_count, self.validation_texts = count, shuffled[:count]

    def seconds_a_step(self, steps: list[list[int]]) -> float:
        """How long a step takes here, tried on some batches at a rate of zero, which changes nothing."""
        times: list[float] = []
        for batch in islice(steps[:: max(1, len(steps) // TRIALS)], TRIALS):
            began = time.monotonic()
            self.train_step.step([self.sequences[i] for i in batch], 0.0)
            times.append(time.monotonic() - began)
            if len(times) > 1 and sum(times) > TRIAL_SHARE * len(steps) * times[-1]:
                break
        self.train_step.optimizer.reset()  # without what they remember of these
        warm = times[1:] or times  # the first is slower
        return sum(warm) / len(warm)

    def validate(self, step: int, *, listen: bool = False) -> None:
        """Score the validation posts, and remember the weights where they are the best so far and do not recite."""
        now = self.state
        with self.overhead.timed("look"), self.train_step.whole():
            score = bits_per_byte(
                self.train_step.model.bits(self.validation_texts), self.validation_texts
            )
        row = {"step": step, "validation_bits_per_byte": score}
        if listen:
            with self.overhead.timed("listen"), self.train_step.whole():
                row["copied"] = self.memorized_share(step)
            now.memorizing = row["copied"] > self.max_memorized_share()
        self.write(row)
        now.last = score
        if step == 0:
            now.first = score
        if score < now.best and not now.memorizing:
            now.best, now.best_step, now.validations_since_best = score, step, 0
            self.checkpoints.keep_best(self.train_step.weights)
        else:
            now.validations_since_best += 1

    def memorized_share(self, step: int) -> float:
        """The share of what it writes now, as it writes it, that repeats a post it learns from."""
        said = generate(
            TorchDecoder(self.train_step.model),
            SayOptions(n=MEMORIZATION_SAMPLES, max_tokens=MEMORIZATION_TOKENS, seed=step),
        )
        return self.index.share([post.text for post in said])

    def max_memorized_share(self) -> float:
        """From which share on it recites: more than the author repeats themselves, by more than chance (two standard errors).

        Copying rises in the first epochs, often before the loss is at its best (arXiv 2510.11372).
        """
        own = self.index.share(self.validation_texts)
        chance = max(own, 1 / MEMORIZATION_SAMPLES)
        return own + 2 * math.sqrt(chance * (1 - chance) / MEMORIZATION_SAMPLES)

    def sample(self) -> None:
        """Let it say something, so that whoever waits can hear it learn."""
        with self.overhead.timed("sample"), self.train_step.whole():
            said = generate(
                TorchDecoder(self.train_step.model),
                SayOptions(n=1, max_tokens=60, seed=self.state.step),
            )[0]
        self.listener(Event(STAGE, EventKind.SAMPLE, said.text))

    def tell(self, loss: float, schedule: Schedule) -> None:
        """Say how far it is."""
        now = self.state
        numbers = {
            "loss": loss,
            "validation_bits_per_byte": now.best,
            "tokens_per_second": now.tokens / max(now.seconds, 1e-6),
            "seconds_left": schedule.seconds_left(now.step, now.seconds),
        }
        self.listener(
            Event(
                STAGE,
                EventKind.PROGRESS,
                "",
                done=now.step,
                total=schedule.steps,
                unit="steps",
                numbers=numbers,
            )
        )

    def write(self, row: dict[str, Any]) -> None:
        """Add a line to the metrics. No clock in it: the same seed gives the same file."""
        append_json_line(self.checkpoints.metrics, row, durable=False)
        self.listener(
            Event(
                STAGE,
                EventKind.METRICS,
                done=row["step"],
                numbers={name: value for name, value in row.items() if name != "step"},
            )
        )


def in_fixed_shuffle(texts: Sequence[str]) -> list[str]:
    """Texts in an order by chance, always the same one."""
    return random.Random(0).sample(texts, len(texts))
