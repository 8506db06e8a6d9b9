"""Dataset: split the posts into training, validation and held-out posts.

The newest tenth of every author's posts is held out. Of the rest a random twentieth is for
validation: training keeps the step that is best on it, so that the held-out posts take part in no
decision. Near-duplicates of either are removed from training.

If a persona is updated with newer posts (`Earlier`), every post that is known stays where it was,
and the new posts are split by the same rule: what is held out stays so, and the model never learnt
it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from popinjay.errors import TooLittleText
from popinjay.events import Listener
from popinjay.options import DatasetOptions
from popinjay.post import Post, by_author, is_of_a_site, read_posts
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
    added: int = 0  # new posts among those to train on and to validate with


@dataclass(frozen=True)
class Earlier:
    """The posts of the version that an update starts from, and how they were split."""

    train: list[Post]
    validation: list[Post]
    held_out: list[Post]
    is_learnt: Callable[[str], bool] = lambda text: False  # of a text that is in none of these

    @classmethod
    def read(cls, find: Callable[[str], Path], is_learnt: Callable[[str], bool]) -> Earlier:
        """Read the files of a version; `is_learnt` knows of further texts that its model saw."""
        train, validation, held_out = (
            list(read_posts(find(name)))
            for name in ("train.jsonl", "validation.jsonl", "held_out.jsonl")
        )
        return cls(train, validation, held_out, is_learnt)


def split(posts: list[Post], options: DatasetOptions) -> Split:
    """Split one author's posts: the newest are held out, some others validate."""
    rng = random.Random(options.seed)
    ordered = _oldest_first(posts, rng)
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


def _oldest_first(posts: list[Post], rng: random.Random) -> list[Post]:
    """Return one author's posts by time if most have one, otherwise by chance.

    A few without a time count as older, by chance, so that the newest are still held out.
    """
    dated = [post for post in posts if post.created_at]
    if len(dated) >= MOSTLY * len(posts):
        dated.sort(key=lambda post: (post.created_at or "", post.id))
        undated = sorted((post for post in posts if not post.created_at), key=lambda post: post.id)
        rng.shuffle(undated)
        return undated + dated
    ordered = sorted(posts, key=lambda post: post.id)
    rng.shuffle(ordered)
    return ordered


def extend(earlier: Earlier, posts: list[Post], options: DatasetOptions) -> Split:
    """Split one author's posts, of which those of an earlier version stay where they were.

    As many of the new posts are held out as make the usual share of all, the newest of them, but
    none that says the same as a post that the model learnt. A post that was known and is not there
    any more is in no part.
    """
    parts, new = _known_parts(earlier, posts)
    rng = random.Random(options.seed)
    ordered = _oldest_first(new, rng)
    near = NearDuplicates(post.text for post in [*earlier.train, *posts])
    for post in earlier.train:
        near.add(post.text)
    unseen = [p for p in ordered if near.find(p.text) is None and not earlier.is_learnt(p.text)]
    count = _missing(round(len(posts) * options.held_out), parts.held_out, unseen)
    held_out, unseen = unseen[len(unseen) - count :], unseen[: len(unseen) - count]
    older = len(posts) - len(parts.held_out) - len(held_out)
    usual = min(MOST_VALIDATION, round(older * VALIDATION_SHARE))
    count = _missing(usual, parts.validation, unseen)
    validation = [unseen[i] for i in sorted(rng.sample(range(len(unseen)), count))]
    set_aside = {id(post) for post in held_out + validation}
    parts.held_out += held_out
    parts.validation += validation
    apart = NearDuplicates(post.text for post in posts)
    for post in parts.held_out + parts.validation:
        apart.add(post.text)
    candidates = [post for post in ordered if id(post) not in set_aside]
    learnt = [post for post in candidates if apart.find(post.text) is None]
    parts.train += learnt
    parts.removed += len(candidates) - len(learnt)
    parts.added = len(learnt) + len(validation)
    return parts


def _known_parts(earlier: Earlier, posts: list[Post]) -> tuple[Split, list[Post]]:
    """Return the posts that an earlier version had, split as they were there, and all others."""
    here = {key: post for post in posts for key in _keys(post)}
    taken: set[int] = set()

    def known(part: list[Post]) -> list[Post]:
        found = []
        for before in part:
            post = next((here[key] for key in _keys(before) if key in here), None)
            if post is not None and id(post) not in taken:  # cyborgs repeat posts
                taken.add(id(post))
                found.append(post)
        return found

    parts = Split(known(earlier.train), known(earlier.validation), known(earlier.held_out))
    return parts, [post for post in posts if id(post) not in taken]


def _keys(post: Post) -> list[tuple[str, str]]:
    """Return what a post is recognised by: its id, unless that is a place in a file, or its text.

    The text counts as well as the id, as another export may number the same posts differently.
    """
    text = (post.author, " ".join(post.text.split()))
    return [(f"{post.author}\0id", post.id), text] if is_of_a_site(post.id) else [text]


def _missing(usual: int, known: list[Post], new: list[Post]) -> int:
    """Return how many new posts a part needs for its usual size: half of them at most."""
    return max(0, min(usual - len(known), len(new) // 2))


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


def dataset(
    options: DatasetOptions,
    context: StageContext,
    listener: Listener,
    earlier: Earlier | None = None,
) -> None:
    """Write `train.jsonl`, `validation.jsonl` and `held_out.jsonl`.

    With an `earlier` version its posts stay where they were.
    """
    weights = context.run.asked.weights
    posts = by_author(read_posts(context.need("clean.jsonl")))
    splits = {
        author: split(own, options) if earlier is None else extend(earlier, own, options)
        for author, own in posts.items()
    }
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
    added = sum(s.added for s in splits.values())
    context.facts.update(
        summary=f"{train:,} posts to learn from, {validation:,} to watch it, {held_out:,} held out",
        **({} if earlier is None else {"added": added}),
        train=train,
        validation=validation,
        held_out=held_out,
        near_duplicates_removed=sum(s.removed for s in splits.values()),
        **({"weights": dict(weights)} if weights else {}),
    )
