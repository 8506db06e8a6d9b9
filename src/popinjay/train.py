"""Train: teach a base model the voice.

A plain loop: every post alone from the separator to the separator, posts of like length side by side, AdamW, a cosine,
validation watched and the best step kept. Checkpoints make a killed training end as if it had never been killed.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from popinjay import bases
from popinjay.checkpoints import Checkpoints, Standing
from popinjay.disk import content_hash, storage_errors
from popinjay.errors import TrainingError
from popinjay.events import Event, Listener, What
from popinjay.generate import LEAST_TOKENS, generate
from popinjay.language_model import LanguageModel, bits_per_byte
from popinjay.options import SayOptions, TrainOptions
from popinjay.post import read_rows
from popinjay.run import Draft

if TYPE_CHECKING:
    import torch

STAGE = "train"
LOOKS_AN_EPOCH = 3  # at the validation posts
PATIENCE = 6  # looks without a better one before it stops
WARMUP_SHARE = 0.03  # of all steps
WEIGHT_DECAY = 0.01
MOST_GRADIENT = 1.0
MOST_POST_TOKENS = 512  # longer posts are learnt in pieces
SAMPLE_SECONDS = 15.0  # between posts written while it learns


@dataclass(frozen=True)
class Settings:
    """The options with what the base's row fills in."""

    epochs: float
    learning_rate: float
    batch_tokens: int
    seed: int

    @classmethod
    def of(cls, options: TrainOptions, base: bases.Base, an_epoch: int) -> Settings:
        """What was asked for, and the rest from the base's row, for so many tokens an epoch."""
        return cls(
            epochs=round(min(base.epochs, base.most_tokens / an_epoch), 3) if options.epochs is None else options.epochs,
            learning_rate=base.learning_rate if options.learning_rate is None else options.learning_rate,
            batch_tokens=base.batch_tokens if options.batch_tokens is None else options.batch_tokens,
            seed=options.seed,
        )


# what is learnt, in which order


