"""Habits: whether texts are as long and loud as the author's, with as many emoji and hashtags."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from popinjay.metrics.intervals import RESAMPLES, Estimate
from popinjay.metrics.measure import AUTHOR, MAX_TEXTS, Compared, Measure
from popinjay.text.emoji import count_emoji

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPLITS = 200  # ways to cut an author's posts in two
_AT_ONCE = 100  # resamples

_HASHTAG = re.compile(r"(?<![\w&])[#＃]\w*[^\W\d]\w*")
_MENTION = re.compile(r"(?<!\w)[@＠]\w+")
_MARKS = "#＃@＠_"  # parts of hashtags and mentions, which have rows of their own


def punctuation(text: str) -> float:
    """Return the share of the characters that are punctuation marks."""
    marks = sum(
        unicodedata.category(character)[0] == "P" and character not in _MARKS for character in text
    )
    return marks / max(1, len(text))


def capitals(text: str) -> float:
    """Return the share of the letters that are capitals."""
    letters = [unicodedata.category(character) for character in text if character.isalpha()]
    return sum(category in ("Lu", "Lt") for category in letters) / max(1, len(letters))


def hashtags(text: str) -> int:
    """Return how many hashtags there are."""
    return sum(1 for _ in _HASHTAG.finditer(text))


def mentions(text: str) -> int:
    """Return how many people are mentioned by their handles."""
    return sum(1 for _ in _MENTION.finditer(text))


STYLE_MEASURES: dict[str, Callable[[str], float]] = {
    "length": len,
    "punctuation": punctuation,
    "capitals": capitals,
    "emoji": count_emoji,
    "hashtags": hashtags,
    "mentions": mentions,
}


def habits(given: Compared, seed: int) -> Measure:
    """Return how far each source's habits are from the author's."""
    found = {
        source: stylometry(texts[:MAX_TEXTS], given.author, seed)
        for source, texts in given.written.items()
        if texts
    }
    return Measure({**found, AUTHOR: self_split(given.author, seed)})


def stylometry(texts: Sequence[str], real: Sequence[str], seed: int = 0) -> dict[str, Estimate]:
    """Return how far each habit of these texts is from that of the author's real posts.

    The distance is the two-sample Kolmogorov-Smirnov statistic, the largest gap between the two
    empirical distributions: 0 is the same, 1 has nothing in common. It is above 0 by chance too,
    the more the fewer texts there are; `self_split` says by how much. The interval is the basic
    bootstrap's, mirrored at the value, because resampling widens gaps. Resamples are computed many
    at once here, which scipy's `ks_2samp` cannot do.
    """
    if not texts or not real:
        return {name: Estimate(0.0, 0.0, 1.0) for name in STYLE_MEASURES}
    return {
        name: _estimate([habit(text) for text in texts], [habit(text) for text in real], seed)
        for name, habit in STYLE_MEASURES.items()
    }


def self_split(real: Sequence[str], seed: int = 0) -> dict[str, Estimate]:
    """Return how far one half of an author's posts is from the other, by chance alone.

    The value is the mean distance over many random splits, the interval holds 95% of them.
    """
    import numpy as np

    half = len(real) // 2
    if not half:
        return {name: Estimate(0.0, 0.0, 1.0) for name in STYLE_MEASURES}
    generator = np.random.default_rng(seed)
    cuts = generator.permuted(np.tile(np.arange(len(real)), (SPLITS, 1)), axis=1)
    found = {}
    for name, habit in STYLE_MEASURES.items():
        values, codes = np.unique([habit(text) for text in real], return_inverse=True)
        gaps = _gap(
            _tally(codes[cuts[:, :half]], len(values)),
            _tally(codes[cuts[:, half : 2 * half]], len(values)),
        )
        low, high = np.quantile(gaps, [0.025, 0.975])
        found[name] = Estimate(float(gaps.mean()), float(low), float(high))
    return found


def _estimate(mine: Sequence[float], theirs: Sequence[float], seed: int) -> Estimate:
    import numpy as np

    generator = np.random.default_rng(seed)
    values, codes = np.unique([*mine, *theirs], return_inverse=True)
    sides = (codes[: len(mine)], codes[len(mine) :])

    def resampled(side: NDArray[np.int64]) -> NDArray[np.float64]:
        drawn = generator.integers(0, len(side), (_AT_ONCE, len(side)))
        return _tally(side[drawn], len(values))

    value = float(_gap(*(_tally(side[None], len(values)) for side in sides))[0])
    batches = [_gap(*map(resampled, sides)) for _ in range(RESAMPLES // _AT_ONCE)]
    low, high = np.quantile(np.concatenate(batches), [0.025, 0.975])
    return Estimate(
        value,
        min(value, max(0.0, 2 * value - float(high))),
        max(value, min(1.0, 2 * value - float(low))),
    )


def _tally(codes: NDArray[np.int64], kinds: int) -> NDArray[np.float64]:
    """Return the empirical distribution of each row: (rows, numbers) -> (rows, kinds)."""
    import numpy as np

    rows = len(codes)
    counts = np.bincount(
        (codes + np.arange(rows)[:, None] * kinds).ravel(), minlength=rows * kinds
    ).reshape(rows, kinds)
    shares: NDArray[np.float64] = counts.cumsum(axis=1) / codes.shape[1]
    return shares


def _gap(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Kolmogorov-Smirnov statistic of each row."""
    import numpy as np

    gap: NDArray[np.float64] = np.abs(one - other).max(axis=1)
    return gap
