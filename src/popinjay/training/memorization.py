"""Whether a model under training has begun to repeat its posts verbatim."""

from __future__ import annotations

import math
from collections.abc import Sequence

from popinjay.inference.torch_decoder import TorchDecoder
from popinjay.models.language_model import LanguageModel
from popinjay.options import SayOptions
from popinjay.sampling.generate import generate
from popinjay.text.verbatim_index import VerbatimIndex

SAMPLES = 32  # posts generated to check for memorization
SAMPLE_TOKENS = 40  # of each of them, at most
BYTES_PER_TOKEN = 4  # of a post, about
GENERATION_SLOWDOWN = 3  # generating a token takes about this many times as long as scoring one


def memorized_share(model: LanguageModel, index: VerbatimIndex, seed: int) -> float:
    """Return the share of unfiltered samples that repeat a training post verbatim."""
    options = SayOptions(n=SAMPLES, max_tokens=SAMPLE_TOKENS, seed=seed)
    return index.share([post.text for post in generate(TorchDecoder(model), options)])


def max_memorized_share(index: VerbatimIndex, texts: Sequence[str]) -> float:
    """Return the share of copies above which a model is memorizing.

    It is the author's own share of repetitions, in texts that the model does not learn, plus two
    standard errors. Copying rises in the first epochs, often before the loss is at its best (arXiv
    2510.11372).
    """
    own = index.share(texts)
    share = max(own, 1 / SAMPLES)
    return own + 2 * math.sqrt(share * (1 - share) / SAMPLES)


def estimated_seconds(validation_seconds: float, texts: Sequence[str]) -> float:
    """Estimate the duration of a check from that of a validation with these texts."""
    validation_tokens = sum(len(text.encode()) for text in texts) / BYTES_PER_TOKEN
    tokens = SAMPLES * SAMPLE_TOKENS
    return GENERATION_SLOWDOWN * validation_seconds * tokens / max(1.0, validation_tokens)
