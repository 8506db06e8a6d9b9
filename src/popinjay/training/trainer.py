"""The training loop: step by step along the schedule, with validation and checkpoints."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from popinjay.events import Listener, StopReason
from popinjay.interrupts import Terminated, interrupts_held
from popinjay.models.language_model import bits_per_byte
from popinjay.text.quantities import duration
from popinjay.text.verbatim_index import VerbatimIndex
from popinjay.training.batches import schedule_batches
from popinjay.training.checkpoints import Checkpoints, TrainingState
from popinjay.training.memorization import (
    BYTES_PER_TOKEN,
    estimated_seconds,
    max_memorized_share,
    memorized_share,
)
from popinjay.training.outcome import TrainingSummary, caution, check_learnt, has_diverged
from popinjay.training.overhead import (
    MEMORIZATION,
    OVERHEAD_SHARE,
    SAMPLE,
    SETUP,
    VALIDATION,
    Overhead,
)
from popinjay.training.reporter import TrainingReporter
from popinjay.training.samples import SAMPLE_SHARE, SampleSchedule, write_sample
from popinjay.training.schedule import Schedule, learning_rate
from popinjay.training.train_step import TrainStep

VALIDATIONS_PER_EPOCH = 3
PATIENCE = 6  # validations without an improvement before training stops
MIN_TRAINING_SHARE = 0.5  # of a budget is trained in, however long loading the base model took
MIN_VALIDATION_TEXTS = 16  # however short the budget is
GRADIENT_SLOWDOWN = 3  # learning a token takes about this many times as long as scoring one
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
    opening: str = ""  # of the sample before the first step
    overhead: Overhead = field(default_factory=lambda: Overhead(None))
    step_seconds: float = 0.0  # spent on steps by this process
    steps_timed: int = 0
    seconds_before: float = 0.0  # spent by earlier processes
    samples: SampleSchedule = field(default_factory=SampleSchedule)
    steps_per_epoch: int = 1
    validate_every: int = 1  # steps
    validations: int | None = None  # of an update, in all; None: VALIDATIONS_PER_EPOCH

    def __post_init__(self) -> None:
        self.report = TrainingReporter(self.listener, self.checkpoints.metrics)

    @property
    def is_update(self) -> bool:
        """Whether it started from a trained model, whose weights stay if none are better."""
        return self.validations is not None

    def run(self) -> None:
        """Train to the end, then load the best weights.

        Raises TrainingError if nothing was learnt.
        """
        weights = self.train_step.weights
        optimizers = self.train_step.optimizer.optimizers
        self.state = state = self.checkpoints.restore(weights, optimizers)
        self.seconds_before = state.seconds
        steps, self.steps_per_epoch = self.plan()
        self.validate_every = max(1, self.steps_per_epoch // VALIDATIONS_PER_EPOCH)
        if self.validations is not None:
            self.validate_every = max(1, math.ceil(len(steps) / self.validations))

        self.overhead = Overhead(self.settings.budget, state.overhead)
        if state.step:
            self.resume(len(steps))
        else:
            self.begin(steps)
        budget = None if self.settings.budget is None else state.budget
        schedule = Schedule(len(steps), budget, state.start)
        self.count_time()
        try:
            self.loop(steps, schedule)
        except (KeyboardInterrupt, Terminated):
            self.save_interrupted()
            raise

        self.count_time()
        self.stop_reason = self.reason_to_stop(schedule)
        self.conclude()
        self.checkpoints.load_best(weights)

    def loop(self, steps: list[list[int]], schedule: Schedule) -> None:
        """Train step by step until there is a reason to stop."""
        state = self.state
        if state.is_validation_due:
            self.validate_step(schedule)
        while not self.reason_to_stop(schedule):
            # One step: forward, backward, update
            started = time.monotonic()
            progress = schedule.progress(state.step, state.seconds)
            rate = learning_rate(progress, self.settings.learning_rate)
            batch = [self.sequences[i] for i in steps[state.step]]
            with interrupts_held():
                loss, tokens = self.train_step.step(batch, rate)
                self.count_step(time.monotonic() - started)
                state.step += 1
                state.tokens += tokens
                self.count_time()
                self.log_step(loss, rate)
                is_due = state.step % self.validate_every == 0 and self.overhead.fits(VALIDATION)
                state.is_validation_due = is_due or self.is_up(schedule)
            self.report_step(loss, schedule)
            if state.is_validation_due:
                self.validate_step(schedule)

            # A sample and a checkpoint
            if not self.is_up(schedule) and self.is_sample_due():
                self.sample()
                self.count_time()
            if self.checkpoints.due():
                self.save_checkpoint()

    def validate_step(self, schedule: Schedule) -> None:
        """Score the validation texts after a step, and now and then check for memorization."""
        check_memorization = self.is_memorization_check_due(is_last=self.is_up(schedule))
        self.validate(self.state.step, check_memorization=check_memorization)
        self.count_time()

    def save_checkpoint(self) -> None:
        """Save the state, which must be that after a whole step."""
        self.state.overhead = self.overhead.spent
        optimizers = self.train_step.optimizer.optimizers
        self.checkpoints.save(self.train_step.weights, optimizers, self.state)

    def save_interrupted(self) -> None:
        """Save the state of a training that is being stopped. A validation begins anew."""
        if self.state.step:
            self.save_checkpoint()

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
        self.report.note(
            f"Resuming from step {self.state.step:,} of {step_count:,}, "
            "where the last training was stopped."
        )

    def begin(self, steps: list[list[int]]) -> None:
        """Score the base model, show what it says, and find out how long the training will take.

        Neither an update nor a budget spends time on timing steps; nor does an update on samples.
        """
        budget = self.settings.budget
        if self.overhead.validation_seconds is not None:
            self.choose_validation_texts(self.overhead.validation_seconds)
        self.validate(0)
        if not self.is_update:
            self.sample()
        validation_seconds = self.overhead.costs[VALIDATION]
        loading_seconds = time.monotonic() - self.started_at
        if budget is not None:
            self.state.start = loading_seconds
            self.divide_budget(budget, validation_seconds)
            self.report.begins(budget - loading_seconds)
            return
        if self.is_update:
            self.state.start = loading_seconds
            self.report.begins(self.estimated_lesson_seconds(validation_seconds))
            return
        self.report.doing("seeing how fast this machine is")
        step_seconds = self.seconds_per_step(steps)
        self.state.start = time.monotonic() - self.started_at
        validation_count = 1 + len(steps) // self.validate_every
        seconds = step_seconds * len(steps) + validation_seconds * validation_count
        self.report.begins(seconds)

    def estimated_lesson_seconds(self, validation_seconds: float) -> float:
        """Estimate the duration of one pass from that of a validation, which has no gradients."""
        validated = sum(len(text.encode()) for text in self.validation_texts) / BYTES_PER_TOKEN
        tokens = sum(map(len, self.sequences))
        return GRADIENT_SLOWDOWN * validation_seconds * tokens / max(1.0, validated)

    def divide_budget(self, budget: float, validation_seconds: float) -> None:
        """Reserve time of the budget (seconds) for the last validation and saving the model."""
        loading_seconds = self.state.start
        saving_seconds = self.train_step.model.parameters * BYTES_PER_WEIGHT / DISK_BYTES_PER_SECOND
        self.state.budget = max(
            budget - validation_seconds - saving_seconds,
            loading_seconds + MIN_TRAINING_SHARE * budget,
        )
        seconds = self.state.budget + validation_seconds + saving_seconds
        if seconds > budget:
            self.report.note(
                f"It will learn for {duration(seconds)} at most: "
                f"loading the base model took {duration(loading_seconds)}.",
                seconds=seconds,
            )

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

    def count_time(self) -> None:
        """Count the time since the training started, in all processes that it took."""
        self.state.seconds = self.seconds_before + time.monotonic() - self.started_at

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
        self.report.doing(
            "checking what it has learnt" if step else "seeing how well it knows the voice"
        )
        with self.overhead.timed(VALIDATION), self.train_step.full_model():
            bits = self.train_step.model.bits(self.validation_texts)
            score = bits_per_byte(bits, self.validation_texts)
        row = {"step": step, "validation_bits_per_byte": score}
        if check_memorization:
            self.report.doing("checking that it does not recite")
            with self.overhead.timed(MEMORIZATION), self.train_step.full_model():
                row["copied"] = memorized_share(self.train_step.model, self.index, step)
        with interrupts_held():  # the state is that before the validation, or that after it
            self.conclude_validation(row)

    def conclude_validation(self, row: dict[str, float]) -> None:
        """Add a validation's scores to the metrics and the state; keep the best weights."""
        state = self.state
        step = state.step
        score = row["validation_bits_per_byte"]
        if "copied" in row:
            limit = max_memorized_share(self.index, self.validation_texts)
            state.memorizing = row["copied"] > limit
        self.report.metrics(row)
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
        state.is_validation_due = False

    def is_memorization_check_due(self, *, is_last: bool) -> bool:
        """Return whether this validation checks for memorization: once per epoch and at the end.

        With a budget, only if there is time for it, and not within the first epoch, in which no
        post is seen twice.
        """
        step = self.state.step
        every = VALIDATIONS_PER_EPOCH * self.validate_every
        is_due = is_last or (not self.is_update and step % every == 0)
        if self.settings.budget is None:
            return is_due
        if not is_due or step < self.steps_per_epoch:
            return False
        return self.overhead.fits(MEMORIZATION, self.estimated_check_seconds())

    def estimated_check_seconds(self) -> float:
        """Estimate the duration of a memorization check from that of the last validation."""
        seconds = self.overhead.costs.get(VALIDATION, 0.0)
        return estimated_seconds(seconds, self.validation_texts)

    # after the last step

    def conclude(self) -> None:
        """Raise TrainingError if nothing was learnt; notify the user if it was little.

        An update that learns nothing is no error: the model stays as it was.
        """
        state = self.state
        if self.is_update and not has_diverged(state):
            if not state.best_step:
                self.report.note(
                    "The new posts taught it nothing that helps with posts it has not seen: "
                    "its weights stay as they were."
                )
            return
        summary = TrainingSummary(
            why=self.stop_reason,
            steps_per_epoch=self.steps_per_epoch,
            learning_rate=self.settings.learning_rate,
            step_seconds=self.step_seconds / self.steps_timed if self.steps_timed else None,
            other_seconds=max(0.0, state.seconds - self.step_seconds),
            by_budget=self.stop_reason is StopReason.TIME_WAS_UP,
            default_epochs=self.default_epochs and self.stop_reason is not StopReason.TIME_WAS_UP,
        )
        check_learnt(state, summary)
        message, page_message = caution(state, summary)
        if message:
            tell = self.report.note if summary.default_epochs else self.report.warn
            tell(message, page_message=page_message)

    # metrics and events

    def is_sample_due(self) -> bool:
        """Return whether a sample is due, and a budget has time for it; an update shows none."""
        return not self.is_update and self.samples.is_due() and self.overhead.fits(SAMPLE)

    def sample(self) -> None:
        """Generate a post, to show the user what the model has learnt so far."""
        step = self.state.step
        if not step:
            self.report.doing("having it say something first")
        with self.overhead.timed(SAMPLE), self.train_step.full_model():
            text = write_sample(self.train_step.model, step, "" if step else self.opening)
        self.samples.shown(self.overhead.costs[SAMPLE])
        self.report.sample(text, step)

    def report_step(self, loss: float, schedule: Schedule) -> None:
        """Report how far the training is."""
        state = self.state
        self.report.step(
            state.step,
            schedule.steps,
            loss=loss,
            validation_bits_per_byte=state.best,
            tokens_per_second=state.tokens / max(state.seconds, 1e-6),
            seconds_left=self.learning_seconds_left(schedule),
        )

    def learning_seconds_left(self, schedule: Schedule) -> float:
        """Estimate the seconds until the last check, from what steps and checks have taken here."""
        costs = self.overhead.costs
        validation = costs.get(VALIDATION, 0.0)
        check = costs.get(MEMORIZATION, self.estimated_check_seconds())
        steps = schedule.steps - self.state.step
        validations = steps // self.validate_every
        seconds = steps * self.step_seconds / max(1, self.steps_timed) * (1 + SAMPLE_SHARE)
        seconds += validations * (validation + check / VALIDATIONS_PER_EPOCH)
        if schedule.budget is not None:
            seconds = max(0.0, min(seconds, schedule.budget - self.state.seconds))
        return seconds + validation + check

    def log_step(self, loss: float, rate: float) -> None:
        """Log the metrics of the step just done."""
        self.report.metrics(
            {
                "step": self.state.step,
                "epoch": round(self.state.step / self.steps_per_epoch, 4),
                "loss": loss,
                "learning_rate": rate,
                "tokens": self.state.tokens,
            }
        )


def deterministic_shuffle(texts: Sequence[str]) -> list[str]:
    """Return the texts in a random order that is always the same."""
    return random.Random(0).sample(texts, len(texts))
