"""A decoder whose next token depends on the last one alone, by given probabilities."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from popinjay.inference.byte_level import Pieces
from popinjay.models.sampling_defaults import PLAIN

END = "<end>"

Logits = NDArray[np.float32]


class Bigrams:
    """A decoder of few tokens.

    `chances` gives the probabilities of the tokens behind a token; END stands for both ends.
    """

    bos_token = eos_token = 0
    context = 2_000
    supports_joining = True
    suppressed_tokens: Sequence[int] = ()
    sampling = PLAIN

    def __init__(self, chances: Mapping[str, Mapping[str, float]]) -> None:
        named = dict.fromkeys([*chances, *(token for row in chances.values() for token in row)])
        self.tokens = [END, *(token for token in named if token != END)]
        self._pieces = Pieces([b"", *(token.encode() for token in self.tokens[1:])])
        size = len(self.tokens)
        self._logits: Logits = np.full((size, size), -30, dtype=np.float32)
        for token, row in chances.items():
            for following, chance in row.items():
                place = self.tokens.index(token), self.tokens.index(following)
                self._logits[place] = np.log(chance)
        self.rows: list[int] = []
        self.prefix = 0

    def encode(self, text: str) -> list[int]:
        found = []
        while text:
            token = max((t for t in self.tokens[1:] if text.startswith(t)), key=len)
            found.append(self.tokens.index(token))
            text = text[len(token) :]
        return found

    def decode(self, tokens: Sequence[int]) -> str:
        return self._pieces.text(tokens)

    def pieces(self) -> Pieces:
        return self._pieces

    def prefill(self, prompt: Sequence[int]) -> Logits:
        self.rows = []
        self.prefix = prompt[-1]
        row: Logits = self._logits[prompt[-1]]
        return row

    def clone(self) -> Self:
        return copy.copy(self)

    def max_batch_rows(self, length: int) -> int:
        return 64

    def add(self, count: int, prefix: int | None = None) -> None:
        self.rows = [*self.rows, *[0] * count]

    def step(self, tokens: Sequence[int]) -> Logits:
        return self._logits[list(tokens)]

    def filter(self, rows: Sequence[int]) -> None:
        self.rows = [self.rows[row] for row in rows]
