"""The loop: step after step by the clock, validation watched and the best step kept, checkpoints on the way."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from popinjay.events import Event, Listener, What
from popinjay.inference.torch_decoder import TorchDecoder
from popinjay.models.language_model import bits_per_byte
from popinjay.options import SayOptions
from popinjay.sampling.generate import generate
from popinjay.text.verbatim_index import Copies
from popinjay.training.batches import plan
from popinjay.training.checkpoints import Checkpoints, Standing
from popinjay.training.outcome import TIME_WAS_UP, Course, caution, check_learnt, in_words
from popinjay.training.overhead import SHARE, Asides
from popinjay.training.schedule import Clock, rate
from popinjay.training.train_step import Learner

STAGE = "train"
LOOKS_AN_EPOCH = 3  # at the validation posts
PATIENCE = 6  # looks without a better one before it stops
LISTENED_TOKENS = 40
LISTENED = 32  # posts written at the end of each epoch to hear whether it has begun to recite
SAMPLE_SECONDS = 15.0  # between posts written while it learns
LEAST_LEARNING = 0.5  # of a budget: so much is learnt in, however long the base took to load
FEWEST_WATCHED = 16  # validation posts that are looked at, however short a budget is
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
    usual_epochs: bool = False  # nobody asked for as many
    asides: Asides = field(default_factory=lambda: Asides(None))
    step_seconds: float = 0.0  # of all steps that this process did
    steps_timed: int = 0

    def run(self) -> None:
        """Train to the end, then put the best weights in place. Raises TrainingError where nothing was learnt."""
        self.standing = self.checkpoints.restore(self.learner.weights, self.learner.descent.optimizers)
        steps, an_epoch = self.plan()
        every = max(1, an_epoch // LOOKS_AN_EPOCH)
        began, budget, now = self.began - self.standing.seconds, self.settings.budget, self.standing
        self.asides = Asides(budget, now.asides)
        if now.watched:
            self.watched = in_chance_order(self.watched)[: now.watched]
        if now.step:
            self.listener(Event(STAGE, What.NOTE, f"Going on from step {now.step:,} of {len(steps):,}, where the last training was stopped."))
        else:
            self.begin(steps, every)
        clock = Clock(len(steps), None if budget is None else now.budget, now.start)
        now.seconds, sampled = time.monotonic() - began, time.monotonic()
        while not self.stopped(clock):
            started = time.monotonic()
            speed = rate(clock.progress(now.step, now.seconds), self.settings.learning_rate)
            loss, tokens = self.learner.step([self.lessons[i] for i in steps[now.step]], speed)
            self.count_step(time.monotonic() - started)
            now.step, now.tokens, now.seconds = now.step + 1, now.tokens + tokens, time.monotonic() - began
            self.write({"step": now.step, "epoch": round(now.step / an_epoch, 4), "loss": loss, "learning_rate": speed, "tokens": now.tokens})
            self.tell(loss, clock)
            is_last = self.is_up(clock)
            if is_last or (now.step % every == 0 and self.asides.fits("look")):
                self.look(now.step, listen=self.listens(now.step, every, an_epoch, is_last=is_last))
                if not is_last and time.monotonic() - sampled > SAMPLE_SECONDS and self.asides.fits("sample", self.guessed()):
                    self.sample()
                    sampled = time.monotonic()
                now.seconds = time.monotonic() - began
            if self.checkpoints.due():
                now.asides = self.asides.spent
                self.checkpoints.save(self.learner.weights, self.learner.descent.optimizers, now)
        now.seconds = time.monotonic() - began
        self.why = self.stopped(clock)
        self.conclude(an_epoch)
        self.checkpoints.load_best(self.learner.weights)

    def conclude(self, an_epoch: int) -> None:
        """Raise TrainingError where nothing was learnt, and warn where it was little."""
        now, settings = self.standing, self.settings
        course = Course(
            why=self.why,
            an_epoch=an_epoch,
            learning_rate=settings.learning_rate,
            step_seconds=self.step_seconds / self.steps_timed if self.steps_timed else None,
            other_seconds=max(0.0, now.seconds - self.step_seconds),
            by_budget=self.why == TIME_WAS_UP,
            as_usual=self.usual_epochs and self.why != TIME_WAS_UP,
        )
        check_learnt(now, course)
        if said := caution(now, course):
            self.listener(Event(STAGE, What.NOTE if course.as_usual else What.WARNING, said))

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
        if self.is_up(clock):
            return "all was learnt" if now.step >= clock.steps else TIME_WAS_UP
        return ""

    def is_up(self, clock: Clock) -> bool:
        """Return whether the way is done, or most of another step would be beyond it."""
        half_a_step = self.step_seconds / self.steps_timed / 2 if self.steps_timed else 0.0
        return clock.is_up(self.standing.step, self.standing.seconds + half_a_step)

    def seconds_left(self) -> float | None:
        """Return how long what comes after it may take: the rest of a budget, at least a tenth; None for any time."""
        budget = self.settings.budget
        return None if budget is None else max(SHARE * budget, budget - (time.monotonic() - self.began))

    def count_step(self, seconds: float) -> None:
        """Remember how long a step took."""
        self.step_seconds += seconds
        self.steps_timed += 1

    def listens(self, step: int, every: int, an_epoch: int, *, is_last: bool) -> bool:
        """Return whether it is time to hear whether it recites: each epoch and in the end, if a budget has room for it.

        A budget that ends within the first epoch is not spent on it: no post has been seen twice.
        """
        if self.settings.budget is None:
            return is_last or step % (LOOKS_AN_EPOCH * every) == 0
        is_due = step >= an_epoch and (is_last or step % (LOOKS_AN_EPOCH * every) == 0)
        return is_due and self.asides.fits("listen", self.guessed())

    def guessed(self) -> float:
        """Guess how long listening takes (seconds) before it was done once, from the last look."""
        tokens = sum(len(text.encode()) for text in self.watched) / BYTES_A_TOKEN
        return SLOWER_TO_WRITE * self.asides.costs.get("look", 0.0) * LISTENED * LISTENED_TOKENS / max(1.0, tokens)

    def begin(self, steps: list[list[int]], every: int) -> None:
        """Score the base, and say how long it is going to take. A budget is not spent on finding that out."""
        if self.asides.a_look is not None:
            self.choose_watched(self.asides.a_look)
        self.look(0)
        looking, gone = self.asides.costs["look"], time.monotonic() - self.began
        self.standing.start = gone
        if self.settings.budget is not None:
            writing = self.learner.model.parameters * BYTES_A_WEIGHT / WRITTEN_A_SECOND
            self.standing.budget = max(self.settings.budget - looking - writing, gone + LEAST_LEARNING * self.settings.budget)
            seconds = self.standing.budget + looking + writing
            late = f": loading the base model took {in_words(gone)}" if seconds > self.settings.budget else ""
            said = f"It will take {in_words(seconds)} at most{late}."
            self.listener(Event(STAGE, What.NOTE, said, numbers={"seconds": seconds}))
            return
        seconds = gone + self.seconds_a_step(steps) * len(steps) + looking * (1 + len(steps) // every)
        self.standing.start = time.monotonic() - self.began
        self.listener(Event(STAGE, What.NOTE, f"It will take about {in_words(seconds)}.", numbers={"seconds": seconds}))

    def choose_watched(self, seconds: float) -> None:
        """Keep as many validation posts as are scored in so many seconds, by chance and always the same ones."""
        shuffled = in_chance_order(self.watched)
        with self.asides.timed("choice"), self.learner.whole():
            self.learner.model.bits(shuffled[:FEWEST_WATCHED])  # the first time is slower
            began = time.monotonic()
            self.learner.model.bits(shuffled[:FEWEST_WATCHED])
            a_post = (time.monotonic() - began) / FEWEST_WATCHED
        count = max(FEWEST_WATCHED, int(seconds / max(a_post, 1e-9)))
        if count < len(shuffled):
            self.standing.watched, self.watched = count, shuffled[:count]

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
        now = self.standing
        with self.asides.timed("look"), self.learner.whole():
            score = bits_per_byte(self.learner.model.bits(self.watched), self.watched)
        row = {"step": step, "validation_bits_per_byte": score}
        if listen:
            with self.asides.timed("listen"), self.learner.whole():
                row["copied"] = self.copied(step)
            now.recites = row["copied"] > self.most_copied()
        self.write(row)
        now.last = score
        if step == 0:
            now.first = score
        if score < now.best and not now.recites:
            now.best, now.best_step, now.looks_since_best = score, step, 0
            self.checkpoints.keep_best(self.learner.weights)
        else:
            now.looks_since_best += 1

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
        with self.asides.timed("sample"), self.learner.whole():
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


def in_chance_order(texts: Sequence[str]) -> list[str]:
    """Texts in an order by chance, always the same one."""
    return random.Random(0).sample(texts, len(texts))
