"""Samples shown during training: when the next one is due, and how it is written.

They come by time: a few seconds apart at first, then at growing intervals, and never so often that
they cost more than a small share of the training.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from popinjay.inference.torch_decoder import TorchDecoder
from popinjay.models.language_model import LanguageModel
from popinjay.options import SayOptions
from popinjay.sampling.generate import generate

SAMPLE_TOKENS = 32  # of a sample, at most
FIRST_PAUSE = 4.0  # seconds between the first samples
PAUSE_GROWTH = 1.15  # each pause is that many times as long as the one before
SAMPLE_SHARE = 0.04  # of the time since the last one, that a sample may take
WARM_SHARE = 0.5  # of the first sample's time, that the second will take


@dataclass
class SampleSchedule:
    """When the next sample is due, from the number and the duration of those before."""

    count: int = 0
    cost: float = 0.0  # seconds of the last one
    last_at: float = field(default_factory=time.monotonic)

    def is_due(self) -> bool:
        """Return whether the last sample is long enough ago."""
        growing = FIRST_PAUSE * PAUSE_GROWTH ** max(0, self.count - 1)
        cost = self.cost * (WARM_SHARE if self.count == 1 else 1.0)
        pause = max(growing, cost / SAMPLE_SHARE)
        return time.monotonic() - self.last_at >= pause

    def shown(self, cost: float) -> None:
        """Count a sample that was just shown, and what it took in seconds."""
        self.count += 1
        self.cost = cost
        self.last_at = time.monotonic()


def write_sample(model: LanguageModel, seed: int, opening: str = "") -> str:
    """Return a post by the model as it is now. The seed is its only random state.

    A base model needs an `opening`: what it writes without one is no text, but the middle of one.
    """
    decoder = TorchDecoder(model)
    return generate(decoder, SayOptions(n=1, max_tokens=SAMPLE_TOKENS, seed=seed), opening)[0].text
