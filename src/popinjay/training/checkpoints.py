"""Checkpoints: what a training needs to end as if it had never been stopped. Safetensors, written whole or not at all."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from popinjay.store.files import atomic_write, replacing

if TYPE_CHECKING:
    import torch

    Weights = Mapping[str, torch.nn.Parameter]
    Optimizers = Mapping[str, torch.optim.Optimizer]

CHECKPOINT, BEST, METRICS = "checkpoint.safetensors", "best.safetensors", "metrics.jsonl"
CHECKPOINT_SECONDS = 20.0  # between checkpoints, at least
CHECKPOINT_SHARE = 0.04  # of the time that goes into checkpoints and best weights, at most
MOST_SECONDS = 900.0  # between checkpoints, at most: a disk may be slow, but not all may be lost


@dataclass
class TrainingState:
    """Where a training stands, beside the weights."""

    step: int = 0
    tokens: int = 0
    best_step: int = 0
    best: float = math.inf  # bits per byte of the validation posts at the best step
    validations_since_best: int = 0
    memorizing: bool = False  # it copies more than the author repeats themselves
    seconds: float = 0.0
    budget: float = 0.0  # seconds for all up to the last step, where there is a budget
    start: float = 0.0  # seconds before the first step
    first: float = math.inf  # bits per byte of the validation posts before the first step
    last: float = math.inf  # the same at the last look
    validation_count: int = (
        0  # validation posts that are looked at, where a budget has no time for all; 0: all
    )
    overhead: float = 0.0  # seconds that went into anything but steps


class Checkpoints:
    """A folder beside the outputs from which a killed training goes on.

    `checkpoint.safetensors` holds the weights that learn and the optimiser's moments, its header where training stands;
    `best.safetensors` the weights of the best step so far. Weights and their optimisers are given by name. `key` names what is being trained on
    what: with another key nothing is taken over.

    The moments are kept in float32. In half precision they would halve a checkpoint of full fine-tuning, but a
    training that goes on from rounded moments ends with other weights than one that was never stopped.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self.key = key
        self._last = time.monotonic()
        self._cost = 0.0  # seconds of the last checkpoint, or what the first one will probably take
        self._best_cost = 0.0  # seconds of writing best weights since then
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def metrics(self) -> Path:
        """The metrics so far, a JSON object a line."""
        return self.folder / METRICS

    def due(self) -> bool:
        """Return whether it is time for the next checkpoint: the slower the disk, the less often."""
        pause = max(CHECKPOINT_SECONDS, (self._cost + self._best_cost) / CHECKPOINT_SHARE)
        return time.monotonic() - self._last > min(MOST_SECONDS, pause)

    def save(self, weights: Weights, optimizers: Optimizers, standing: TrainingState) -> None:
        """Write a checkpoint, whole or not at all."""
        from safetensors.torch import save_file

        started = time.monotonic()
        tensors = {}
        for name, parameter in weights.items():
            tensors[f"weights.{name}"] = parameter.data
            state = optimizers[name].state[parameter]
            if state:
                tensors[f"first.{name}"], tensors[f"second.{name}"] = (
                    state["exp_avg"],
                    state["exp_avg_sq"],
                )
        metadata = {"key": self.key, "standing": json.dumps(asdict(standing))}
        with replacing(self.folder / CHECKPOINT) as partial:
            save_file(tensors, partial, metadata=metadata)
        self._last, self._cost, self._best_cost = time.monotonic(), time.monotonic() - started, 0.0

    def restore(self, weights: Weights, optimizers: Optimizers) -> TrainingState:
        """Put everything back as the last checkpoint has it; where there is none of this key, start anew."""
        import torch
        from safetensors import SafetensorError, safe_open

        device = str(next(iter(weights.values())).device)
        try:
            with safe_open(self.folder / CHECKPOINT, framework="pt", device=device) as file:
                metadata = file.metadata()
                if metadata["key"] != self.key:
                    raise FileNotFoundError
                standing = TrainingState(**json.loads(metadata["standing"]))
                for name, parameter in weights.items():
                    parameter.data.copy_(file.get_tensor(f"weights.{name}"))
                    optimizers[name].state[parameter] = {
                        "step": torch.tensor(float(standing.step), device=device),
                        "exp_avg": file.get_tensor(f"first.{name}"),
                        "exp_avg_sq": file.get_tensor(f"second.{name}"),
                    }
        except (FileNotFoundError, SafetensorError):
            for name in (CHECKPOINT, BEST, METRICS):
                (self.folder / name).unlink(missing_ok=True)
            return TrainingState()
        self._cut_metrics(standing.step)
        return standing

    def _cut_metrics(self, step: int) -> None:
        """Take back what was measured after this step (the last line may be half a line)."""
        kept = []
        for line in self.metrics.read_text(encoding="utf-8").splitlines(keepends=True):
            if not line.endswith("\n") or json.loads(line)["step"] > step:
                break
            kept.append(line)
        atomic_write(self.metrics, "".join(kept))

    def keep_best(self, weights: Weights) -> None:
        """Remember the weights as they are."""
        from safetensors.torch import save_file

        started = time.monotonic()
        with replacing(self.folder / BEST, durable=False) as partial:
            save_file({name: parameter.data for name, parameter in weights.items()}, partial)
        seconds = time.monotonic() - started
        self._best_cost += seconds
        if not self._cost:  # a checkpoint holds two moments of each weight besides
            self._cost = 3 * seconds

    def load_best(self, weights: Weights) -> None:
        """Put the best weights back, one after another: all at once would be the peak of a training."""
        from safetensors import safe_open

        device = str(next(iter(weights.values())).device)
        for name, parameter in weights.items():
            with safe_open(self.folder / BEST, framework="pt", device=device) as best:  # unmaps it
                parameter.data.copy_(best.get_tensor(name))

    @staticmethod
    def forget(persona: Path) -> None:
        """Remove a persona's checkpoints, once its training is recorded."""
        shutil.rmtree(Checkpoints.folder_of(persona), ignore_errors=True)

    @staticmethod
    def folder_of(persona: Path) -> Path:
        """Where a persona's checkpoints lie."""
        return persona / ".train"
