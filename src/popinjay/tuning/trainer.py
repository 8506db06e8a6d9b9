"""The loop: step after step by the clock, validation watched and the best step kept, checkpoints on the way."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from popinjay.checkpoints import Checkpoints, Standing
from popinjay.copying import Copies
from popinjay.decoding.torch_decoder import TorchDecoder
from popinjay.events import Event, Listener, What
from popinjay.generate import generate
from popinjay.language_model import bits_per_byte
from popinjay.options import SayOptions
from popinjay.tuning.clock import Clock, rate
from popinjay.tuning.learner import Learner
from popinjay.tuning.lessons import plan

STAGE = "train"
LOOKS_AN_EPOCH = 3  # at the validation posts
PATIENCE = 6  # looks without a better one before it stops
LISTENED_TOKENS = 40
LISTENED = 32  # posts written at the end of each epoch to hear whether it has begun to recite
SAMPLE_SECONDS = 15.0  # between posts written while it learns
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

    learner: Learner
    lessons: list[list[int]]
    watched: list[str]  # validation posts
    copies: Copies  # of the posts that are learnt
    settings: Settings
    checkpoints: Checkpoints
    listener: Listener
    began: float = field(default_factory=time.monotonic)
    standing: Standing = field(default_factory=Standing)
    why: str = ""  # it ended

    def run(self) -> None:
        """Train to the end, then put the best weights in place."""
        self.standing = self.checkpoints.restore(self.learner.weights, self.learner.descent.optimizers)
        steps, an_epoch = self.plan()
        every = max(1, an_epoch // LOOKS_AN_EPOCH)
        began, sampled = self.began - self.standing.seconds, time.monotonic()
        if self.standing.step:
            self.listener(Event(STAGE, What.NOTE, f"Going on from step {self.standing.step:,} of {len(steps):,}, where the last training was stopped."))
        else:
            self.begin(steps, every)
        budget = self.settings.budget
        clock = Clock(len(steps), None if budget is None else budget - self.standing.reserve)
        now = self.standing
        while not self.stopped(clock):
            speed = rate(clock.progress(now.step, now.seconds), self.settings.learning_rate)
            loss, tokens = self.learner.step([self.lessons[i] for i in steps[now.step]], speed)
            now.step, now.tokens, now.seconds = now.step + 1, now.tokens + tokens, time.monotonic() - began
            self.write({"step": now.step, "epoch": round(now.step / an_epoch, 4), "loss": loss, "learning_rate": speed, "tokens": now.tokens})
            self.tell(loss, clock)
            if now.step % every == 0 or clock.is_up(now.step, now.seconds):
                self.look(now.step, listen=now.step % (LOOKS_AN_EPOCH * every) == 0 or clock.is_up(now.step, now.seconds))
                if time.monotonic() - sampled > SAMPLE_SECONDS:
                    self.sample()
                    sampled = time.monotonic()
            if self.checkpoints.due():
                self.checkpoints.save(self.learner.weights, self.learner.descent.optimizers, now)
        now.seconds = time.monotonic() - began
        self.why = self.stopped(clock)
        self.checkpoints.load_best(self.learner.weights)

    def plan(self) -> tuple[list[list[int]], int]:
        """The batches of every step from first to last, and how many steps an epoch has."""
        return plan([len(lesson) for lesson in self.lessons], self.settings.epochs, self.settings.batch_tokens, self.settings.seed)

    def stopped(self, clock: Clock) -> str:
        """Why it ends here; empty while it goes on."""
        now = self.standing
        if now.recites:
            return "it began to recite"
        if now.looks_since_best >= PATIENCE:
            return "it got no better"
        if clock.is_up(now.step, now.seconds):
            return "all was learnt" if now.step >= clock.steps else "time was up"
        return ""

    def begin(self, steps: list[list[int]], every: int) -> None:
        """Score the base, and say how long it is going to take."""
        began = time.monotonic()
        self.look(0)
        looking = time.monotonic() - began
        self.standing.reserve = 2 * looking  # the last look, and writing the model
        seconds = time.monotonic() - self.began + self.seconds_a_step(steps) * len(steps) + looking * (1 + len(steps) // every)
        if self.settings.budget is not None:
            seconds = min(seconds, self.settings.budget)
        self.listener(Event(STAGE, What.NOTE, f"It will take about {in_words(seconds)}.", numbers={"seconds": seconds}))

    def seconds_a_step(self, steps: list[list[int]]) -> float:
        """How long a step takes here, tried on some batches at a rate of zero, which changes nothing."""
        times: list[float] = []
        for batch in islice(steps[:: max(1, len(steps) // TRIALS)], TRIALS):
            began = time.monotonic()
            self.learner.step([self.lessons[i] for i in batch], 0.0)
            times.append(time.monotonic() - began)
            if len(times) > 1 and sum(times) > TRIAL_SHARE * len(steps) * times[-1]:
                break
        self.learner.descent.forget()  # without what they remember of these
        warm = times[1:] or times  # the first is slower
        return sum(warm) / len(warm)

    def look(self, step: int, *, listen: bool = False) -> None:
        """Score the validation posts, and remember the weights where they are the best so far and do not recite."""
        with self.learner.whole():
            score = bits_per_byte(self.learner.model.bits(self.watched), self.watched)
            row = {"step": step, "validation_bits_per_byte": score}
            if listen:
                row["copied"] = self.copied(step)
                self.standing.recites = row["copied"] > self.most_copied()
        self.write(row)
        if score < self.standing.best and not self.standing.recites:
            self.standing.best, self.standing.best_step, self.standing.looks_since_best = score, step, 0
            self.checkpoints.keep_best(self.learner.weights)
        else:
            self.standing.looks_since_best += 1

    def copied(self, step: int) -> float:
        """The share of what it writes now, as it writes it, that repeats a post it learns from."""
        said = generate(TorchDecoder(self.learner.model), SayOptions(n=LISTENED, max_tokens=LISTENED_TOKENS, seed=step))
        return self.copies.share([post.text for post in said])

    def most_copied(self) -> float:
        """From which share on it recites: more than the author repeats themselves, by more than chance (two standard errors).

        Copying rises in the first epochs, often before the loss is at its best (arXiv 2510.11372).
        """
        own = self.copies.share(self.watched)
        chance = max(own, 1 / LISTENED)
        return own + 2 * math.sqrt(chance * (1 - chance) / LISTENED)

    def sample(self) -> None:
        """Let it say something, so that whoever waits can hear it learn."""
        with self.learner.whole():
            said = generate(TorchDecoder(self.learner.model), SayOptions(n=1, max_tokens=60, seed=self.standing.step))[0]
        self.listener(Event(STAGE, What.SAMPLE, said.text))

    def tell(self, loss: float, clock: Clock) -> None:
        """Say how far it is."""
        now = self.standing
        numbers = {
            "loss": loss,
            "validation_bits_per_byte": now.best,
            "tokens_per_second": now.tokens / max(now.seconds, 1e-6),
            "seconds_left": clock.seconds_left(now.step, now.seconds),
        }
        self.listener(Event(STAGE, What.PROGRESS, "", done=now.step, total=clock.steps, unit="steps", numbers=numbers))

    def write(self, row: dict[str, Any]) -> None:
        """Add a line to the metrics. No clock in it: the same seed gives the same file."""
        with self.checkpoints.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self.listener(Event(STAGE, What.METRICS, done=row["step"], numbers={name: value for name, value in row.items() if name != "step"}))


def in_words(seconds: float) -> str:
    """A time as people say it."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
