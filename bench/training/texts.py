"""The posts to train on."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

from base import ENGLISH, Texts
from popinjay.stages.dataset import MOST_VALIDATION, VALIDATION_SHARE

DEMO = Path(__file__).parents[2] / "demo"
MEAN_WORDS = 20  # about 28 of GPT-2's tokens


@dataclass(frozen=True)
class Posts:
    """One author's posts, split as `dataset` does."""

    train: list[str]
    validation: list[str]
    held_out: list[str]


def posts_of(author: str, personas: Path, train: int, scored: int) -> Posts:
    """Return an author's posts: a random sample of at most `train` and `scored` held-out posts.

    There are as many validation posts as `dataset` would set apart from so many training posts.
    """
    texts = Texts(personas / f"{author}.jsonl.gz")
    rng = random.Random(0)

    def some(posts: list[str], count: int) -> list[str]:
        if len(posts) <= count:
            return posts
        return [posts[i] for i in sorted(rng.sample(range(len(posts)), count))]

    training = some(texts.train, train)
    share = VALIDATION_SHARE / (1 - VALIDATION_SHARE)
    validation = min(MOST_VALIDATION, max(1, round(len(training) * share)))
    return Posts(training, some(texts.validation, validation), some(texts.held_out, scored))


def english(personas: Path | None, count: int) -> list[str]:
    """Return shuffled posts by all English authors, or synthetic ones if there is no folder.

    Each author has the same number of posts, until one has no more.
    """
    if personas is None:
        return synthetic(count)
    rng = random.Random(0)
    by_author = [posts_of(author, personas, count, 0).train for author in ENGLISH]
    for posts in by_author:
        rng.shuffle(posts)
    found: list[str] = []
    while len(found) < count and any(by_author):
        found += [posts.pop() for posts in by_author if posts]
    rng.shuffle(found)
    return found[:count]


def synthetic(count: int) -> list[str]:
    """Return posts of the demo's words in random order.

    Their lengths have a log-normal distribution, like real posts', with a mean of 20 words.
    """
    rng = random.Random(0)
    known = [
        word
        for file in sorted(DEMO.glob("*.txt"))
        for word in re.findall(r"\w+", file.read_text(encoding="utf-8"))
    ]
    sigma = 0.7

    def length() -> int:
        return max(3, round(MEAN_WORDS * rng.lognormvariate(-sigma * sigma / 2, sigma)))

    return [" ".join(rng.choices(known, k=length())) for _ in range(count)]
