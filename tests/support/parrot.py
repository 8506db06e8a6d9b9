"""A decoder that generates given posts, for tests of what happens to sequences."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from popinjay.inference.byte_level import Pieces
from popinjay.models.sampling_defaults import PLAIN

Logits = NDArray[np.float32]


class Parrot:
    """A decoder that generates given posts only, each sequence the next of them.

    Tokens are characters, and rows may join.
    """

    bos_token = eos_token = 0
    context = 2_000
    supports_joining = True
    suppressed_tokens: Sequence[int] = ()
    sampling = PLAIN

    def __init__(self, *posts: str) -> None:
        self.posts = posts
        self.rows: list[tuple[str, int]] = []
        self.most = 0  # the most rows there ever were
        self.first_rows: list[str] = []  # the post of the first row, at each step
        self._sequences = 0

    def encode(self, text: str) -> list[int]:
        return [ord(character) for character in text]

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(chr(token) for token in tokens if token)

    def pieces(self) -> Pieces | None:
        return None

    def prefill(self, prompt: Sequence[int]) -> Logits:
        self.rows = []
        self._prompt = self.decode(prompt)
        # Every post begins with it, because all sequences share the first logits.
        return self._only("^")

    prefix: None = None  # prompts make no difference

    def clone(self) -> Self:
        return copy.copy(self)

    def max_batch_rows(self, length: int) -> int:
        return 64

    def add(self, count: int, prefix: None = None) -> None:
        for _ in range(count):
            self.rows.append((self.posts[self._sequences % len(self.posts)], 0))
            self._sequences += 1
        self.most = max(self.most, len(self.rows))

    def step(self, tokens: Sequence[int]) -> Logits:
        self.first_rows.append(self.rows[0][0])
        logits = np.stack([self._only(post[place : place + 1]) for post, place in self.rows])
        self.rows = [(post, place + 1) for post, place in self.rows]
        return logits

    def filter(self, rows: Sequence[int]) -> None:
        self.rows = [self.rows[row] for row in rows]

    def _only(self, character: str) -> Logits:
        logits: Logits = np.full(1_000, -np.inf, dtype=np.float32)
        logits[ord(".")] = -50  # drawn if the end would come too soon and is banned
        logits[ord(character) if character else 0] = 0
        return logits
