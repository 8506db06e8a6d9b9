"""Ours: posts drawn through a decoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Say = Callable[[int, int, int], int]  # rows, most tokens of each, seed: how many tokens were new


def ours(folder: Path, work: Path, *, exact: bool = False) -> Say:
    """The fast engine, what it turned kept in `work`."""
    from popinjay.decoding.open import open_decoder

    decoder = open_decoder(folder, exact=exact, cache=work / "engine" / folder.name)
    return lambda rows, most, seed: say(decoder, rows, most, seed)


def say(decoder: Any, rows: int, most: int, seed: int) -> int:
    """New tokens of so many posts, by the smallest loop that there is. Where `generate.stream` takes a decoder, it belongs here."""
    import numpy as np

    rng = np.random.default_rng(seed)
    first, count = decoder.read([decoder.end]), 0
    decoder.add(rows)
    logits = np.repeat(first[None], rows, axis=0)
    for place in range(most):
        tokens = draw(logits, rng.random(len(logits)))
        count += len(tokens)
        staying = [row for row, token in enumerate(tokens) if token != decoder.end]
        if not staying or place == most - 1:
            break
        if len(staying) < len(tokens):
            decoder.keep(staying)
            tokens = tokens[staying]
        logits = decoder.step(tokens.tolist())
    return count


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
