"""Taken for the author: whom a classifier takes for the writer of a text, out of this author and a line-up of others.

The line-up comes with the package, as counts and not as text: how often runs of one to three characters stand in 40,000
characters of each of its authors, runs being told apart by a hash into 32,768 buckets only (`pretraining/authors.py` made it).
The classifier asks under whose counts a text is likeliest, each character after the two before it, from equal amounts of text
and with every author as likely as the other.
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
CHARACTERS = 40_000  # of each author, where there are as many
LONGEST = 3  # characters of a run
BUCKETS = 1 << 15
SMOOTHING = (
    100  # what the shorter context says counts as much as having seen the longer one so often
)
LEAST_OTHERS = 9  # in the author's own language; with fewer the number means less
SEED = 0
AT_ONCE = 200  # texts scored
POSTS_FOR_LANGUAGE = 200
_SPREAD = (
    0x9E3779B97F4A7C15  # 2^64 over the golden ratio: multiplying by it spreads neighbours (Knuth)
)


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
    """The others that an author is to be told from."""

    names: tuple[str, ...]
    languages: tuple[str, ...]  # the one most of their posts are in
    counts: NDArray[
        np.int64
    ]  # (others, BUCKETS): how often the runs of a bucket stand in the same amount of text

    @classmethod
    def load(
        cls, *, without: Collection[str] = (), extra: Mapping[str, Sequence[str]] | None = None
    ) -> CandidateAuthors:
        """The package's line-up, less those who have a name in `without` (the author, say), and more authors with their posts.

        An extra author stands in for one of the same name, and only stands in the line-up with CHARACTERS or more of text.
        """
        import numpy as np

        with np.load(
            io.BytesIO(lzma.decompress(files("popinjay").joinpath(ASSET).read_bytes()))
        ) as stored:
            names, languages, counts = (
                stored["names"].tolist(),
                stored["languages"].tolist(),
                stored["counts"].T.astype(np.int64),
            )
        own = cls(tuple(names), tuple(languages), counts)
        more = {
            name: texts
            for name, texts in (extra or {}).items()
            if sum(map(len, texts)) >= CHARACTERS
        }
        return own.less({*without, *more})._and(cls.of(more)).less(without)

    @classmethod
    def of(cls, posts: Mapping[str, Sequence[str]]) -> CandidateAuthors:
        """A line-up of authors given by their posts."""
        import numpy as np

        counts = [totals(texts) for texts in posts.values()]
        return cls(
            tuple(posts),
            tuple(map(language, posts.values())),
            np.array(counts, np.int64).reshape(len(posts), BUCKETS),
        )

    @property
    def others(self) -> int:
        """How many stand in it."""
        return len(self.names)

    def same_language(self, author: Sequence[str]) -> int:
        """How many of them write in the language of these posts: the ones that are hard to tell apart."""
        return self.languages.count(language(author))

    def attributed_share(self, author: Sequence[str], texts: Sequence[str]) -> Estimate:
        """The share of texts that look more like the author, known by training posts, than like anybody else here."""
        import numpy as np

        known = thinned(np.vstack([totals(author)[None], self.counts]))
        table, amount = np.ascontiguousarray(known.T, np.float64), known.sum(axis=1) / LONGEST
        hits = 0
        for start in range(0, len(texts), AT_ONCE):
            likely = log_likelihoods(table, amount, texts[start : start + AT_ONCE])
            hits += int(
                (likely[:, 0] > likely[:, 1:].max(axis=1, initial=-np.inf)).sum()
            )  # a tie is nobody's
        return wilson_interval(hits, len(texts))

    def less(self, names: Collection[str]) -> CandidateAuthors:
        """Without the others of these names."""
        gone = {name.casefold() for name in names}
        stay = [place for place, name in enumerate(self.names) if name.casefold() not in gone]
        return CandidateAuthors(
            tuple(self.names[place] for place in stay),
            tuple(self.languages[place] for place in stay),
            self.counts[stay],
        )

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
    """How often the runs of each bucket stand in CHARACTERS of text, the posts drawn by chance."""
    import numpy as np

    drawn, room = [], CHARACTERS
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
    counted = [
        single,
        pairs[~(edges[:-1] & edges[1:])],
        triples[~edges[1:-1]],
    ]  # none that reaches into the next text
    return np.bincount(np.concatenate(counted), minlength=BUCKETS)


def thinned(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The counts (authors, BUCKETS) as if everybody had written only as much as the one with the least.

    Who has left more text has left more rare runs, and would be taken for the writer of nearly everything.
    """
    import numpy as np

    sums = counts.sum(axis=1, keepdims=True)
    return np.random.default_rng(SEED).binomial(counts, sums.min() / np.maximum(sums, 1))


def log_likelihoods(
    table: NDArray[np.float64], amount: NDArray[np.float64], texts: Sequence[str]
) -> NDArray[np.float64]:
    """How likely (log) each text is for each author (texts, authors), by counts (BUCKETS, authors) from an amount of characters.

    Each character after the two before it, smoothed by how likely it is after the one before, and so on (MacKay and Peto, 1995).
    """
    import numpy as np

    characters = with_edges(texts)
    single, pairs, triples = (table[buckets(characters, length)] for length in (1, 2, 3))
    likely = (single[1:] + SMOOTHING / BUCKETS) / (
        amount + SMOOTHING
    )  # of every character but the first edge
    likely = (pairs + SMOOTHING * likely) / (
        np.maximum(single[:-1], pairs) + SMOOTHING
    )  # a bucket of pairs may be fuller than one of characters
    deep = characters[1:-1] != 0  # a text's first character has only its edge before it
    longer = (triples + SMOOTHING * likely[1:]) / (np.maximum(pairs[:-1], triples) + SMOOTHING)
    likely[1:][deep] = longer[deep]
    return np.add.reduceat(np.log(likely), np.flatnonzero(characters[:-1] == 0))


def with_edges(texts: Sequence[str]) -> NDArray[np.uint64]:
    """The characters of all texts with a 0 before each and after the last, so that it counts too how a post begins and ends."""
    import numpy as np

    joined = "\0".join(["", *(text.replace("\0", " ") for text in texts), ""])
    return np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)


def buckets(characters: NDArray[np.uint64], length: int) -> NDArray[np.int64]:
    """The bucket of the run of so many characters that begins at each place where one does."""
    import numpy as np

    count = max(0, len(characters) - length + 1)
    hashed = np.full(count, length, np.uint64)
    for offset in range(length):
        hashed = (hashed ^ characters[offset : offset + count]) * np.uint64(_SPREAD)
        hashed ^= hashed >> np.uint64(29)
    return (hashed >> np.uint64(7)).astype(np.int64) % BUCKETS
