"""A mixture of decoders: the weighted sum of their logits, which is a product of experts.

With weights w the probability of a token is proportional to the product of its probabilities under
each member, to the power of w (DExperts: Liu et al., arXiv 2105.03023). A negative weight makes
less likely what its member likes. Then tokens that no member with a positive weight would write
could become likely, because the others like them even less. So such tokens are cut off, as in
contrastive decoding (Li et al., arXiv 2210.15097).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from popinjay.options import Sampling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from popinjay.inference.byte_level import Pieces
    from popinjay.inference.decoder import Decoder, Logits, Prefix

# With negative weights: tokens with less than this share of the highest probability, under the
# members with positive weights alone, are cut off.
PLAUSIBLE = 0.001
# What is taken from the logits of a token that is cut off. It is finite, so that a prompt that no
# member would write can be compared with others.
CUT_OFF = 1_000.0


def mean_sampling(settings: Iterable[tuple[Sampling, float]]) -> Sampling:
    """Return the weighted mean of settings, of those whose weights are positive."""
    positive = [(own, weight) for own, weight in settings if weight > 0]
    total = sum(weight for _, weight in positive)
    return Sampling(
        sum(weight * own.temperature for own, weight in positive) / total,
        sum(weight * own.top_p for own, weight in positive) / total,
    )


class MixtureDecoder:
    """Decoders of the same tokenizer as one: its logits are the weighted sum of theirs.

    A sum of logits differs from that of log-probabilities by a constant in each row, which changes
    no probability. A single member with the weight 1 is computed as if it were alone.
    """

    def __init__(
        self,
        decoders: Sequence[Decoder],
        weights: Sequence[float],
        *,
        sampling: Sampling | None = None,
        plausible: float = PLAUSIBLE,
    ) -> None:
        """Mix decoders, which nothing else may use meanwhile.

        Args:
            decoders: The members, of the same tokenizer.
            weights: Their weights, none of them 0, with a positive sum.
            sampling: The default temperature and top-p; None is the weighted mean of those of the
                members with positive weights.
            plausible: With negative weights: the share of the highest probability that a token must
                have under the members with positive weights; 0 cuts nothing off.
        """
        self.decoders = tuple(decoders)
        self.weights = tuple(map(float, weights))
        first = self.decoders[0]
        self.eos_token: int = first.eos_token
        self.bos_token: int = first.bos_token
        self.context: int = min(one.context for one in self.decoders)
        self.supports_joining: bool = all(one.supports_joining for one in self.decoders)
        self.sampling = sampling or mean_sampling(
            (one.sampling, weight) for one, weight in zip(decoders, self.weights, strict=True)
        )
        self._plausible = plausible if min(self.weights) < 0 else 0.0
        self._buffers: tuple[Logits, Logits] | None = None

    def _positive(self) -> list[tuple[Decoder, float]]:
        pairs = zip(self.decoders, self.weights, strict=True)
        return [(one, weight) for one, weight in pairs if weight > 0]

    @cached_property
    def suppressed_tokens(self) -> Sequence[int]:
        """The tokens that one of the members with a positive weight never samples."""
        return sorted({token for one, _ in self._positive() for token in one.suppressed_tokens})

    def encode(self, text: str) -> list[int]:
        """Tokenize a text, without special tokens, whose names in it are plain text."""
        return self.decoders[0].encode(text)

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, without special tokens."""
        return self.decoders[0].decode(tokens)

    def pieces(self) -> Pieces | None:
        """Return the bytes of each token; None if the tokenizer is not byte-level."""
        return self.decoders[0].pieces()

    def prefill(self, prompt: Sequence[int]) -> Logits:
        """Drop all rows, and compute a prompt. Returns the logits (vocabulary,) after it."""
        logits: Logits = self._mixed([one.prefill(prompt)[None] for one in self.decoders])[0]
        return logits.copy()

    @property
    def prefix(self) -> tuple[Prefix, ...]:
        """The last prefilled prompt of each member."""
        return tuple(one.prefix for one in self.decoders)

    def clone(self) -> MixtureDecoder:
        """Return the same mixture without rows, to prefill while a batch is in progress here."""
        return MixtureDecoder(
            [one.clone() for one in self.decoders],
            self.weights,
            sampling=self.sampling,
            plausible=self._plausible,
        )

    def max_batch_rows(self, length: int) -> int:
        """Return how many rows of this length (tokens) every member can hold."""
        return min(one.max_batch_rows(length) for one in self.decoders)

    def add(self, count: int, prefix: tuple[Prefix, ...] | None = None) -> None:
        """Append rows to the batch, behind a prefix: by default the last prefilled prompt."""
        for one, own in zip(self.decoders, self.prefix if prefix is None else prefix, strict=True):
            one.add(count, own)

    def step(self, tokens: Sequence[int]) -> Logits:
        """Append a token to each row, and return the logits (rows, vocabulary) after it.

        The next step may overwrite the array.
        """
        return self._mixed([one.step(tokens) for one in self.decoders])

    def filter(self, rows: Sequence[int]) -> None:
        """Keep only these rows, in this order."""
        for one in self.decoders:
            one.filter(rows)

    def _mixed(self, logits: Sequence[Logits]) -> Logits:
        """Return the mixture of each member's logits (rows, vocabulary).

        It is computed row by row: a row fits the processor's cache, and all of them may not.
        """
        import numpy as np

        if self.weights == (1.0,):
            return logits[0]
        rows, vocabulary = logits[0].shape
        if self._buffers is None or len(self._buffers[0]) < rows:
            self._buffers = (
                np.empty((rows, vocabulary), np.float32),
                np.empty(vocabulary, np.float32),
            )
        mixed, scratch = self._buffers[0][:rows], self._buffers[1]
        weights = [np.float32(weight) for weight in self.weights]
        for row in range(rows):
            for place, (one, weight) in enumerate(zip(logits, weights, strict=True)):
                if place:
                    mixed[row] += np.multiply(one[row], weight, out=scratch)
                else:
                    np.multiply(one[row], weight, out=mixed[row])
            if self._plausible:
                mixed[row] -= self._cut_off([one[row] for one in logits], scratch)
        return mixed

    def _cut_off(self, logits: Sequence[Logits], scratch: Logits) -> NDArray[np.float32]:
        """Return what is taken from each token's logit (vocabulary,): nothing, or CUT_OFF.

        Args:
            logits: A row of each member.
            scratch: Where it is computed.
        """
        import numpy as np

        positive = [
            (row, weight) for row, weight in zip(logits, self.weights, strict=True) if weight > 0
        ]
        total = sum(weight for _, weight in positive)
        np.multiply(positive[0][0], np.float32(positive[0][1] / total), out=scratch)
        for row, weight in positive[1:]:
            scratch += row * np.float32(weight / total)
        implausible = scratch < scratch.max() + np.float32(math.log(self._plausible))
        np.multiply(implausible, np.float32(CUT_OFF), out=scratch)
        return scratch
