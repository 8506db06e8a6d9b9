"""What 8 bits cost: bits per byte of held-out posts through the same decoder, exact and not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def bits_per_byte(folder: Path, texts: Sequence[str], *, exact: bool) -> float:
    """-log2 of the probability of all texts, each from the token that begins it, over their UTF-8 bytes."""
    from popinjay.inference.open_decoder import open_decoder

    decoder = open_decoder(folder, exact=exact)
    return sum(_bits(decoder, text) for text in texts) / sum(len(text.encode()) for text in texts)


def _bits(decoder: Any, text: str) -> float:
    """Of one text, token by token."""
    import numpy as np

    tokens, found = decoder.encode(text)[: decoder.context - 1], 0.0
    logits = decoder.prefill([decoder.bos_token])
    decoder.add(1)
    for token in tokens:
        exact = logits.astype(np.float64) - logits.max()
        found += (np.log(np.exp(exact).sum()) - exact[token]) / math.log(2)
        logits = decoder.step([token])[0]
    return found
