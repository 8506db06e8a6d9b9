"""What quantization to 8 bits costs: bits per byte of held-out posts, exact and quantized."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def bits_per_byte(folder: Path, texts: Sequence[str], *, exact: bool) -> float:
    """Return the negative log2 probability of all texts, divided by their UTF-8 bytes.

    Each text is scored alone, after the token that begins a post.
    """
    from popinjay.inference.open_decoder import open_decoder

    decoder = open_decoder(folder, exact=exact)
    return sum(_bits(decoder, text) for text in texts) / sum(len(text.encode()) for text in texts)


def _bits(decoder: Any, text: str) -> float:
    """Return the negative log2 probability of one text, token by token."""
    import numpy as np

    tokens = decoder.encode(text)[: decoder.context - 1]
    found = 0.0
    logits = decoder.prefill([decoder.bos_token])
    decoder.add(1)
    for token in tokens:
        exact = logits.astype(np.float64) - logits.max()
        found += (np.log(np.exp(exact).sum()) - exact[token]) / math.log(2)
        logits = decoder.step([token])[0]
    return found
