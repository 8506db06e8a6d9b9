"""The settings of a pretraining run, and the schedules that follow from them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """The settings; the defaults are those of the run that made the base in the package."""

    layers: int = 6
    width: int = 256
    heads: int = 4
    positions: int = 1024  # the model's maximum context, in tokens
    steps: int = 4200
    batch_tokens: int = 4096  # of a step
    block: int = 256  # tokens of context at first
    long_from: float = 0.9  # the share of the steps after which the context is at its maximum
    warmup: int = 100  # steps
    decay_from: float = 0.4  # the share of the steps after which learning rates fall linearly to 0
    muon_rate: float = 0.03  # learning rate of matrices
    adam_rate: float = 4e-3  # learning rate of embeddings, norms and biases
    weight_decay: float = 0.05
    posts_first: float = 0.15  # the share of posts until the learning rates fall
    posts_last: float = 0.65  # the share of posts at the end
    grouped: bool = True  # each block of posts is by one author
    precision: str = "bf16"  # of matrix products: bf16 or fp32
    compiled: bool = True
    seed: int = 0

    def rate_factor(self, step: int) -> float:
        """Return the factor of the learning rates: warm-up, a plateau, then linear decay to 0."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        return 1 - self._decayed(step)

    def posts_share(self, step: int) -> float:
        """Return the share of posts among a step's blocks, which grows as the rates decay."""
        return self.posts_first + (self.posts_last - self.posts_first) * self._decayed(step)

    def block_at(self, step: int) -> int:
        """Return the context length of a step: short at first, since that costs less."""
        return self.positions if step >= self.longer_at else self.block

    @property
    def longer_at(self) -> int:
        """Return the first step with the maximum context."""
        return round(self.long_from * self.steps)

    def _decayed(self, step: int) -> float:
        first = self.decay_from * self.steps
        return min(1.0, max(0.0, (step - first) / (self.steps - first)))
