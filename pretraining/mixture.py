"""What each step of pretraining reads: general text first, posts weighted towards the end, each block of posts by one author."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from corpus import ENGLISH_AUTHORS
from recipe import Recipe

ENGLISH_SHARE = 0.7  # of the blocks of posts


class Posts:
    """Posts of many authors, dealt out in blocks that begin with a whole post."""

    def __init__(self, path: Path, wanted: Callable[[str], bool] = lambda name: True) -> None:
        """The posts of a file that prepare.py wrote, of all its authors or of those wanted."""
        with np.load(path) as data:
            self.tokens, self.starts, author = data["tokens"], data["starts"], data["author"]
            numbers = [number for number, name in enumerate(data["names"]) if wanted(str(name))]
        self.by_author = [np.flatnonzero(author == number) for number in numbers]
        self.every = np.concatenate(self.by_author)
        sizes = np.array(
            [(self.starts[posts + 1] - self.starts[posts]).sum() for posts in self.by_author],
            dtype=float,
        )
        self.weights = sizes / sizes.sum()

    def block(self, length: int, grouped: bool, rng: np.random.Generator) -> np.ndarray:
        """So many tokens of posts in random order: of one author where they are grouped, of all of them otherwise."""
        posts = (
            self.by_author[rng.choice(len(self.by_author), p=self.weights)]
            if grouped
            else self.every
        )
        pieces: list[np.ndarray] = []
        room = length
        while room > 0:
            post = posts[rng.integers(len(posts))]
            pieces.append(self.tokens[self.starts[post] : self.starts[post + 1]][:room])
            room -= len(pieces[-1])
        return np.concatenate(pieces)


class Mixture:
    """Blocks of tokens for every step; the same for the same seed and step, however often it is asked."""

    def __init__(self, data: Path, recipe: Recipe) -> None:
        self.recipe = recipe
        self.general = np.load(data / "general.npy", mmap_mode="r")
        self.english = Posts(data / "posts.npz", lambda name: name in ENGLISH_AUTHORS)
        self.other = Posts(data / "posts.npz", lambda name: name not in ENGLISH_AUTHORS)

    def batch(self, step: int) -> np.ndarray:
        """Token ids (blocks, block + 1) of one step, int64."""
        rng = np.random.default_rng((self.recipe.seed, step))
        block = self.recipe.block_at(step)
        rows = [
            self._row(block + 1, rng, self.recipe.posts_share(step))
            for _ in range(self.recipe.batch_tokens // block)
        ]
        return np.stack(rows).astype(np.int64)

    def _row(self, length: int, rng: np.random.Generator, posts_share: float) -> np.ndarray:
        if rng.random() >= posts_share:
            start = int(rng.integers(0, len(self.general) - length))
            return self.general[start : start + length]
        posts = self.english if rng.random() < ENGLISH_SHARE else self.other
        return posts.block(length, self.recipe.grouped, rng)
