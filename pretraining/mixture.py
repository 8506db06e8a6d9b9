"""The batches of pretraining: general text, and more and more posts towards the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corpus import ENGLISH_AUTHORS
from recipe import Recipe

Tokens = NDArray[np.uint16]

ENGLISH_SHARE = 0.7  # of the blocks of posts


class Posts:
    """Posts of many authors, read in blocks that begin with a whole post."""

    def __init__(self, path: Path, wanted: Callable[[str], bool] = lambda name: True) -> None:
        """Load a file that prepare.py wrote, with all its authors or those wanted."""
        with np.load(path) as data:
            self.tokens: Tokens = data["tokens"]
            self.starts: NDArray[np.int64] = data["starts"]
            author = data["author"]
            numbers = [number for number, name in enumerate(data["names"]) if wanted(str(name))]
        self.by_author = [np.flatnonzero(author == number) for number in numbers]
        self.every = np.concatenate(self.by_author)
        sizes = np.array(
            [(self.starts[posts + 1] - self.starts[posts]).sum() for posts in self.by_author],
            dtype=float,
        )
        self.weights = sizes / sizes.sum()

    def block(self, length: int, grouped: bool, rng: np.random.Generator) -> Tokens:
        """Return `length` tokens of posts in random order, by one author if `grouped`."""
        posts = self.every
        if grouped:
            posts = self.by_author[rng.choice(len(self.by_author), p=self.weights)]
        pieces: list[Tokens] = []
        room = length
        while room > 0:
            post = posts[rng.integers(len(posts))]
            pieces.append(self.tokens[self.starts[post] : self.starts[post + 1]][:room])
            room -= len(pieces[-1])
        return np.concatenate(pieces)


class Mixture:
    """The tokens of every step; they depend on the seed and the step alone."""

    def __init__(self, data: Path, recipe: Recipe) -> None:
        self.recipe = recipe
        self.general: Tokens = np.load(data / "general.npy", mmap_mode="r")
        self.english = Posts(data / "posts.npz", lambda name: name in ENGLISH_AUTHORS)
        self.other = Posts(data / "posts.npz", lambda name: name not in ENGLISH_AUTHORS)

    def batch(self, step: int) -> NDArray[np.int64]:
        """Return the token ids of one step: int64 (blocks, block + 1)."""
        rng = np.random.default_rng((self.recipe.seed, step))
        block = self.recipe.block_at(step)
        rows = [
            self._row(block + 1, rng, self.recipe.posts_share(step))
            for _ in range(self.recipe.batch_tokens // block)
        ]
        return np.stack(rows).astype(np.int64)

    def _row(self, length: int, rng: np.random.Generator, posts_share: float) -> Tokens:
        if rng.random() >= posts_share:
            start = int(rng.integers(0, len(self.general) - length))
            return self.general[start : start + length]
        posts = self.english if rng.random() < ENGLISH_SHARE else self.other
        return posts.block(length, self.recipe.grouped, rng)
