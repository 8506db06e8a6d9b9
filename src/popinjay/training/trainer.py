"""The training loop: step by step along the schedule, with validation and checkpoints."""

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
from popinjay.training.overhead import (
    MEMORIZATION,
    OVERHEAD_SHARE,
    SAMPLE,
    SETUP,
    VALIDATION,
    Overhead,
)
from popinjay.training.schedule import Schedule, learning_rate
from popinjay.training.train_step import TrainStep

STAGE = "train"
VALIDATIONS_PER_EPOCH = 3
PATIENCE = 6  # validations without an improvement before training stops
MEMORIZATION_SAMPLES = 32  # posts generated to check for memorization
MEMORIZATION_TOKENS = 40  # of each of them, at most
SAMPLE_TOKENS = 60  # of a sample shown during training, at most
SAMPLE_SECONDS = 15.0  # between samples, at least
MIN_TRAINING_SHARE = 0.5  # of a budget is trained in, however long loading the base model took
MIN_VALIDATION_TEXTS = 16  # however short the budget is
BYTES_PER_TOKEN = 4  # of a post, about
GENERATION_SLOWDOWN = 3  # generating a token takes about this many times as long as scoring one
BYTES_PER_WEIGHT = 4
DISK_BYTES_PER_SECOND = 300e6  # for saving the model: a slow disk
MAX_TIMED_STEPS = 6  # before training starts, to estimate its duration
TIMED_STEPS_SHARE = 0.02  # of the training's steps, at most, are timed


