"""Ours, and how a peer without a sampler of its own draws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Say = Callable[[int, int, int], int]  # rows, most tokens of each, seed: how many tokens were new


def ours(folder: Path, work: Path, *, exact: bool = False) -> Say:
    """The fast engine, what it turned kept in `work`."""
    from popinjay.inference.open_decoder import open_decoder
    from popinjay.options import SayOptions
    from popinjay.sampling.generate import generate

    decoder = open_decoder(folder, exact=exact, cache=work / "engine" / folder.name)

    def say(rows: int, most: int, seed: int) -> int:
        posts = generate(decoder, SayOptions(n=rows, max_tokens=most, top_p=0.95, seed=seed))
        return sum(
            post.tokens + (post.tokens < most) for post in posts
        )  # the end token, which others count too

    return say


def draw(logits: Any, chances: Any, top_p: float = 0.95) -> Any:
    """One token for each row (rows, vocabulary): drawn of all, and again until it is of the nucleus; exact, and nothing is sorted."""
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
