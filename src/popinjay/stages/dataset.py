"""Dataset: split the posts into training, validation and held-out posts.

The newest tenth of every author's posts is held out. Of the rest a random twentieth is for
validation: training keeps the step that is best on it, so that the held-out posts take part in no
decision. Near-duplicates of either are removed from training.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from popinjay.errors import TooLittleText
from popinjay.events import Listener
from popinjay.options import DatasetOptions
from popinjay.post import Post, by_author, read_posts
from popinjay.store.stage_runner import StageContext
from popinjay.text.near_duplicates import NearDuplicates

MOSTLY = 0.8  # share of posts with a time from which the newest are held out
VALIDATION_SHARE = 0.05
MOST_VALIDATION = 256  # posts of one author: enough to choose a step by, and quick to score


@dataclass
class Split:
    """One author's posts, each in at most one of the three parts."""

    train: list[Post] = field(default_factory=list)
    validation: list[Post] = field(default_factory=list)
    held_out: list[Post] = field(default_factory=list)
    removed: int = 0  # near-duplicates of validation or held-out posts


def split(posts: list[Post], options: DatasetOptions) -> Split:
    """Split one author's posts: by time if most have one, otherwise by chance.

    A few without a time count as older, by chance, so that the newest are still held out.
    """
    rng = random.Random(options.seed)
    dated = [post for post in posts if post.created_at]
    if len(dated) >= MOSTLY * len(posts):
        dated.sort(key=lambda post: (post.created_at or "", post.id))
        undated = sorted((post for post in posts if not post.created_at), key=lambda post: post.id)
        rng.shuffle(undated)
        ordered = undated + dated
    else:
        ordered = sorted(posts, key=lambda post: post.id)
        rng.shuffle(ordered)
    cut = len(ordered) - max(1, round(len(ordered) * options.held_out))
    older = ordered[:cut]
    held_out = ordered[cut:]
    count = min(MOST_VALIDATION, max(1, round(len(older) * VALIDATION_SHARE)))
    chosen = set(rng.sample(range(len(older)), count))
    validation = [older[i] for i in sorted(chosen)]
    near = NearDuplicates(post.text for post in ordered)
    for post in held_out + validation:
        near.add(post.text)
    candidates = [post for i, post in enumerate(older) if i not in chosen]
    train = [post for post in candidates if near.find(post.text) is None]
    return Split(train, validation, held_out, len(candidates) - len(train))


def check_enough(author: str, parts: Split) -> None:
    """Raise TooLittleText if any of the three parts is empty."""
    if parts.train and parts.validation and parts.held_out:
        return
    total = len(parts.train) + len(parts.validation) + len(parts.held_out) + parts.removed
    why = f": {parts.removed:,} say the same as a post that is held out" if parts.removed else ""
    raise TooLittleText(
        f"Nothing is left to learn from of {total:,} posts of {author!r}{why}.",
        "A longer archive brings more; so does a smaller --held-out.",
        page_hint="A longer archive brings more.",
    )


def shares(sizes: Mapping[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    """Return how much text of each author is learnt, in the proportion of their weights.

    It is never less than they wrote: an author whose share is too small has their posts repeated
    less often, and all others more often.

    Args:
        sizes: How much each author wrote.
        weights: By author; all the same if it is empty.
    """
    unit = max(size / weights.get(author, 1.0) for author, size in sizes.items())
    return {author: unit * weights.get(author, 1.0) for author in sizes}


def balance(
    authors: dict[str, list[Post]], weights: Mapping[str, float] | None = None
) -> Iterator[Post]:
    """Yield every author's posts, repeated until all have their share of the characters."""
    sizes = {author: sum(len(post.text) for post in posts) for author, posts in authors.items()}
    wanted = shares(sizes, weights or {})
    for author, posts in authors.items():
        if not posts:
            continue
        yield from posts
        written = sizes[author]
        place = 0
        while written + len(posts[place].text) <= wanted[author]:
            yield posts[place]
            written += len(posts[place].text)
            place = (place + 1) % len(posts)


def dataset(options: DatasetOptions, context: StageContext, listener: Listener) -> None:
    """Write `train.jsonl`, `validation.jsonl` and `held_out.jsonl`."""
    weights = context.run.asked.weights
    posts = by_author(read_posts(context.need("clean.jsonl")))
    splits = {author: split(own, options) for author, own in posts.items()}
    for author, parts in splits.items():
        check_enough(author, parts)
    train = context.write_rows(
        "train.jsonl",
        (
            post.to_json()
            for post in balance({author: s.train for author, s in splits.items()}, weights)
        ),
    )
    validation = context.write_rows(
        "validation.jsonl", (post.to_json() for s in splits.values() for post in s.validation)
    )
    held_out = context.write_rows(
        "held_out.jsonl", (post.to_json() for s in splits.values() for post in s.held_out)
    )
    context.facts.update(
        summary=f"{train:,} posts to learn from, {validation:,} to watch it, {held_out:,} held out",
        train=train,
        validation=validation,
        held_out=held_out,
        near_duplicates_removed=sum(s.removed for s in splits.values()),
        **({"weights": dict(weights)} if weights else {}),
    )
