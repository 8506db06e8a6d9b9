"""Taken for the author: whom a classifier takes for the writer of a text, out of this author and a line-up of others.

The line-up comes with the package, as counts and not as text: for each of its authors, how many posts out of 40,000 characters
hold a run of one to three characters, runs being told apart by a hash into 32,768 buckets only (`pretraining/authors.py` made
it). The classifier is naive Bayes over those counts, from equal amounts of text, every author as likely as the other.
"""

from __future__ import annotations

import io
import lzma
import random
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from popinjay.evaluation.interval import Estimate, of_share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ASSET = "assets/authors.npz.xz"
CHARACTERS = 40_000  # of each author, where there are as many
LENGTHS = (1, 2, 3)  # of the runs of characters
BUCKETS = 1 << 15
SMOOTHING = 0.1  # posts that hold a run nobody has seen of an author
LEAST_OTHERS = 9  # in the author's own language; with fewer the number means less
SEED = 0
POSTS_FOR_LANGUAGE = 200
_SPREAD = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: multiplying by it spreads neighbours (Knuth)


@dataclass(frozen=True, eq=False)
class Lineup:
    """The others that an author is to be told from."""

    names: tuple[str, ...]
    languages: tuple[str, ...]  # the one most of their posts are in
    counts: NDArray[np.int64]  # (others, BUCKETS): posts that hold a run

    @classmethod
    def load(cls, *, without: Collection[str] = (), extra: Mapping[str, Sequence[str]] | None = None) -> Lineup:
        """The package's line-up, less those who have a name in `without` (the author, say), and more authors with their posts.

        An extra author stands in for one of the same name, and only stands in the line-up with CHARACTERS or more of text.
        """
        import numpy as np

        with np.load(io.BytesIO(lzma.decompress(files("popinjay").joinpath(ASSET).read_bytes()))) as stored:
            names, languages, counts = stored["names"].tolist(), stored["languages"].tolist(), stored["counts"].T.astype(np.int64)
        own = cls(tuple(names), tuple(languages), counts)
        more = {name: texts for name, texts in (extra or {}).items() if sum(map(len, texts)) >= CHARACTERS}
        return own.less({*without, *more})._and(cls.of(more)).less(without)

    @classmethod
    def of(cls, posts: Mapping[str, Sequence[str]]) -> Lineup:
        """A line-up of authors given by their posts."""
        import numpy as np

        counts = [totals(texts) for texts in posts.values()]
        return cls(tuple(posts), tuple(map(language, posts.values())), np.array(counts, np.int64).reshape(len(posts), BUCKETS))

    @property
    def others(self) -> int:
        """How many stand in it."""
        return len(self.names)

    def same_language(self, author: Sequence[str]) -> int:
        """How many of them write in the language of these posts: the ones that are hard to tell apart."""
        return self.languages.count(language(author))

    def taken_for(self, author: Sequence[str], texts: Sequence[str]) -> Estimate:
        """The share of texts that look more like the author, known by training posts, than like anybody else here."""
        import numpy as np

        weights = self._weights(author)
        owners, buckets = runs(texts)
        hits = 0
        for start, end in pairwise(np.searchsorted(owners, np.arange(len(texts) + 1))):
            likely = weights[buckets[start:end]].sum(axis=0)
            hits += bool(likely[0] > likely[1:].max(initial=-np.inf))  # a tie is nobody's
        return of_share(hits, len(texts))

    def _weights(self, author: Sequence[str]) -> NDArray[np.float64]:
        """How likely (log) each run is in a post of the author, first, and of each other: (BUCKETS, 1 + others)."""
        import numpy as np

        known = thinned(np.vstack([totals(author)[None], self.counts])) + SMOOTHING
        return np.ascontiguousarray(np.log(known / known.sum(axis=1, keepdims=True)).T)

    def less(self, names: Collection[str]) -> Lineup:
        """Without the others of these names."""
        gone = {name.casefold() for name in names}
        stay = [place for place, name in enumerate(self.names) if name.casefold() not in gone]
        return Lineup(tuple(self.names[place] for place in stay), tuple(self.languages[place] for place in stay), self.counts[stay])

    def _and(self, more: Lineup) -> Lineup:
        import numpy as np

        return Lineup(self.names + more.names, self.languages + more.languages, np.concatenate([self.counts, more.counts]))


def language(texts: Sequence[str]) -> str:
    """The language that most posts look to be in, of a sample of them; empty where there are none."""
    import py3langid  # loads a model of some megabytes

    some = random.Random(SEED).sample(list(texts), min(len(texts), POSTS_FOR_LANGUAGE))
    found: Counter[str] = Counter(py3langid.classify(re.sub(r"[@#]\w+", " ", text))[0] for text in some)
    return min(found, key=lambda code: (-found[code], code), default="")


def totals(texts: Sequence[str]) -> NDArray[np.int64]:
    """In how many of the posts each run stands: of CHARACTERS of text, the posts drawn by chance."""
    import numpy as np

    drawn, room = [], CHARACTERS
    for text in random.Random(SEED).sample(list(texts), len(texts)):
        drawn.append(text[:room])
        room -= len(drawn[-1])
        if not room:
            break
    return np.bincount(runs(drawn)[1], minlength=BUCKETS)


def thinned(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The counts (authors, BUCKETS) as if everybody had written only as much as the one with the least.

    Who has left more text has left more rare runs, and would be taken for the writer of nearly everything.
    """
    import numpy as np

    sums = counts.sum(axis=1, keepdims=True)
    return np.random.default_rng(SEED).binomial(counts, sums.min() / np.maximum(sums, 1))


def runs(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The runs of characters in texts, each once a text, in the texts' order: the numbers of their texts, and their buckets.

    A text's edges count as characters, so that how a post begins and ends is known too.
    """
    import numpy as np

    joined = "\0".join(["", *(text.replace("\0", " ") for text in texts), ""])
    characters = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    edges = characters == 0
    text_of = np.cumsum(edges) - 1  # an edge belongs to the text after it
    found: list[Any] = []
    for length in LENGTHS:
        count = max(0, len(characters) - length + 1)
        hashed = np.full(count, length, np.uint64)
        for offset in range(length):
            hashed = (hashed ^ characters[offset : offset + count]) * np.uint64(_SPREAD)
            hashed ^= hashed >> np.uint64(29)
        across = edges[:count] & edges[length - 1 : length - 1 + count]
        for offset in range(1, length - 1):
            across |= edges[offset : offset + count]
        bucket = (hashed >> np.uint64(7)).astype(np.int64) % BUCKETS
        found.append((text_of[:count] * BUCKETS + bucket)[~across])
    owners, buckets = np.divmod(np.unique(np.concatenate(found)), BUCKETS)
    return owners, buckets
