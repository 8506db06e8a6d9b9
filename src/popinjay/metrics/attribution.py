"""Taken for the author: authorship attribution among this author and other candidates.

The candidates come with the package, as counts and not as text: how often each character n-gram,
from one to three characters and hashed into 32,768 buckets, occurs in 40,000 characters of each of
them (made by `pretraining/authors.py`). The classifier asks under whose counts a text is likeliest,
each character given the two before it, from equal amounts of text and with a uniform prior.
"""

from __future__ import annotations

import io
import lzma
import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from popinjay.metrics.intervals import Estimate, wilson_interval
from popinjay.metrics.measure import MAX_TEXTS, Compared, Measure
from popinjay.text.language_detection import detect_language

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ASSET = "assets/authors.npz.xz"
CHARACTERS = 40_000  # of each author, if there are as many
LONGEST = 3  # characters of an n-gram
BUCKETS = 1 << 15
SMOOTHING = 100  # the shorter context weighs as much as so many occurrences of the longer one
LEAST_OTHERS = 9  # in the author's own language; with fewer the number means less
SEED = 0
BATCH = 200  # texts scored at once
POSTS_FOR_LANGUAGE = 200
_SPREAD = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: Knuth's multiplicative hashing


def taken_for(given: Compared, seed: int) -> Measure:
    """Return the share of each source's texts that are attributed to the author."""
    candidates = CandidateAuthors.load(without=given.handles)
    shares = {
        source: candidates.attributed_share(given.training, texts[:MAX_TEXTS])
        for source, texts in given.sources().items()
        if texts
    }
    counts = {
        "others": candidates.others,
        "same_language": candidates.same_language(given.training),
    }
    return Measure.single(shares, counts)


@dataclass(frozen=True, eq=False)
class CandidateAuthors:
    """The other authors that a text may be attributed to.

    Attributes:
        names: Their handles.
        languages: The language of most of each author's posts.
        counts: How often the n-grams of a bucket occur in CHARACTERS of text, of shape
            (others, BUCKETS).
    """

    names: tuple[str, ...]
    languages: tuple[str, ...]
    counts: NDArray[np.int64]

    @classmethod
    def load(
        cls, *, without: Collection[str] = (), extra: Mapping[str, Sequence[str]] | None = None
    ) -> CandidateAuthors:
        """Return the package's candidates.

        Args:
            without: Names that are left out, such as the author's.
            extra: Further authors with their posts. They replace candidates of the same name, and
                are left out if they have less than CHARACTERS of text.
        """
        import numpy as np

        packed = files("popinjay").joinpath(ASSET).read_bytes()
        with np.load(io.BytesIO(lzma.decompress(packed))) as stored:
            names = stored["names"].tolist()
            languages = stored["languages"].tolist()
            counts = stored["counts"].T.astype(np.int64)
        own = cls(tuple(names), tuple(languages), counts)
        more = {
            name: texts
            for name, texts in (extra or {}).items()
            if sum(map(len, texts)) >= CHARACTERS
        }
        return own.less({*without, *more})._and(cls.of(more)).less(without)

    @classmethod
    def of(cls, posts: Mapping[str, Sequence[str]]) -> CandidateAuthors:
        """Return the candidates with these names and posts."""
        import numpy as np

        counts = [totals(texts) for texts in posts.values()]
        return cls(
            tuple(posts),
            tuple(map(language, posts.values())),
            np.array(counts, np.int64).reshape(len(posts), BUCKETS),
        )

    @property
    def others(self) -> int:
        """How many candidates there are."""
        return len(self.names)

    def same_language(self, author: Sequence[str]) -> int:
        """Return how many candidates write in the language of these posts."""
        return self.languages.count(language(author))

    def attributed_share(self, author: Sequence[str], texts: Sequence[str]) -> Estimate:
        """Return the share of texts that are attributed to the author, given training posts."""
        import numpy as np

        known = thinned(np.vstack([totals(author)[None], self.counts]))
        table = np.ascontiguousarray(known.T, np.float64)
        amount = known.sum(axis=1) / LONGEST
        hits = 0
        for start in range(0, len(texts), BATCH):
            likely = log_likelihoods(table, amount, texts[start : start + BATCH])
            others = likely[:, 1:].max(axis=1, initial=-np.inf)
            hits += int((likely[:, 0] > others).sum())  # a tie is no hit
        return wilson_interval(hits, len(texts))

    def less(self, names: Collection[str]) -> CandidateAuthors:
        """Return the candidates without those of these names."""
        gone = {name.casefold() for name in names}
        stay = [place for place, name in enumerate(self.names) if name.casefold() not in gone]
        return CandidateAuthors(
            tuple(self.names[place] for place in stay),
            tuple(self.languages[place] for place in stay),
            self.counts[stay],
        )

    def with_more(self, posts: Mapping[str, Sequence[str]]) -> CandidateAuthors:
        """Return the candidates and those with these names and posts, however few."""
        return self._and(self.of(posts)) if posts else self

    def _and(self, more: CandidateAuthors) -> CandidateAuthors:
        import numpy as np

        return CandidateAuthors(
            self.names + more.names,
            self.languages + more.languages,
            np.concatenate([self.counts, more.counts]),
        )


