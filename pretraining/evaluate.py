"""What a base knows of authors it has never seen: bits a byte of their posts, alone and with others before them.

    python pretraining/evaluate.py --corpus FOLDER MODEL [MODEL ...]

`before` is the twenty posts in front of each: the author's own, or, as a control, the other held-out authors'.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import corpus
from popinjay.models.language_model import LanguageModel, bits_per_byte

BEFORE = 20
SCORED = 200  # posts of each author


def in_context(
    model: LanguageModel,
    scored: Sequence[str],
    others: Sequence[str],
    own: Sequence[str],
    rng: random.Random,
) -> dict[str, float]:
    """Bits a byte of an author's posts: alone, each behind `BEFORE` posts of other authors, each behind as many of their own."""
    bits = {"alone": bits_per_byte(model.bits(scored), scored)}
    for whose, posts in (("others", others), ("own", own)):
        bits[whose] = bits_per_byte(
            model.bits(scored, [rng.sample(posts, BEFORE) for _ in scored]), scored
        )
    return bits


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    args = parser.parse_args()
    authors = {
        name: own
        for name, own in corpus.posts_by_author(args.corpus / "posts.jsonl.xz").items()
        if name in corpus.HELD_OUT_AUTHORS
    }
    print(f"{'model':<24} {'author':<16} {'alone':>7} {'others before':>14} {'own before':>11}")
    for folder in args.models:
        model = LanguageModel.load(folder)
        for name, own in sorted(authors.items()):
            rng = random.Random(name)
            rng.shuffle(own)
            others = [
                text for other, texts in sorted(authors.items()) if other != name for text in texts
            ]
            bits = in_context(model, own[:SCORED], others, own[SCORED:], rng)
            print(
                f"{folder.parent.name:<24} {name:<16} {bits['alone']:>7.3f} {bits['others']:>14.3f} {bits['own']:>11.3f}"
            )


if __name__ == "__main__":
    main()