def lessons(model: LanguageModel, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each post between two separators; a post too long for one lesson comes in several."""
    most = min(model.context, MOST_POST_TOKENS) - 1
    found = []
    for ids in model.encode(texts):
        whole = [model.end, *ids, model.end]
        found += [whole[start : start + most + 1] for start in range(0, len(whole) - 1, most)]
    return found


def batches(lengths: Sequence[int], batch_tokens: int, rng: random.Random) -> list[list[int]]:
    """All lessons once, in chance order, those of like length together: at most `batch_tokens` a batch, padding included."""
    order = list(range(len(lengths)))
    rng.shuffle(order)
    order.sort(key=lambda i: lengths[i])  # stable: chance decides among equals
    found: list[list[int]] = [[]]
    for i in order:
        if found[-1] and (len(found[-1]) + 1) * (lengths[i] - 1) > batch_tokens:
            found.append([])
        found[-1].append(i)
    rng.shuffle(found)
    return found


def plan(lengths: Sequence[int], settings: Settings) -> tuple[list[list[int]], int]:
    """The batches of every step from first to last, and how many steps an epoch has."""
    steps: list[list[int]] = []
    whole = math.ceil(settings.epochs)
    for epoch in range(whole):
        steps += batches(lengths, settings.batch_tokens, random.Random(f"{settings.seed} {epoch}"))
    return steps[: max(1, round(len(steps) * settings.epochs / whole))], max(1, len(steps) // whole)


def rate(step: int, total: int, peak: float) -> float:
    """A short warm-up, then a cosine to zero."""
    warmup = max(1, round(total * WARMUP_SHARE))
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


# one step


def step_once(model: LanguageModel, optimizer: torch.optim.Optimizer, batch: Sequence[Sequence[int]]) -> tuple[float, int]:
    """Learn one batch: the mean loss (nats a token) and the tokens predicted. Raises TrainingError where the loss is no number."""
    import torch

    width = max(len(ids) for ids in batch)
    ids = torch.full((len(batch), width), model.end)
    wanted = torch.full((len(batch), width - 1), -100)
    for row, lesson in enumerate(batch):
        ids[row, : len(lesson)] = torch.tensor(lesson)
        wanted[row, : len(lesson) - 1] = ids[row, 1 : len(lesson)]
    ids, wanted = ids.to(model.device), wanted.to(model.device)
    # Padding stands behind each post and attention looks back only, so no mask is needed.
    logits = model.model(input_ids=ids[:, :-1], use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), wanted.flatten(), ignore_index=-100)
    value = loss.item()
    if not math.isfinite(value):
        raise TrainingError("Training went astray: the loss is no longer a number.", "Try a lower --learning-rate.")
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.model.parameters(), MOST_GRADIENT)
    optimizer.step()
    optimizer.zero_grad()
    return value, sum(len(lesson) - 1 for lesson in batch)


def new_optimizer(model: LanguageModel) -> torch.optim.Optimizer:
    """AdamW in one fused operation; matrices decay, the rest does not."""
    import torch

    parameters = [p for p in model.model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=model.device.type != "mps")


# the loop


@dataclass
class Trainer:
    """One training, from its first step or from a checkpoint."""

    model: LanguageModel
    lessons: list[list[int]]
    watched: list[str]  # validation posts
    settings: Settings
    checkpoints: Checkpoints
    listener: Listener
    standing: Standing = field(default_factory=Standing)

    def run(self) -> None:
        """Train to the end, then put the best weights in place."""
        optimizer = new_optimizer(self.model)
        self.standing = self.checkpoints.restore(self.model, optimizer)
        steps, an_epoch = plan([len(lesson) for lesson in self.lessons], self.settings)
        every = max(1, an_epoch // LOOKS_AN_EPOCH)
        started, sampled = time.monotonic() - self.standing.seconds, 0.0
        if self.standing.step:
            self.listener(Event(STAGE, What.NOTE, f"Going on from step {self.standing.step:,} of {len(steps):,}, where the last training was stopped."))
        else:
            self.look(0)
        for step in range(self.standing.step, len(steps)):
            if self.standing.looks_since_best >= PATIENCE:
                break
            speed = rate(step, len(steps), self.settings.learning_rate)
            for group in optimizer.param_groups:
                group["lr"] = speed
            loss, tokens = step_once(self.model, optimizer, [self.lessons[i] for i in steps[step]])
            self.standing.step, self.standing.tokens = step + 1, self.standing.tokens + tokens
            self.standing.seconds = time.monotonic() - started
            self.write({"step": step + 1, "epoch": round((step + 1) / an_epoch, 4), "loss": loss, "learning_rate": speed, "tokens": self.standing.tokens})
            self.tell(loss, len(steps))
            if (step + 1) % every == 0 or step + 1 == len(steps):
                self.look(step + 1)
                if time.monotonic() - sampled > SAMPLE_SECONDS:
                    self.sample()
                    sampled = time.monotonic()
            if self.checkpoints.due():
                self.checkpoints.save(self.model, optimizer, self.standing)
        self.standing.seconds = time.monotonic() - started
        self.checkpoints.load_best(self.model)

    def look(self, step: int) -> None:
        """Score the validation posts, and remember the weights where they are the best so far."""
        score = bits_per_byte(self.model.bits(self.watched), self.watched)
        self.write({"step": step, "validation_bits_per_byte": score})
        if score < self.standing.best:
            self.standing.best, self.standing.best_step, self.standing.looks_since_best = score, step, 0
            self.checkpoints.keep_best(self.model)
        else:
            self.standing.looks_since_best += 1

    def sample(self) -> None:
        """Let it say something, so that whoever waits can hear it learn."""
        said = generate(self.model, SayOptions(n=1, max_tokens=60, seed=self.standing.step))[0]
        self.listener(Event(STAGE, What.SAMPLE, said.text))

    def tell(self, loss: float, total: int) -> None:
        """Say how far it is."""
        now = self.standing
        numbers = {
            "loss": loss,
            "validation_bits_per_byte": now.best,
            "tokens_per_second": now.tokens / max(now.seconds, 1e-6),
            "seconds_left": now.seconds / now.step * (total - now.step),
        }
        self.listener(Event(STAGE, What.PROGRESS, "", done=now.step, total=total, unit="steps", numbers=numbers))

    def write(self, row: dict[str, Any]) -> None:
        """Add a line to the metrics. No clock in it: the same seed gives the same file."""
        with self.checkpoints.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self.listener(Event(STAGE, What.METRICS, done=row["step"], numbers={name: value for name, value in row.items() if name != "step"}))


def choose_device(asked: str) -> str:
    """The device to train on. Raises TrainingError where the one asked for is not there."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if asked == "auto":
        return next(name for name, is_there in there.items() if is_there)
    if not there[asked]:
        raise TrainingError(f"There is no {asked} device that torch can use on this machine.", "Leave --device out to take what is there.")
    return asked


def train(base: bases.Base, options: TrainOptions, draft: Draft, listener: Listener) -> None:
    """Write `model/` and `metrics.jsonl`: the base model taught the voice of `train.jsonl`."""
    device = choose_device(options.device)
    model = LanguageModel.load(bases.folder_of(base), device)
    learnt = lessons(model, [row["text"] for row in read_rows(draft.need("train.jsonl"))])
    settings = Settings.of(options, base, sum(len(lesson) - 1 for lesson in learnt))
    watched = [row["text"] for row in read_rows(draft.need("validation.jsonl"))]
    key = _key([asdict(settings), device, bases.fingerprint(base), content_hash(draft.need("train.jsonl")), content_hash(draft.need("validation.jsonl"))])
    listener(Event(STAGE, What.SETTINGS, numbers=asdict(settings), words={"base": PurePath(base.name).name, "device": device}))
    with storage_errors("a checkpoint of the training"):
        trainer = Trainer(model, learnt, watched, settings, Checkpoints(Checkpoints.folder_of(draft.run.path), key), listener)
        trainer.run()
        most = min(SayOptions.max_tokens, model.context // 2)  # room for a prompt where the context is short
        model.say_by_default(do_sample=True, temperature=SayOptions.temperature, top_p=SayOptions.top_p, min_new_tokens=LEAST_TOKENS, max_new_tokens=most)
        model.save(draft.path("model"))
        shutil.copyfile(trainer.checkpoints.metrics, draft.path("metrics.jsonl"))
    now = trainer.standing
    draft.facts.update(
        summary=f"{now.tokens:,} tokens in {_minutes(now.seconds)}, best at step {now.best_step:,}",
        base=base.name,
        base_hub=base.hub_id,
        parameters=model.parameters,
        device=device,
        steps=now.step,
        best_step=now.best_step,
        tokens=now.tokens,
        seconds=round(now.seconds, 1),
        validation_bits_per_byte=round(now.best, 4),
        **{name: value for name, value in asdict(settings).items() if name != "seed"},
        seed=settings.seed,
        versions={name: version(name) for name in ("popinjay", "torch", "transformers", "tokenizers")},
    )


def _key(parts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
