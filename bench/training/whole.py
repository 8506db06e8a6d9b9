"""Whole trainings on one device, each in a subprocess: ours, Trainer's, and bare products."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from training import ours, recipe
from training.children import matrix_counter
from training.peers import finisher

WARM = 3  # untimed steps, in which kernels are chosen and memory is allocated
TIMED = 12  # timed steps after a whole training, which for a small author has only a few


@dataclass(frozen=True)
class Job:
    """What to train, on which posts, and where."""

    name: str  # of the model, in the table of bases
    folder: Path  # of the model's files
    texts: list[str]
    validation: list[str]
    device: str
    epochs: float

    @property
    def precision(self) -> str:
        """Return the precision of matrix products."""
        return "bf16" if self.device == "cuda" else "fp32"


@dataclass(frozen=True)
class Whole:
    """The results of one training."""

    seconds: float  # from the loaded model to the last step, validation included
    tokens: int  # predicted in all
    tokens_a_second: float  # of the timed steps alone
    flops_a_token: float  # of the matrix products
    setting: str

    def share_of(self, peak: float) -> float:
        """Return the share of a device's peak rate that the timed steps reach."""
        return self.tokens_a_second * self.flops_a_token / peak


class Steps:
    """Times the steps after the first `WARM`."""

    def __init__(self, device: str) -> None:
        self._finish: Callable[[], None] = finisher(device)
        self._started = 0.0
        self.done = 0
        self.timed = 0
        self.seconds = 0.0

    def step(self, tokens: int) -> None:
        """Record the end of a step that predicted so many tokens."""
        self._finish()
        now = time.perf_counter()
        if self.done >= WARM:
            self.timed += tokens
            self.seconds += now - self._started
        self.done += 1
        self._started = now

    def tokens_a_second(self) -> float:
        """Return the speed of the timed steps."""
        return self.timed / self.seconds


def matrix_peak(device: str, size: int, rounds: int = 20) -> float:
    """Return the operations a second of one large square product: the best of several rounds."""
    import torch

    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    into, finish = torch.empty_like(left), finisher(device)
    best = float("inf")
    for _ in range(WARM + rounds):
        finish()
        started = time.perf_counter()
        torch.mm(left, right, out=into)
        finish()
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


def by_ours(job: Job, batch_tokens: int | None) -> Whole:
    """Train as `make` does, with `batch_tokens` in a step or the base's default."""
    from popinjay.models.language_model import LanguageModel

    finish = finisher(job.device)
    steps = Steps(job.device)
    model = LanguageModel.load(job.folder, job.device)
    finish()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        trainer = ours.whole(model, job.name, job, batch_tokens, Path(folder))
        trainer.run()
        finish()
        seconds = time.perf_counter() - started
        tokens = trainer.state.tokens
        batches = [[trainer.sequences[i] for i in batch] for batch in trainer.plan()[0]]
        for batch in islice(cycle(batches), WARM + TIMED):
            steps.step(trainer.train_step.step(batch, 1e-6)[1])
        with matrix_counter() as counter:
            counted = trainer.train_step.step(batches[0], 1e-6)[1]
    setting = f"{trainer.settings.batch_tokens:,} tokens a step"
    flops = counter.get_total_flops() / counted
    return Whole(seconds, tokens, steps.tokens_a_second(), flops, setting)


def by_trainer(job: Job, batch: int, block: int, options: dict[str, Any]) -> Whole | None:
    """Train with transformers' Trainer on packed posts, its fastest way with short posts.

    Args:
        job: What to train.
        batch: Blocks in a step.
        block: Tokens in a block.
        options: Further arguments of Trainer.

    Returns:
        The results; None if the device ran out of memory.
    """
    import torch
    from transformers import TrainerCallback

    from popinjay.models.language_model import LanguageModel

    steps = Steps(job.device)
    size = batch * (block - 1)

    class CountSteps(TrainerCallback):
        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            steps.step(size)

    model = LanguageModel.load(job.folder, job.device)
    repeats = max(1, round(job.epochs))
    ids = recipe.mixture(model.encode(job.texts), model.eos_token, epochs=repeats)
    examples = recipe.blocks(ids, block)
    more = {"per_device_train_batch_size": batch, "optim": "adamw_torch_fused", **options}
    finish = finisher(job.device)
    try:
        with tempfile.TemporaryDirectory() as folder:
            finish()
            started = time.perf_counter()
            arguments = recipe.arguments(Path(folder), job.device, **more)
            recipe.trainer(model.model, examples, arguments).train()
            finish()
            seconds = time.perf_counter() - started
            bare = list(islice(cycle(examples), batch * (WARM + TIMED)))
            recipe.trainer(model.model, bare, arguments, [CountSteps()]).train()
            table = torch.tensor([examples[0]["input_ids"]] * batch, device=job.device)
            half = torch.autocast(job.device, torch.bfloat16, enabled=job.precision == "bf16")
            with matrix_counter() as counter, half:
                model.model(input_ids=table, labels=table, use_cache=False).loss.backward()
    except torch.OutOfMemoryError:
        return None
    flops = counter.get_total_flops() / size
    setting = f"{batch} x {block:,} tokens a step, packed"
    return Whole(seconds, len(examples) * (block - 1), steps.tokens_a_second(), flops, setting)


def quickest(found: Sequence[Whole | None]) -> Whole | None:
    """Return the training with the most tokens a second; None if there is none."""
    return max((one for one in found if one), key=lambda one: one.tokens_a_second, default=None)
