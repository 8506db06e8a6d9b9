"""Sample one token from a row of logits: exactly, and without sorting the vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from popinjay.errors import BaseModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from popinjay.inference.decoder import Logits
    from popinjay.options import SayOptions

GROUPS = 256  # groups of tokens whose weights are summed: a draw then searches one group only
MAX_REJECTIONS = 4  # draws outside the nucleus before the nucleus is sorted after all
MIN_DENSE_MASK = 500  # suppressed tokens from which on adding a whole row is faster than indexing
# A lower temperature would overflow. Long before it, only the likeliest token has any weight left.
MIN_TEMPERATURE = 1e-30


class NoCandidateTokens(BaseModelError, ValueError):
    """No token can be sampled from a row of logits."""


class SamplingParams(NamedTuple):
    """How a model's distribution is changed before sampling, in the same order as transformers.

    1. The repetition penalty divides the positive logits of earlier tokens and multiplies the
       negative ones (CTRL, arXiv 1909.05858).
    2. The temperature divides all logits. At 0 the likeliest token is always taken.
    3. Top-k keeps the k likeliest tokens.
    4. Top-p keeps the nucleus (Holtzman et al., arXiv 1904.09751): the fewest of the likeliest
       tokens whose probabilities reach it.
    5. Min-p keeps tokens with at least this share of the likeliest one's probability
       (arXiv 2407.01082).

    Of equally likely tokens the one with the lower id counts as likelier.
    """

    temperature: float = 1.0
    top_k: int = 0  # 0: no limit
    top_p: float = 1.0  # 1: no limit
    min_p: float = 0.0  # 0: no limit
    repetition_penalty: float = 1.0  # 1: none

    @classmethod
    def of(cls, options: SayOptions) -> SamplingParams:
        """Return the parameters of options in which temperature and top-p are set."""
        assert options.temperature is not None
        assert options.top_p is not None
        return cls(
            options.temperature,
            options.top_k,
            options.top_p,
            options.min_p,
            options.repetition_penalty,
        )


class Sampler:
    """Samples tokens from one row of logits after another, in buffers that are reused.

    The nucleus is sampled by rejection: a token is drawn from the whole distribution and accepted
    if the likelier tokens together have less than top-p, which means that it is in the nucleus.
    Accepted tokens have exactly the renormalised distribution of the nucleus. With a top-p of 0.95,
    nineteen draws of twenty are accepted at once.
    """

    def __init__(self, params: SamplingParams, suppressed: Sequence[int] = ()) -> None:
        """Give the `suppressed` tokens no chance in any row."""
        self.params = params
        self._suppressed = np.array(suppressed, dtype=np.intp)
        # Minus infinity for the suppressed tokens and 0 for all others, if there are many.
        self._bias: NDArray[np.float32] | None = None
        self._make_room(1)

    def _make_room(self, size: int) -> None:
        """Allocate the buffers for rows of `size` logits."""
        self._size = size
        self._padded = np.zeros(-(-size // GROUPS) * GROUPS, dtype=np.float32)
        self._weights = self._padded[:size]  # probabilities relative to the likeliest token's
        self._grouped = self._padded.reshape(-1, GROUPS)  # column g: tokens g, g + GROUPS, ...
        self._mask = np.empty(size, dtype=np.bool_)
        self._cumulative: NDArray[np.float64] = np.zeros(GROUPS)  # cumulative weights of the groups
        if len(self._suppressed) > MIN_DENSE_MASK:
            self._bias = np.zeros(size, dtype=np.float32)
            self._bias[self._suppressed[self._suppressed < size]] = -np.inf
        # The tokens that can be drawn, the likeliest first, if they were sorted for this row.
        self._ordered: NDArray[np.intp] | None = None
        self._ordered_cumulative: NDArray[np.float64] = np.zeros(0)  # their cumulative weights

    def load_logits(
        self, logits: Logits, seen: Iterable[int] = (), banned: Sequence[int] = ()
    ) -> None:
        """Sample from this row from now on.

        Args:
            logits: The row (vocabulary,), which is not changed.
            seen: The tokens before it, for the repetition penalty.
            banned: Tokens that must not come next.

        Raises:
            NoCandidateTokens: If the row holds no finite number, or every token is banned.
        """
        if len(logits) != self._size:
            self._make_room(len(logits))
        weights = self._weights
        np.copyto(weights, logits)
        if self.params.repetition_penalty != 1 and (seen_ids := sorted(set(seen))):
            seen_logits = weights[seen_ids]
            weights[seen_ids] = np.where(
                seen_logits < 0,
                seen_logits * self.params.repetition_penalty,
                seen_logits / self.params.repetition_penalty,
            )
        if self._bias is not None:
            weights += self._bias
        elif len(self._suppressed):
            weights[self._suppressed] = -np.inf
        if banned:
            weights[list(banned)] = -np.inf
        highest = weights.max()
        if not np.isfinite(highest):
            raise NoCandidateTokens(
                f"No token can be sampled: the highest logit is {highest}.",
                "The model's weights are damaged, or training went wrong: make the persona again,"
                " or take a fresh copy of it.",
            )
        self._ordered = None
        if self.params.temperature == 0:
            self._set_ordered(np.array([weights.argmax()]), np.ones(1))
            return
        weights -= highest
        if self.params.temperature != 1:
            weights *= np.float32(1 / max(self.params.temperature, MIN_TEMPERATURE))
        np.exp(weights, out=weights)
        self._cumulative = self._grouped.sum(axis=0).cumsum(dtype=np.float64)
        if self.params.top_k or self.params.min_p:
            self._sort_nucleus(self._threshold())

    def sample(self, generator: np.random.Generator) -> int:
        """Sample one token."""
        for _ in range(MAX_REJECTIONS):
            if self._ordered is not None:
                break
            token = self._token_at(generator.random())
            token_weight = self._weights[token]
            total = self._cumulative[-1]
            # A token with more weight than the tail is inside the nucleus without a further look.
            # If this one is outside, everything inside weighs at least as much.
            if (
                self.params.top_p >= 1
                or token_weight > (1 - self.params.top_p) * total
                or self._weight_above(token) < self.params.top_p * total
            ):
                return token
        else:
            self._sort_nucleus(token_weight)
        assert self._ordered is not None
        index = np.searchsorted(
            self._ordered_cumulative,
            generator.random() * self._ordered_cumulative[-1],
            side="right",
        )
        return int(self._ordered[min(index, len(self._ordered) - 1)])

    def _token_at(self, quantile: float) -> int:
        """Return the token of the whole distribution at a cumulative probability in [0, 1)."""
        target = quantile * self._cumulative[-1]
        group = int(np.searchsorted(self._cumulative, target, side="right"))
        before = self._cumulative[group - 1] if group else 0.0
        group_weights = self._grouped[:, group]
        cumulative = group_weights.cumsum(dtype=np.float64)
        index = int(np.searchsorted(cumulative, target - before, side="right"))
        if index == len(group_weights):  # the group's sum is rounded, and slightly above its parts
            index = int(np.flatnonzero(group_weights)[-1])
        return index * GROUPS + group

    def _weight_above(self, token: int) -> float:
        """Return the total weight of all tokens likelier than this one."""
        weights = self._weights
        token_weight = weights[token]
        likelier = float(weights[np.greater(weights, token_weight, out=self._mask)].sum())
        return likelier + float(token_weight) * np.count_nonzero(weights[:token] == token_weight)

    def _threshold(self) -> float:
        """Return a lower bound of the weights that top-k and min-p keep, which few others reach."""
        least = np.float32(self.params.min_p)
        k = self.params.top_k
        if 0 < k <= GROUPS:
            # At least k tokens weigh as much as the heaviest token of the k-th heaviest group.
            least = max(least, np.partition(self._grouped.max(axis=0), GROUPS - k)[GROUPS - k])
        elif 0 < k < self._size:
            least = max(least, np.partition(self._weights, self._size - k)[self._size - k])
        return float(least)

    def _sort_nucleus(self, least: float) -> None:
        """Sort the tokens that can be drawn, all of which weigh at least `least`."""
        params = self.params
        candidates = np.flatnonzero(
            np.greater_equal(self._weights, np.float32(least), out=self._mask)
        )
        order = candidates[np.argsort(-self._weights[candidates], kind="stable")][
            : params.top_k or None
        ]
        weights = self._weights[order].astype(np.float64)
        cumulative = weights.cumsum()
        # After top-k, top-p is a share of the k tokens' weight. Min-p is applied after it, so
        # tokens that it has left out here still count.
        total = (
            self._top_k_weight(order, cumulative) if params.top_k else float(self._cumulative[-1])
        )
        inside = (weights >= np.float32(params.min_p)) & (weights > 0)
        if params.top_p < 1:
            inside &= cumulative - weights < params.top_p * total
        inside[0] = True
        self._set_ordered(order[inside], weights[inside])

    def _top_k_weight(self, order: NDArray[np.intp], cumulative: NDArray[np.float64]) -> float:
        """Return the weight of the k likeliest tokens, of which `order` may lack some."""
        missing = min(self.params.top_k, self._size) - len(order)
        if not missing:
            return float(cumulative[-1])
        others = np.delete(self._weights, order)
        rest = np.partition(others, len(others) - missing)[len(others) - missing :]
        return float(cumulative[-1] + rest.sum(dtype=np.float64))

    def _set_ordered(self, order: NDArray[np.intp], weights: NDArray[np.float64]) -> None:
        self._ordered = order
        self._ordered_cumulative = weights.cumsum()
