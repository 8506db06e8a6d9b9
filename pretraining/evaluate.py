"""Evaluate bases on authors they have not seen: bits per byte of posts in several contexts.

    python pretraining/evaluate.py --corpus FOLDER MODEL [MODEL ...]

Each post is scored alone, after twenty of the author's own posts, and, as a control, after twenty
posts of the other held-out authors.
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
    """Return the bits per byte of an author's posts in three contexts.

    Args:
        model: The model.
        scored: The posts to score: alone, after others' posts and after the author's own.
        others: Posts of other authors, of which `BEFORE` stand before each post.
        own: Further posts of the author, of which as many stand before each post.
        rng: Chooses the posts before.
    """
    bits = {"alone": bits_per_byte(model.bits(scored), scored)}
    for whose, posts in (("others", others), ("own", own)):
        bits[whose] = bits_per_byte(
            model.bits(scored, [rng.sample(posts, BEFORE) for _ in scored]), scored
        )
    return bits


def main() -> None:
    """Print a row for each model and author."""
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
                f"{folder.parent.name:<24} {name:<16} {bits['alone']:>7.3f}"
                f" {bits['others']:>14.3f} {bits['own']:>11.3f}"
            )


if __name__ == "__main__":
    main()
