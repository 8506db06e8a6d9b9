"""The posts that are trained on."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

from base import ENGLISH, Texts
from popinjay.stages.dataset import MOST_VALIDATION, VALIDATION_SHARE

DEMO = Path(__file__).parents[2] / "demo"
MEAN_WORDS = 20  # some 28 of GPT-2's tokens


@dataclass(frozen=True)
class Posts:
    """One author's, parted as `dataset` does it."""

    train: list[str]
    validation: list[str]
    held_out: list[str]


def posts_of(author: str, personas: Path, train: int, scored: int) -> Posts:
    """An author's posts; where there are more than `train` to learn from and `scored` held out, so many by chance.

    Of validation posts as many as `dataset` would set apart with so many to learn from.
    """
    texts, rng = Texts(personas / f"{author}.jsonl.gz"), random.Random(0)

    def some(posts: list[str], most: int) -> list[str]:
        return (
            posts
            if len(posts) <= most
            else [posts[i] for i in sorted(rng.sample(range(len(posts)), most))]
        )

    learnt = some(texts.train, train)
    watched = min(
        MOST_VALIDATION, max(1, round(len(learnt) * VALIDATION_SHARE / (1 - VALIDATION_SHARE)))
    )
    return Posts(learnt, some(texts.validation, watched), some(texts.held_out, scored))


def english(personas: Path | None, count: int) -> list[str]:
    """So many posts by all English authors, as many by each while they last, mixed; synthetic ones where there is no folder of them."""
    if personas is None:
        return synthetic(count)
    rng = random.Random(0)
    waiting = [posts_of(author, personas, count, 0).train for author in ENGLISH]
    for posts in waiting:
        rng.shuffle(posts)
    found: list[str] = []
    while len(found) < count and any(waiting):
        found += [posts.pop() for posts in waiting if posts]
    rng.shuffle(found)
    return found[:count]


def synthetic(count: int) -> list[str]:
    """Posts of the demo's words in chance order, their lengths spread as people's are (log-normal, 20 words on average)."""
    rng = random.Random(0)
    known = [
        word
        for file in sorted(DEMO.glob("*.txt"))
        for word in re.findall(r"\w+", file.read_text(encoding="utf-8"))
    ]
    spread = 0.7
    return [
        " ".join(
            rng.choices(
                known,
                k=max(3, round(MEAN_WORDS * rng.lognormvariate(-spread * spread / 2, spread))),
            )
        )
        for _ in range(count)
    ]
