"""Every setting of a pretraining run, and what follows from it at each step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """The defaults are the run that made the base in the package."""

    layers: int = 6
    width: int = 256
    heads: int = 4
    positions: int = 1024  # tokens of context the model has room for
    steps: int = 4200
    batch_tokens: int = 4096  # of a step
    block: int = 256  # tokens of context at first
    long_from: float = 0.9  # from this share of the steps on, the whole context
    warmup: int = 100
    decay_from: float = 0.4  # from this share of the steps on, rates fall in a line to nothing
    muon_rate: float = 0.03
    adam_rate: float = 4e-3  # of embeddings, norms and biases
    weight_decay: float = 0.05
    posts_first: float = 0.15  # the share of posts until the rates fall
    posts_last: float = 0.65  # and at the end
    grouped: bool = True  # a block of posts is one author's
    precision: str = "bf16"  # of matrix products: bf16 or fp32
    compiled: bool = True
    seed: int = 0

    def rate_factor(self, step: int) -> float:
        """Warm-up, a plateau, then a straight line to nothing."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        return 1 - self._decayed(step)

    def posts_share(self, step: int) -> float:
        """How much of a step's blocks is posts: more as the rates fall."""
        return self.posts_first + (self.posts_last - self.posts_first) * self._decayed(step)

    def block_at(self, step: int) -> int:
        """Short contexts cost less; the last steps learn the long ones."""
        return self.positions if step >= self.longer_at else self.block

    @property
    def longer_at(self) -> int:
        """The first step that reads the whole context."""
        return round(self.long_from * self.steps)

    def _decayed(self, step: int) -> float:
        first = self.decay_from * self.steps
        return min(1.0, max(0.0, (step - first) / (self.steps - first)))
