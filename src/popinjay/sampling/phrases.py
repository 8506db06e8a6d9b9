"""An author's own phrases: three tokens in a row that several of the training posts have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from popinjay.inference.decoder import Decoder

# A run that fewer different posts have is something the author said, and no phrase: making it
# likelier would make copies likelier.
MIN_HOLDERS = 3
SIZE = 3  # tokens


class Phrases:
    """Tells which tokens complete a phrase behind two others.

    It is a cache model (Kuhn and De Mori, 1990) of what an author repeats, without its counts.
    """

    def __init__(self, decoder: Decoder, texts: Iterable[str]) -> None:
        """Find the phrases in some texts; equal ones count once."""
        tokens: list[int] = []
        posts = dict.fromkeys(texts)
        self.posts = len(posts)
        for text in posts:
            tokens += (decoder.bos_token, *decoder.encode(text))
        self._base = max(tokens, default=0) + 1
        self._codes = self._shared(np.array(tokens, np.int64), decoder.bos_token)

    def _shared(self, tokens: NDArray[np.int64], start: int) -> NDArray[np.int64]:
        """Return the sorted codes of runs that enough posts have."""
        if len(tokens) < SIZE:
            return np.zeros(0, np.int64)
        post = np.cumsum(tokens == start)[: 1 - SIZE]
        first, second, third = tokens[:-2], tokens[1:-1], tokens[2:]
        inside = (second != start) & (third != start)  # none reaches into the next post
        codes = ((first * self._base + second) * self._base + third)[inside]
        order = np.lexsort((post[inside], codes))
        codes, post = codes[order], post[inside][order]
        is_new = np.ones(len(codes), np.bool_)  # a post counts once, however often it has a run
        is_new[1:] = (codes[1:] != codes[:-1]) | (post[1:] != post[:-1])
        found, holders = np.unique(codes[is_new], return_counts=True)
        shared: NDArray[np.int64] = found[holders >= MIN_HOLDERS]
        return shared

    def __len__(self) -> int:
        return len(self._codes)

    def following(self, tokens: Sequence[int]) -> NDArray[np.int64]:
        """Return the tokens that complete a phrase behind the last two of these."""
        if len(tokens) < SIZE - 1 or max(tokens[1 - SIZE :]) >= self._base:
            return np.zeros(0, np.int64)
        begin = (tokens[-2] * self._base + tokens[-1]) * self._base
        first, last = np.searchsorted(self._codes, (begin, begin + self._base))
        return self._codes[first:last] - begin