@dataclass(frozen=True)
class Settings:
    """The settings of a training: the options, completed by the base model, device and budget."""

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
    sequences: list[list[int]]  # token ids
    validation_texts: list[str]
    index: VerbatimIndex  # of the training posts
    settings: Settings
    checkpoints: Checkpoints
    listener: Listener
    started_at: float = field(default_factory=time.monotonic)
    state: TrainingState = field(default_factory=TrainingState)
    stop_reason: StopReason | None = None  # None while it goes on
    default_epochs: bool = False  # the user did not choose the number of epochs
    overhead: Overhead = field(default_factory=lambda: Overhead(None))
    step_seconds: float = 0.0  # spent on steps by this process
    steps_timed: int = 0
    last_sample_at: float = 0.0

    def run(self) -> None:
        """Train to the end, then load the best weights.

        Raises TrainingError if nothing was learnt.
        """
        weights = self.train_step.weights
        optimizers = self.train_step.optimizer.optimizers
        self.state = state = self.checkpoints.restore(weights, optimizers)
        clock_start = self.started_at - state.seconds  # earlier processes count
        steps, steps_per_epoch = self.plan()
        validate_every = max(1, steps_per_epoch // VALIDATIONS_PER_EPOCH)

        self.overhead = Overhead(self.settings.budget, state.overhead)
        if state.step:
            self.resume(len(steps))
        else:
            self.begin(steps, validate_every)
        budget = None if self.settings.budget is None else state.budget
        schedule = Schedule(len(steps), budget, state.start)
        state.seconds = time.monotonic() - clock_start
        self.last_sample_at = time.monotonic()

        while not self.reason_to_stop(schedule):
            # One step: forward, backward, update
            started = time.monotonic()
            progress = schedule.progress(state.step, state.seconds)
            rate = learning_rate(progress, self.settings.learning_rate)
            batch = [self.sequences[i] for i in steps[state.step]]
            loss, tokens = self.train_step.step(batch, rate)
            self.count_step(time.monotonic() - started)
            state.step += 1
            state.tokens += tokens
            state.seconds = time.monotonic() - clock_start
            self.log_step(loss, rate, steps_per_epoch)
            self.report_progress(loss, schedule)

            # Validation, and now and then a check for memorization and a sample
            is_last = self.is_up(schedule)
            is_due = state.step % validate_every == 0 and self.overhead.fits(VALIDATION)
            if is_last or is_due:
                check_memorization = self.is_memorization_check_due(
                    validate_every, steps_per_epoch, is_last=is_last
                )
                self.validate(state.step, check_memorization=check_memorization)
                if not is_last and self.is_sample_due():
                    self.sample()
                state.seconds = time.monotonic() - clock_start

            # Checkpoint
            if self.checkpoints.due():
                state.overhead = self.overhead.spent
                self.checkpoints.save(weights, optimizers, state)

        state.seconds = time.monotonic() - clock_start
        self.stop_reason = self.reason_to_stop(schedule)
        self.conclude(steps_per_epoch)
        self.checkpoints.load_best(weights)

    # before the first step

    def plan(self) -> tuple[list[list[int]], int]:
        """Return the batch of every step (indices of sequences), and the steps per epoch."""
        return schedule_batches(
            [len(sequence) for sequence in self.sequences],
            self.settings.epochs,
            self.settings.batch_tokens,
            self.settings.seed,
        )

    def resume(self, step_count: int) -> None:
        """Continue from the checkpoint, on the same validation texts as before."""
        if self.state.validation_count:
            shuffled = deterministic_shuffle(self.validation_texts)
            self.validation_texts = shuffled[: self.state.validation_count]
        self.note(
            f"Resuming from step {self.state.step:,} of {step_count:,}, "
            "where the last training was stopped."
        )

    def begin(self, steps: list[list[int]], validate_every: int) -> None:
        """Score the base model, and announce how long the training will take.

        None of a budget is spent on timing steps.
        """
        budget = self.settings.budget
        if self.overhead.validation_seconds is not None:
            self.choose_validation_texts(self.overhead.validation_seconds)
        self.validate(0)
        validation_seconds = self.overhead.costs[VALIDATION]
        loading_seconds = time.monotonic() - self.started_at
        if budget is not None:
            self.state.start = loading_seconds
            self.divide_budget(budget, validation_seconds)
            return
        validation_count = 1 + len(steps) // validate_every
        step_seconds = self.seconds_per_step(steps)
        self.state.start = time.monotonic() - self.started_at
        seconds = (
            loading_seconds + step_seconds * len(steps) + validation_seconds * validation_count
        )
        self.note(f"It will take about {duration(seconds)}.", seconds=seconds)

    def divide_budget(self, budget: float, validation_seconds: float) -> None:
        """Reserve time of the budget (seconds) for the last validation and saving the model."""
        loading_seconds = self.state.start
        saving_seconds = self.train_step.model.parameters * BYTES_PER_WEIGHT / DISK_BYTES_PER_SECOND
        self.state.budget = max(
            budget - validation_seconds - saving_seconds,
            loading_seconds + MIN_TRAINING_SHARE * budget,
        )
        seconds = self.state.budget + validation_seconds + saving_seconds
        reason = ""
        if seconds > budget:
            reason = f": loading the base model took {duration(loading_seconds)}"
        self.note(f"It will take {duration(seconds)} at most{reason}.", seconds=seconds)

    def choose_validation_texts(self, seconds: float) -> None:
        """Keep a fixed random subset of the validation texts that is scored in this time."""
        shuffled = deterministic_shuffle(self.validation_texts)
        with self.overhead.timed(SETUP), self.train_step.full_model():
            self.train_step.model.bits(shuffled[:MIN_VALIDATION_TEXTS])  # warm-up, not timed
            started = time.monotonic()
            self.train_step.model.bits(shuffled[:MIN_VALIDATION_TEXTS])
            seconds_per_text = (time.monotonic() - started) / MIN_VALIDATION_TEXTS
        count = max(MIN_VALIDATION_TEXTS, int(seconds / max(seconds_per_text, 1e-9)))
        if count < len(shuffled):
            self.state.validation_count = count
            self.validation_texts = shuffled[:count]

    def seconds_per_step(self, steps: list[list[int]]) -> float:
        """Time some steps at a learning rate of zero, which leaves the weights as they are."""
        times: list[float] = []
        spread = steps[:: max(1, len(steps) // MAX_TIMED_STEPS)]
        for batch in islice(spread, MAX_TIMED_STEPS):
            started = time.monotonic()
            self.train_step.step([self.sequences[i] for i in batch], 0.0)
            times.append(time.monotonic() - started)
            if len(times) > 1 and sum(times) > TIMED_STEPS_SHARE * len(steps) * times[-1]:
                break
        self.train_step.optimizer.reset()  # forget the moments of these steps
        warm = times[1:] or times  # the first step is slower
        return sum(warm) / len(warm)

    # during training

    def count_step(self, seconds: float) -> None:
        """Count the duration of a step."""
        self.step_seconds += seconds
        self.steps_timed += 1

    def reason_to_stop(self, schedule: Schedule) -> StopReason | None:
        """Return why training must stop now, or None to continue."""
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
        """Return whether all steps are done, or most of another would exceed the budget."""
        half_a_step = self.step_seconds / self.steps_timed / 2 if self.steps_timed else 0.0
        return schedule.is_up(self.state.step, self.state.seconds + half_a_step)

    def seconds_left(self) -> float | None:
        """Return the seconds that the stage may still take; None without a budget.

        That is the rest of the budget, and at least a tenth of it.
        """
        budget = self.settings.budget
        if budget is None:
            return None
        return max(OVERHEAD_SHARE * budget, budget - (time.monotonic() - self.started_at))

    def validate(self, step: int, *, check_memorization: bool = False) -> None:
        """Score the validation texts, and keep the weights if they are the best so far.

        Weights that have begun to memorize training posts are never kept.
        """
        state = self.state
        with self.overhead.timed(VALIDATION), self.train_step.full_model():
            bits = self.train_step.model.bits(self.validation_texts)
            score = bits_per_byte(bits, self.validation_texts)
        row = {"step": step, "validation_bits_per_byte": score}
        if check_memorization:
            with self.overhead.timed(MEMORIZATION), self.train_step.full_model():
                row["copied"] = self.memorized_share(step)
            state.memorizing = row["copied"] > self.max_memorized_share()
        self.log_metrics(row)
        state.last = score
        if step == 0:
            state.first = score
        if score < state.best and not state.memorizing:
            state.best = score
            state.best_step = step
            state.validations_since_best = 0
            self.checkpoints.keep_best(self.train_step.weights)
        else:
            state.validations_since_best += 1

    def is_memorization_check_due(
        self, validate_every: int, steps_per_epoch: int, *, is_last: bool
    ) -> bool:
        """Return whether this validation checks for memorization: once per epoch and at the end.

        With a budget, only if there is time for it, and not within the first epoch, in which no
        post is seen twice.
        """
        step = self.state.step
        is_due = is_last or step % (VALIDATIONS_PER_EPOCH * validate_every) == 0
        if self.settings.budget is None:
            return is_due
        if not is_due or step < steps_per_epoch:
            return False
        return self.overhead.fits(MEMORIZATION, self.estimated_check_seconds())

    def estimated_check_seconds(self) -> float:
        """Estimate the duration of a memorization check from that of the last validation."""
        validation_bytes = sum(len(text.encode()) for text in self.validation_texts)
        return (
            GENERATION_SLOWDOWN
            * self.overhead.costs.get(VALIDATION, 0.0)
            * MEMORIZATION_SAMPLES
            * MEMORIZATION_TOKENS
            / max(1.0, validation_bytes / BYTES_PER_TOKEN)
        )

    def memorized_share(self, step: int) -> float:
        """Return the share of unfiltered samples that repeat a training post verbatim."""
        posts = generate(
            TorchDecoder(self.train_step.model),
            SayOptions(n=MEMORIZATION_SAMPLES, max_tokens=MEMORIZATION_TOKENS, seed=step),
        )
        return self.index.share([post.text for post in posts])

    def max_memorized_share(self) -> float:
        """Return the share of copies above which the model is memorizing.

        It is the author's own share of repetitions plus two standard errors. Copying rises in the
        first epochs, often before the loss is at its best (arXiv 2510.11372).
        """
        own = self.index.share(self.validation_texts)
        share = max(own, 1 / MEMORIZATION_SAMPLES)
        return own + 2 * math.sqrt(share * (1 - share) / MEMORIZATION_SAMPLES)

    # after the last step

    def conclude(self, steps_per_epoch: int) -> None:
        """Raise TrainingError if nothing was learnt; notify the user if it was little."""
        state = self.state
        summary = TrainingSummary(
            why=self.stop_reason,
            steps_per_epoch=steps_per_epoch,
            learning_rate=self.settings.learning_rate,
            step_seconds=self.step_seconds / self.steps_timed if self.steps_timed else None,
            other_seconds=max(0.0, state.seconds - self.step_seconds),
            by_budget=self.stop_reason is StopReason.TIME_WAS_UP,
            default_epochs=self.default_epochs and self.stop_reason is not StopReason.TIME_WAS_UP,
        )
        check_learnt(state, summary)
        message, page_message = caution(state, summary)
        if message:
            kind = EventKind.NOTE if summary.default_epochs else EventKind.WARNING
            self.listener(Event(STAGE, kind, message, page_message=page_message))

    # metrics and events

    def is_sample_due(self) -> bool:
        """Return whether the last sample is long enough ago, and there is time for another."""
        if time.monotonic() - self.last_sample_at <= SAMPLE_SECONDS:
            return False
        return self.overhead.fits(SAMPLE, self.estimated_check_seconds())

    def sample(self) -> None:
        """Generate a post, to show the user what the model has learnt so far."""
        with self.overhead.timed(SAMPLE), self.train_step.full_model():
            posts = generate(
                TorchDecoder(self.train_step.model),
                SayOptions(n=1, max_tokens=SAMPLE_TOKENS, seed=self.state.step),
            )
        self.listener(Event(STAGE, EventKind.SAMPLE, posts[0].text))
        self.last_sample_at = time.monotonic()

    def note(self, message: str, **numbers: float) -> None:
        """Send the user a message."""
        self.listener(Event(STAGE, EventKind.NOTE, message, numbers=numbers))

    def report_progress(self, loss: float, schedule: Schedule) -> None:
        """Report how far the training is."""
        state = self.state
        numbers = {
            "loss": loss,
            "validation_bits_per_byte": state.best,
            "tokens_per_second": state.tokens / max(state.seconds, 1e-6),
            "seconds_left": schedule.seconds_left(state.step, state.seconds),
        }
        self.listener(
            Event(
                STAGE,
                EventKind.PROGRESS,
                "",
                done=state.step,
                total=schedule.steps,
                unit="steps",
                numbers=numbers,
            )
        )

    def log_step(self, loss: float, rate: float, steps_per_epoch: int) -> None:
        """Log the metrics of the step just done."""
        self.log_metrics(
            {
                "step": self.state.step,
                "epoch": round(self.state.step / steps_per_epoch, 4),
                "loss": loss,
                "learning_rate": rate,
                "tokens": self.state.tokens,
            }
        )

    def log_metrics(self, row: dict[str, Any]) -> None:
        """Append a line to the metrics, and report it.

        It holds no times, so that the same seed gives the same file.
        """
        append_json_line(self.checkpoints.metrics, row, durable=False)
        numbers = {name: value for name, value in row.items() if name != "step"}
        self.listener(Event(STAGE, EventKind.METRICS, done=row["step"], numbers=numbers))


def deterministic_shuffle(texts: Sequence[str]) -> list[str]:
    """Return the texts in a random order that is always the same."""
    return random.Random(0).sample(texts, len(texts))
