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

SAMPLE_TOKENS = 40  # of a sample, at most
FIRST_PAUSE = 4.0  # seconds between the first samples
PAUSE_GROWTH = 1.15  # each pause is that many times as long as the one before
SAMPLE_SHARE = 0.05  # of the time since the last one, that a sample may take


@dataclass
class SampleSchedule:
    """When the next sample is due, from the number and the duration of those before."""

    count: int = 0
    cost: float = 0.0  # seconds of the last one
    last_at: float = field(default_factory=time.monotonic)

    def is_due(self) -> bool:
        """Return whether the last sample is long enough ago."""
        growing = FIRST_PAUSE * PAUSE_GROWTH ** max(0, self.count - 1)
        pause = max(growing, self.cost / SAMPLE_SHARE)
        return time.monotonic() - self.last_at >= pause

    def shown(self, cost: float) -> None:
        """Count a sample that was just shown, and what it took in seconds."""
        self.count += 1
        self.cost = cost
        self.last_at = time.monotonic()


def write_sample(model: LanguageModel, seed: int) -> str:
    """Return a post by the model as it is now. The seed is its only random state."""
    decoder = TorchDecoder(model)
    return generate(decoder, SayOptions(n=1, max_tokens=SAMPLE_TOKENS, seed=seed))[0].text
