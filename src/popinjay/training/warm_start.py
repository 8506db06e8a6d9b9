"""Warm start: a model that learnt older posts goes on to learn new ones, with some old ones again.

Training on new posts alone forgets the old ones (catastrophic forgetting); mixing old ones in,
known as experience replay (Rolnick et al., arXiv 1811.11682), prevents that. So a lesson holds
every new post and, for each, some old ones drawn by chance, and is learnt in a single pass: a few
posts that are repeated are soon learnt by heart. How many, and at which learning rate, was
measured: docs/log.md, "Updating a persona".
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.errors import BaseModelError

if TYPE_CHECKING:
    from popinjay.models.language_model import LanguageModel

PASSES = 1  # over the new posts; more of them learn these by heart
LESSON = 1.5  # characters to learn, for each of a new post and each pass of a usual training
RATE_SHARE = 0.25  # of the learning rate of a training from the base model
BUDGET_SHARE = 0.25  # of the time that was given to train from the base model
VALIDATIONS = 1  # in all, after that before the first step


@dataclass(frozen=True)
class WarmStart:
    """The model that a training starts from, and the posts that it has learnt."""

    folder: Path  # of the model
    label: str  # of its version
    fingerprint: str  # of its weights
    texts: frozenset[str]  # that it learnt
    number: int = 0  # of its version
    learnt_before: tuple[str, ...] = ()  # hashes of all data that its weights come from
    epochs_seen: float = 1.0  # of the posts, by the first training

    def facts(self) -> dict[str, Any]:
        """Return what the record keeps of it beside the facts of the training."""
        return {
            "updated_from": self.number,
            "learnt_before": list(self.learnt_before),
            "epochs_seen": self.epochs_seen,
        }

    def has_new(self, texts: Sequence[str]) -> bool:
        """Return whether it has not learnt all of these texts."""
        return any(text not in self.texts for text in texts)

    def lesson(self, texts: Sequence[str], epochs: float, seed: int) -> list[str]:
        """Return the texts to learn now, once each: all new ones, and old ones drawn by chance.

        `epochs` is how often a training from the base model passes over all texts: the more, the
        more old ones.
        """
        new = [text for text in texts if text not in self.texts] * PASSES
        old = list(dict.fromkeys(text for text in texts if text in self.texts))
        random.Random(seed).shuffle(old)
        room = (LESSON * max(1.0, epochs) / PASSES - 1) * sum(map(len, new))
        replayed = []
        for text in old:
            if room <= 0:
                break
            room -= len(text)
            replayed.append(text)
        return new + replayed

    def load_weights(self, model: LanguageModel) -> None:
        """Put the weights of a whole model in place of the base's. Raises BaseModelError."""
        from popinjay.models.language_model import LanguageModel

        model.model = LanguageModel.load(self.folder, str(model.device)).model

    def load_adapter(self, model: LanguageModel) -> None:
        """Put the adapter's matrices into those attached to a model.

        Raises BaseModelError if there is none, or one of another shape.
        """
        import torch

        from popinjay.models.adapter import CONFIG, PREFIX, WEIGHTS, A, B
        from popinjay.models.weights import Weights, as_float32
        from popinjay.training.lora import adapters

        folder = self.folder if (self.folder / CONFIG).is_file() else self.folder / "adapter"
        tensors = Weights(folder, WEIGHTS)
        for name, layer in adapters(model.model):
            for suffix, matrix in ((A, layer.lora_A), (B, layer.lora_B)):
                key = f"{PREFIX}{name}{suffix}"
                if key not in tensors or tensors[key].shape != tuple(matrix.shape):
                    raise BaseModelError(
                        f"The adapter of {self.label} does not fit: its {key} has another shape.",
                        "Make the persona again.",
                    )
                known = torch.from_numpy(as_float32(tensors[key]).copy())
                matrix.data.copy_(known.to(matrix.device))
