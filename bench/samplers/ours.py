"""Our sampler, and the sampling of peers that bring none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Say = Callable[[int, int, int], int]  # takes rows, tokens a row, seed; returns the new tokens


def ours(folder: Path, work: Path, *, exact: bool = False) -> Say:
    """Return our sampler, its converted model cached in `work`."""
    from popinjay.inference.open_decoder import open_decoder
    from popinjay.options import SayOptions
    from popinjay.sampling.generate import generate

    decoder = open_decoder(folder, exact=exact, cache=work / "engine" / folder.name)

    def say(rows: int, max_tokens: int, seed: int) -> int:
        options = SayOptions(n=rows, max_tokens=max_tokens, top_p=0.95, seed=seed)
        # The end token counts too, as it does for the others.
        return sum(post.tokens + (post.tokens < max_tokens) for post in generate(decoder, options))

    return say


def sample(logits: Any, chances: Any, top_p: float = 0.95) -> Any:
    """Sample one token for each row by rejection: exact, and without sorting.

    A token is drawn from the whole distribution until it is in the nucleus.

    Args:
        logits: float32 (rows, vocabulary).
        chances: One random number in [0, 1) for each row.
        top_p: The nucleus's share of the probability.
    """
    import numpy as np

    tops = logits.max(axis=1, keepdims=True)
    weights = np.exp(logits - tops)
    found = np.empty(len(logits), np.int64)
    for row, (each, chance) in enumerate(zip(weights, chances, strict=True)):
        sums = np.cumsum(each, dtype=np.float64)
        rng = None
        while True:
            token = min(int(np.searchsorted(sums, chance * sums[-1], side="right")), len(each) - 1)
            if each[each > each[token]].sum(dtype=np.float64) < top_p * sums[-1]:
                break
            rng = rng or np.random.default_rng(int(chance * 2**53))
            chance = rng.random()
        found[row] = token
    return found
