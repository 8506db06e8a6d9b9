"""Variety: whether texts say different things or the same ones again and again.

All of these numbers depend on the number of texts (the more texts, the fewer new words among them),
so only sources measured on the same number of texts can be compared. The caller sees to that.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

from popinjay.metrics.measure import Compared, Measure
from popinjay.text.words import words

ORDERS = (1, 2, 3, 4)
# Stands for a count of matches that is zero: method 1 of Chen and Cherry (2014), as in NLTK, which
# Texygen used.
SMOOTHING = 0.1

Gram = tuple[str, ...]


def variety(given: Compared, seed: int) -> Measure:
    """Return how varied each source's texts are, of equally many of them."""
    count = min(given.count, *(len(texts) for texts in given.written.values() if texts))
    found = {source: diversity(texts[:count]) for source, texts in given.sources().items() if texts}
    return Measure(found, {"texts": count})


def diversity(texts: Sequence[str]) -> dict[str, float]:
    """Return how much these texts differ from one another, in words as `words.words` finds them.

    - `distinct_1`, `distinct_2`, `distinct_3` (Li et al. 2016): different n-grams, as a share of
      all n-grams of all texts.
    - `self_bleu` (Zhu et al. 2018): the mean BLEU-4 of each text against all others; lower is more
      varied.
    - `repeats`: the share of texts that equal an earlier one.
    """
    found = [words(text) for text in texts]
    return {
        **{f"distinct_{order}": _distinct(found, order) for order in (1, 2, 3)},
        "self_bleu": _self_bleu(found),
        "repeats": _repeats(texts, found),
    }


def _grams(found: Sequence[str], order: int) -> Iterator[Gram]:
    return zip(*(found[begin:] for begin in range(order)), strict=False)


def _distinct(found: Sequence[Sequence[str]], order: int) -> float:
    seen: set[Gram] = set()
    total = 0
    for own in found:
        seen.update(_grams(own, order))
        total += max(0, len(own) - order + 1)
    return len(seen) / total if total else 0.0


def _repeats(texts: Sequence[str], found: Sequence[Sequence[str]]) -> float:
    """Return the share of texts that equal an earlier one.

    Case, punctuation and blanks do not count, unless a text has nothing else.
    """
    different = {tuple(own) or text.strip() for text, own in zip(texts, found, strict=True)}
    return 1 - len(different) / len(texts) if texts else 0.0


class _Highest:
    """The two highest counts of each n-gram within any one text."""

    def __init__(self, counts: Sequence[Counter[Gram]]) -> None:
        self._first: dict[Gram, int] = {}
        self._second: dict[Gram, int] = {}
        for own in counts:
            for gram, count in own.items():
                first = self._first.get(gram, 0)
                if count > first:
                    self._first[gram] = count
                if first:
                    self._second[gram] = max(self._second.get(gram, 0), min(first, count))

    def among_others(self, gram: Gram, count: int) -> int:
        """Return the highest count among all texts but one that has the n-gram `count` times."""
        first = self._first[gram]
        return first if count < first else self._second.get(gram, 0)


def _self_bleu(found: Sequence[Sequence[str]]) -> float:
    """Return the mean BLEU-4 of each text against all others, in time linear in the words.

    The two highest counts of an n-gram give the highest count among all texts but any one.
    """
    if len(found) < 2:
        return 0.0
    logs = [0.0] * len(found)  # of the precisions, summed over the orders
    for order in ORDERS:
        counts = [Counter(_grams(own, order)) for own in found]
        highest = _Highest(counts)
        for place, own in enumerate(counts):
            matches = sum(
                min(count, highest.among_others(gram, count)) for gram, count in own.items()
            )
            total = max(1, sum(own.values()))
            if not matches and order == 1:
                logs[place] = -math.inf  # not a word in common: smoothing must not hide that
            logs[place] += math.log((matches or SMOOTHING) / total)
    lengths = sorted(map(len, found))
    penalties = (_brevity(len(own), _closest_other(lengths, len(own))) for own in found)
    return sum(
        penalty * math.exp(log / len(ORDERS)) for penalty, log in zip(penalties, logs, strict=True)
    ) / len(found)


def _closest_other(lengths: Sequence[int], length: int) -> int:
    """Return the length closest to one of these lengths among the others; of two the shorter."""
    place = bisect_left(lengths, length)
    near = [*lengths[max(0, place - 1) : place], *lengths[place + 1 : place + 2]]
    return min(near, key=lambda other: (abs(other - length), other))


def _brevity(length: int, reference: int) -> float:
    """Return BLEU's brevity penalty (Papineni et al. 2002)."""
    if length >= reference:
        return 1.0
    return math.exp(1 - reference / length) if length else 0.0
