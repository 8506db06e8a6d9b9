"""Copying: how much of the texts stood in the posts that were learnt from.

People repeat themselves too, so the numbers mean something only beside those of the author's own
held-out posts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from popinjay.metrics.intervals import Estimate, bootstrap_mean, wilson_interval
from popinjay.metrics.measure import Compared, Measure
from popinjay.text.near_duplicates import NearDuplicates
from popinjay.text.verbatim_index import VerbatimIndex
from popinjay.text.words import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

SEED = 0  # of the bootstrap
# Numbers of what is no known word. The end of a post differs from the end of a text, so that no run
# goes across either.
_END = 0
_END_OF_TEXT = 1
_UNKNOWN = 2
_FIRST_WORD = 3


def copying(given: Compared, seed: int) -> Measure:
    """Return how much of each source's texts stands in the training posts."""
    memorization = Memorization(given.training)
    return Measure(
        {source: memorization.measure(texts) for source, texts in given.sources().items() if texts}
    )


class Memorization:
    """An index of training posts that measures how much of other texts stands in them.

    Case, punctuation and blanks do not count.
    """

    def __init__(self, training: Iterable[str]) -> None:
        import numpy as np

        posts = list(training)
        self._copies = VerbatimIndex(posts)
        self._near = NearDuplicates(posts)
        self._numbers: dict[str, int] = {}
        stream: list[int] = []
        for post in posts:
            self._near.add(post)
            stream += (
                self._numbers.setdefault(word, len(self._numbers) + _FIRST_WORD)
                for word in words(post)
            )
            stream.append(_END)
        self._stream = np.array(stream or [_END], np.int64)

    def measure(self, texts: Sequence[str]) -> dict[str, Estimate]:
        """Return how much of these texts is copied, in four ways; higher is more.

        - `exact`: the share that equal a training post.
        - `run`: the share that repeat eight or more words in a row of one (sixteen characters of a
          script without blanks).
        - `near`: the share that equal one or nearly so.
        - `longest`: the longest run of words that a text shares with any one post, as a share of
          the text's words, on average.
        """
        count = len(texts)
        return {
            "exact": wilson_interval(sum(map(self._copies.is_whole, texts)), count),
            "run": wilson_interval(sum(map(self._copies.repeats_run, texts)), count),
            "near": wilson_interval(
                sum(self._near.find(text) is not None for text in texts), count
            ),
            "longest": bootstrap_mean(self.longest(texts), SEED),
        }

    def longest(self, texts: Sequence[str]) -> list[float]:
        """Return each text's longest run of words shared with one post, as a share of its words.

        A text without words shares all if it equals a post, otherwise nothing.
        """
        import numpy as np

        if not texts:
            return []
        found = [words(text) for text in texts]
        lengths = np.array([len(own) for own in found])
        own = [
            number
            for one in found
            for number in (*(self._numbers.get(word, _UNKNOWN) for word in one), _END_OF_TEXT)
        ]
        shared = _longest_matches(self._stream, np.array(own, np.int64), int(lengths.max()))
        begins = np.concatenate([[0], np.cumsum(lengths + 1)[:-1]])
        shares = np.maximum.reduceat(shared, begins) / np.maximum(lengths, 1)
        return [
            float(share) if length else float(self._copies.is_whole(text))
            for share, length, text in zip(shares, lengths, texts, strict=True)
        ]


def _longest_matches(held: Numbers, asked: Numbers, most: int) -> Numbers:
    """Return, for each place of `asked`, how many numbers from there on stand in a row in `held`.

    All suffixes of both are sorted (by prefix doubling: Manber and Myers 1993). The longest match
    of a suffix is then with the nearest one of `held` before or behind it. No match may be longer
    than `most`.
    """
    import numpy as np

    both = np.concatenate([held, asked])
    ranks = _ranks(both, most)
    order = np.argsort(ranks[-1], kind="stable")
    places = np.arange(len(both))
    is_held = order < len(held)
    before = np.maximum.accumulate(np.where(is_held, places, -1))
    behind = np.minimum.accumulate(np.where(is_held, places, len(both))[::-1])[::-1]
    mine = np.flatnonzero(~is_held)
    best = np.zeros(len(asked), np.int64)
    for near in (before[mine], behind[mine]):
        exists = (near >= 0) & (near < len(both))
        common = _common(ranks, order[mine], order[np.where(exists, near, 0)])
        np.maximum.at(best, order[mine] - len(held), np.where(exists, common, 0))
    return best


def _ranks(numbers: Numbers, most: int) -> list[NDArray[np.int32]]:
    """Return the rank of each suffix by its first number, its first 2, 4, 8 ..., beyond `most`.

    Suffixes that end before that are padded with zeros.
    """
    import numpy as np

    rank: NDArray[Any] = np.unique(numbers, return_inverse=True)[1].astype(np.int64)
    ranks = [rank.astype(np.int32)]
    reach = 1
    while reach <= most and int(rank.max()) + 1 < len(rank):
        behind = np.zeros_like(rank)
        behind[:-reach] = rank[reach:] + 1
        rank = np.unique(rank * (len(rank) + 1) + behind, return_inverse=True)[1].astype(np.int64)
        ranks.append(rank.astype(np.int32))
        reach *= 2
    return ranks


def _common(ranks: list[NDArray[np.int32]], one: Numbers, other: Numbers) -> Numbers:
    """Return how far the suffixes at these places agree."""
    import numpy as np

    size = len(ranks[0])
    length = np.zeros_like(one)
    for level in reversed(range(len(ranks))):
        first, second = one + length, other + length
        inside = (first < size) & (second < size)
        same = ranks[level][np.where(inside, first, 0)] == ranks[level][np.where(inside, second, 0)]
        length += np.where(inside & same, 1 << level, 0)
    return length
