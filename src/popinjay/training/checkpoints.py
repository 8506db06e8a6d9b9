"""Checkpoints from which a killed training continues, and ends as if it had never been stopped."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.store.files import atomic_write, replacing

if TYPE_CHECKING:
    import torch

    Weights = Mapping[str, torch.nn.Parameter]
    Optimizers = Mapping[str, torch.optim.Optimizer]

CHECKPOINT = "checkpoint.safetensors"
BEST = "best.safetensors"
METRICS = "metrics.jsonl"
CHECKPOINT_SECONDS = 20.0  # between checkpoints, at least
CHECKPOINT_SHARE = 0.04  # of the time is spent on checkpoints and best weights, at most
MAX_CHECKPOINT_SECONDS = 900.0  # between checkpoints, at most, however slow the disk is
FORMER_FIELDS = {  # former names of TrainingState's fields, which older checkpoints have
    "looks_since_best": "validations_since_best",
    "recites": "memorizing",
    "watched": "validation_count",
    "asides": "overhead",
}


@dataclass
class TrainingState:
    """The state of a training besides its weights and moments. Scores are in bits per byte."""

    step: int = 0
    tokens: int = 0
    best_step: int = 0
    best: float = math.inf  # validation score at the best step
    validations_since_best: int = 0
    memorizing: bool = False  # it copies more than the author repeats themselves
    seconds: float = 0.0
    budget: float = 0.0  # seconds until the end of the last step, if there is a budget
    start: float = 0.0  # seconds before the first step
    first: float = math.inf  # validation score before the first step
    last: float = math.inf  # validation score at the last validation
    validation_count: int = 0  # validation texts used, if a budget has no time for all; 0: all
    overhead: float = 0.0  # seconds spent on anything but steps
    is_validation_due: bool = False  # after the last step: the training was stopped within it

    @classmethod
    def from_json(cls, text: str) -> TrainingState:
        """Read a state from a checkpoint's header, which may have fields' former names."""
        fields: dict[str, Any] = json.loads(text)
        return cls(**{FORMER_FIELDS.get(name, name): value for name, value in fields.items()})

    def to_json(self) -> str:
        """Write the state for a checkpoint's header."""
        return json.dumps(asdict(self))


class Checkpoints:
    """The folder with a training's checkpoint, best weights and metrics so far.

    `checkpoint.safetensors` holds the trainable weights and the optimizer's moments, and the
    training state in its header; `best.safetensors` holds the weights of the best step so far.
    Weights and optimizers are passed by name. `key` identifies the training: the checkpoint of
    another one is discarded. Files are written completely or not at all.

    The moments are kept in float32. Half precision would halve the checkpoint of full fine-tuning,
    but a training resumed from rounded moments ends with other weights than an uninterrupted one.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self.key = key
        self._last = time.monotonic()
        self._cost = 0.0  # seconds of the last checkpoint, or an estimate for the first
        self._best_cost = 0.0  # seconds spent on best weights since the last checkpoint
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def metrics(self) -> Path:
        """The file with the metrics so far, one JSON object per line."""
        return self.folder / METRICS

    def due(self) -> bool:
        """Return whether it is time for a checkpoint: the slower the disk, the less often."""
        pause = max(CHECKPOINT_SECONDS, (self._cost + self._best_cost) / CHECKPOINT_SHARE)
        return time.monotonic() - self._last > min(MAX_CHECKPOINT_SECONDS, pause)

    def save(self, weights: Weights, optimizers: Optimizers, state: TrainingState) -> None:
        """Write a checkpoint."""
        from safetensors.torch import save_file

        started = time.monotonic()
        tensors = {}
        for name, parameter in weights.items():
            tensors[f"weights.{name}"] = parameter.data
            moments = optimizers[name].state[parameter]
            if moments:
                tensors[f"first.{name}"] = moments["exp_avg"]
                tensors[f"second.{name}"] = moments["exp_avg_sq"]
        metadata = {"key": self.key, "standing": state.to_json()}
        with replacing(self.folder / CHECKPOINT) as partial:
            save_file(tensors, partial, metadata=metadata)
        self._last = time.monotonic()
        self._cost = self._last - started
        self._best_cost = 0.0

    def restore(self, weights: Weights, optimizers: Optimizers) -> TrainingState:
        """Restore the last checkpoint in place, and return its state.

        If there is none of this key, the folder is emptied and the state is that of a new training.
        """
        import torch
        from safetensors import SafetensorError, safe_open

        device = str(next(iter(weights.values())).device)
        try:
            with safe_open(self.folder / CHECKPOINT, framework="pt", device=device) as file:
                metadata = file.metadata()
                if metadata["key"] != self.key:
                    raise FileNotFoundError
                state = TrainingState.from_json(metadata["standing"])
                for name, parameter in weights.items():
                    parameter.data.copy_(file.get_tensor(f"weights.{name}"))
                    optimizers[name].state[parameter] = {
                        "step": torch.tensor(float(state.step), device=device),
                        "exp_avg": file.get_tensor(f"first.{name}"),
                        "exp_avg_sq": file.get_tensor(f"second.{name}"),
                    }
        except (FileNotFoundError, SafetensorError):
            for name in (CHECKPOINT, BEST, METRICS):
                (self.folder / name).unlink(missing_ok=True)
            return TrainingState()
        self._truncate_metrics(state.step)
        return state

    def _truncate_metrics(self, step: int) -> None:
        """Remove the lines after this step, and a last line that was not written to its end."""
        kept = []
        for line in self.metrics.read_text(encoding="utf-8").splitlines(keepends=True):
            if not line.endswith("\n") or json.loads(line)["step"] > step:
                break
            kept.append(line)
        atomic_write(self.metrics, "".join(kept))

    def keep_best(self, weights: Weights) -> None:
        """Save the current weights as the best so far."""
        from safetensors.torch import save_file

        started = time.monotonic()
        with replacing(self.folder / BEST, durable=False) as partial:
            save_file({name: parameter.data for name, parameter in weights.items()}, partial)
        seconds = time.monotonic() - started
        self._best_cost += seconds
        if not self._cost:  # a checkpoint also holds two moments of each weight
            self._cost = 3 * seconds

    def load_best(self, weights: Weights) -> None:
        """Load the best weights, one at a time: all at once would be the peak of memory use."""
        from safetensors import safe_open

        device = str(next(iter(weights.values())).device)
        for name, parameter in weights.items():
            with safe_open(self.folder / BEST, framework="pt", device=device) as best:  # unmaps it
                parameter.data.copy_(best.get_tensor(name))

    @staticmethod
    def forget(persona: Path) -> None:
        """Remove a persona's checkpoints."""
        shutil.rmtree(Checkpoints.folder_of(persona), ignore_errors=True)

    @staticmethod
    def folder_of(persona: Path) -> Path:
        """Return the folder of a persona's checkpoints."""
        return persona / ".train"
