"""How the index of copies grows with the posts, and what the report's numbers on texts take.

    python bench/overlap.py [--posts 20000] [--texts 1000]

Posts are made up: words drawn as often as words are (Zipf's law), with a formula of ten words in each fiftieth. Each size runs in a
process of its own, so that its peak of memory is its own; a tenth of the texts are copies.
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
FORMULA = "as I have said before and will say again today"


def posts(count: int, seed: int) -> list[str]:
    """Posts of five to forty-five words."""
    drawn = random.Random(seed)
    vocabulary = [f"w{number}" for number in range(VOCABULARY)]
    weights = [1 / (number + 3) for number in range(VOCABULARY)]
    stream = iter(drawn.choices(vocabulary, weights, k=46 * count))
    made = [" ".join(next(stream) for _ in range(drawn.randint(5, 45))) for _ in range(count)]
    return [f"{post} {FORMULA}" if number % 50 == 0 else post for number, post in enumerate(made)]


def measured(count: int, texts: int) -> tuple[float, float, float]:
    """Seconds for the index, seconds for the texts, the peak in MB above what the process had before."""
    training = posts(count, 1)
    asked = posts(texts - texts // 10, 2) + training[: texts // 10]
    Memorization(training[:100]).measure(asked[:10])  # loads what there is to load
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
    held: list[Memorization] = []
    indexed = timed(lambda: held.append(Memorization(training)))
    asking = timed(lambda: held[0].measure(asked))
    return indexed, asking, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale - before


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--texts", type=int, default=1000)
    args = parser.parse_args()
    rows = [("posts", "index   a post   texts   memory")]
    for count in (args.posts // 4, args.posts // 2, args.posts):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            indexed, asking, memory = pool.apply(measured, (count, args.texts))
        rows.append(
            (
                f"{count:,}",
                f"{indexed:.2f} s {1e6 * indexed / count:>5.0f} µs {asking:>5.2f} s {memory:>5.0f} MB",
            )
        )
    show(rows)
    training, texts, real = posts(args.posts, 1), posts(args.texts, 2), posts(args.texts, 3)
    show(
        [
            (f"variety of {args.texts:,} texts", f"{timed(lambda: diversity(texts)):.2f} s"),
            (
                "habits of as many against as many",
                f"{timed(lambda: stylometry(texts, real)):.2f} s",
            ),
            (
                "leaks in them, none of which is there",
                f"{timed(lambda: pii_leaks(texts, training)):.2f} s",
            ),
            (
                "leaks in them, one of which is there",
                f"{timed(lambda: pii_leaks([*texts, 'ada@example.com'], training)):.2f} s",
            ),
            (
                "a Markov chain says as many",
                f"{timed(lambda: MarkovChain(training, 1).say(args.texts)):.2f} s",
            ),
        ]
    )


if __name__ == "__main__":
    main()
