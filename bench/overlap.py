"""Measure how the verbatim index scales with posts, and the cost of the report's text metrics.

    python bench/overlap.py [--posts 20000] [--texts 1000]

The posts are synthetic: words follow Zipf's law, and every fiftieth post ends with the same ten
words. Each size runs in a separate process, so that its peak memory is its own. A tenth of the
texts are copies of posts.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import sys

from pairs import show, timed
from popinjay.metrics.diversity import diversity
from popinjay.metrics.markov_baseline import MarkovChain
from popinjay.metrics.memorization import Memorization
from popinjay.metrics.pii_leaks import pii_leaks
from popinjay.metrics.stylometry import stylometry

VOCABULARY = 30_000
REPEATED = "as I have said before and will say again today"


def posts(count: int, seed: int) -> list[str]:
    """Return posts of five to forty-five words."""
    rng = random.Random(seed)
    vocabulary = [f"w{number}" for number in range(VOCABULARY)]
    weights = [1 / (number + 3) for number in range(VOCABULARY)]
    stream = iter(rng.choices(vocabulary, weights, k=46 * count))
    made = [" ".join(next(stream) for _ in range(rng.randint(5, 45))) for _ in range(count)]
    return [f"{post} {REPEATED}" if number % 50 == 0 else post for number, post in enumerate(made)]


def measure(count: int, texts: int) -> tuple[float, float, float]:
    """Return the seconds to build the index and to look texts up, and the peak of memory.

    The peak is in MB, above what the process held before.
    """
    training = posts(count, 1)
    looked_up = posts(texts - texts // 10, 2) + training[: texts // 10]
    Memorization(training[:100]).measure(looked_up[:10])  # imports what is imported on first use
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
    built: list[Memorization] = []
    building = timed(lambda: built.append(Memorization(training)))
    looking_up = timed(lambda: built[0].measure(looked_up))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale - before
    return building, looking_up, peak


def main() -> None:
    """Print a row for each size, and what each metric takes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--texts", type=int, default=1000)
    args = parser.parse_args()
    rows = [("posts", "index   a post   texts   memory")]
    for count in (args.posts // 4, args.posts // 2, args.posts):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            building, looking_up, peak = pool.apply(measure, (count, args.texts))
        index = f"{building:.2f} s {1e6 * building / count:>5.0f} µs"
        rows.append((f"{count:,}", f"{index} {looking_up:>5.2f} s {peak:>5.0f} MB"))
    show(rows)
    training, texts, real = posts(args.posts, 1), posts(args.texts, 2), posts(args.texts, 3)
    show(
        [
            (f"diversity of {args.texts:,} texts", f"{timed(lambda: diversity(texts)):.2f} s"),
            (
                "stylometry of as many against as many",
                f"{timed(lambda: stylometry(texts, real)):.2f} s",
            ),
            (
                "PII leaks in them, with none",
                f"{timed(lambda: pii_leaks(texts, training)):.2f} s",
            ),
            (
                "PII leaks in them, with one",
                f"{timed(lambda: pii_leaks([*texts, 'ada@example.com'], training)):.2f} s",
            ),
            (
                "as many texts from a Markov chain",
                f"{timed(lambda: MarkovChain(training, 1).say(args.texts)):.2f} s",
            ),
        ]
    )


if __name__ == "__main__":
    main()