def language(texts: Sequence[str]) -> str:
    """Return the language that most of a sample of the posts are in; empty if there are none."""
    some = random.Random(SEED).sample(list(texts), min(len(texts), POSTS_FOR_LANGUAGE))
    found = Counter(detect_language(text) for text in some)
    return min(found, key=lambda code: (-found[code], code), default="")


def totals(texts: Sequence[str]) -> NDArray[np.int64]:
    """Return how often the n-grams of each bucket occur in CHARACTERS of posts drawn at random."""
    import numpy as np

    drawn = []
    room = CHARACTERS
    for text in random.Random(SEED).sample(list(texts), len(texts)):
        drawn.append(text[:room])
        room -= len(drawn[-1])
        if not room:
            break
    if not drawn:
        return np.zeros(BUCKETS, np.int64)
    characters = with_edges(drawn)
    single, pairs, triples = (buckets(characters, length) for length in (1, 2, 3))
    edges = characters == 0
    # None that reaches into the next text.
    counted = [single, pairs[~(edges[:-1] & edges[1:])], triples[~edges[1:-1]]]
    return np.bincount(np.concatenate(counted), minlength=BUCKETS)


def thinned(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return counts (authors, BUCKETS) as if all had written as little as the one with the least.

    An author with more text has more rare n-grams, and would be taken for the writer of nearly
    everything.
    """
    import numpy as np

    sums = counts.sum(axis=1, keepdims=True)
    return np.random.default_rng(SEED).binomial(counts, sums.min() / np.maximum(sums, 1))


def log_likelihoods(
    table: NDArray[np.float64], amount: NDArray[np.float64], texts: Sequence[str]
) -> NDArray[np.float64]:
    """Return the log-likelihood of each text under each author, of shape (texts, authors).

    Each character is predicted from the two before it, smoothed by its likelihood given the one
    before, and so on (MacKay and Peto, 1995).

    Args:
        table: Counts of shape (BUCKETS, authors).
        amount: How many characters each author's counts are from.
        texts: The texts.
    """
    import numpy as np

    characters = with_edges(texts)
    single, pairs, triples = (table[buckets(characters, length)] for length in (1, 2, 3))
    # Of every character but the first edge.
    likely = (single[1:] + SMOOTHING / BUCKETS) / (amount + SMOOTHING)
    # A bucket of pairs may be fuller than one of characters.
    likely = (pairs + SMOOTHING * likely) / (np.maximum(single[:-1], pairs) + SMOOTHING)
    deep = characters[1:-1] != 0  # a text's first character has only its edge before it
    longer = (triples + SMOOTHING * likely[1:]) / (np.maximum(pairs[:-1], triples) + SMOOTHING)
    likely[1:][deep] = longer[deep]
    return np.add.reduceat(np.log(likely), np.flatnonzero(characters[:-1] == 0))


def with_edges(texts: Sequence[str]) -> NDArray[np.uint64]:
    """Return the characters of all texts, with a 0 before each text and after the last one.

    So the beginnings and ends of posts count too.
    """
    import numpy as np

    joined = "\0".join(["", *(text.replace("\0", " ") for text in texts), ""])
    return np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)


def buckets(characters: NDArray[np.uint64], length: int) -> NDArray[np.int64]:
    """Return the bucket of the n-gram of this length that begins at each place."""
    import numpy as np

    count = max(0, len(characters) - length + 1)
    hashed = np.full(count, length, np.uint64)
    for offset in range(length):
        hashed = (hashed ^ characters[offset : offset + count]) * np.uint64(_SPREAD)
        hashed ^= hashed >> np.uint64(29)
    return (hashed >> np.uint64(7)).astype(np.int64) % BUCKETS
