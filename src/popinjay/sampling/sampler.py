"""Drawing one token from a row of logits: exact, without sorting the vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from popinjay.errors import BaseModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from popinjay.inference.decoder import Logits
    from popinjay.options import SayOptions

GROUPS = 256  # of tokens, whose weights are summed first: a draw then looks at one group only
TRIALS = 4  # draws outside the nucleus before it is laid out in order after all
MANY = 500  # banned tokens from which on adding a whole row is quicker than picking them out
COLDEST = 1e-30  # a temperature below it would overflow; nothing but the likeliest token is left long before


class NoCandidateTokens(BaseModelError, ValueError):
    """A row of logits that gives no probabilities."""


class SamplingParams(NamedTuple):
    """What is made of a model's distribution before a token is drawn from it, in the order in which transformers does it.

    The repetition penalty divides the positive logits of tokens that are there already and multiplies the negative ones (CTRL,
    arXiv 1909.05858); then comes the temperature; then top-k; then the nucleus (Holtzman et al., arXiv 1904.09751): the fewest of the
    likeliest tokens whose probabilities reach top-p; then min-p (arXiv 2407.01082): tokens at least so likely beside the likeliest.
    Of equally likely tokens the one with the lower number counts as likelier. A temperature of 0 always takes the likeliest.
    """

    temperature: float = 1.0
    top_k: int = 0  # 0: no limit
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0

    @classmethod
    def of(cls, options: SayOptions) -> SamplingParams:
        """The shape that these options ask for, in which nothing may be left to defaults."""
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
    """Draws tokens from one row of logits after another, in memory of its own.

    The nucleus is drawn from by rejection: a token is drawn from the whole distribution and taken if the tokens likelier than it have
    less than top-p together, which is to say that it is in the nucleus. What is taken has exactly the nucleus' renormalised
    distribution, and where top-p is 0.95 nineteen draws of twenty are taken at once.
    """

    def __init__(self, shape: SamplingParams, unsayable: Sequence[int] = ()) -> None:
        """Tokens that are `unsayable` have no chance in any row."""
        self.params = shape
        self._unsayable = np.array(unsayable, dtype=np.intp)
        self._bias: NDArray[np.float32] | None = None  # minus infinity for each of many of them
        self._make_room(1)

    def _make_room(self, size: int) -> None:
        """For rows of so many logits."""
        self._size = size
        self._padded = np.zeros(-(-size // GROUPS) * GROUPS, dtype=np.float32)
        self._weights = self._padded[:size]  # beside the likeliest token, which has 1
        self._grouped = self._padded.reshape(-1, GROUPS)  # group g: tokens g, g + GROUPS, ...
        self._mask = np.empty(size, dtype=np.bool_)
        self._upto: NDArray[np.float64] = np.zeros(GROUPS)  # the weights of all groups up to each
        if len(self._unsayable) > MANY:
            self._bias = np.zeros(size, dtype=np.float32)
            self._bias[self._unsayable[self._unsayable < size]] = -np.inf
        self._ordered: NDArray[np.intp] | None = (
            None  # what can be drawn, likeliest first, where it has been laid out
        )
        self._upto_ordered: NDArray[np.float64] = np.zeros(0)

    def load_logits(
        self, logits: Logits, seen: Iterable[int] = (), banned: Sequence[int] = ()
    ) -> None:
        """Draw from this row (size,) from now on. `seen` are the tokens before it, `banned` those that may not come. The row is left as it is.

        Raises NothingToDraw for a row that is no numbers, or in which every token is banned.
        """
        if len(logits) != self._size:
            self._make_room(len(logits))
        weights = self._weights
        np.copyto(weights, logits)
        if self.params.repetition_penalty != 1 and (there := sorted(set(seen))):
            found = weights[there]
            weights[there] = np.where(
                found < 0,
                found * self.params.repetition_penalty,
                found / self.params.repetition_penalty,
            )
        if self._bias is not None:
            weights += self._bias
        elif len(self._unsayable):
            weights[self._unsayable] = -np.inf
        if banned:
            weights[list(banned)] = -np.inf
        highest = weights.max()
        if not np.isfinite(highest):
            raise NoCandidateTokens(
                f"No token can be drawn: the highest logit is {highest}.",
                "Its weights are damaged, or training went wrong: make the persona again, or take a fresh copy of it.",
            )
        self._ordered = None
        if self.params.temperature == 0:
            self._lay_out(np.array([weights.argmax()]), np.ones(1))
            return
        weights -= highest
        if self.params.temperature != 1:
            weights *= np.float32(1 / max(self.params.temperature, COLDEST))
        np.exp(weights, out=weights)
        self._upto = self._grouped.sum(axis=0).cumsum(dtype=np.float64)
        if self.params.top_k or self.params.min_p:
            self._lay_out_nucleus(self._threshold())

    def sample(self, generator: np.random.Generator) -> int:
        """One token, by chances from this generator."""
        for _ in range(TRIALS):
            if self._ordered is not None:
                break
            token = self._anywhere(generator.random())
            least, whole = self._weights[token], self._upto[-1]
            # What weighs more than the tail is inside without a look at the others. Where it is outside, all that is inside weighs at least as much.
            if (
                self.params.top_p >= 1
                or least > (1 - self.params.top_p) * whole
                or self._likelier(token) < self.params.top_p * whole
            ):
                return token
        else:
            self._lay_out_nucleus(least)
        assert self._ordered is not None
        place = np.searchsorted(
            self._upto_ordered, generator.random() * self._upto_ordered[-1], side="right"
        )
        return int(self._ordered[min(place, len(self._ordered) - 1)])

    def _anywhere(self, chance: float) -> int:
        """The token of the whole distribution at this chance in [0, 1)."""
        goal = chance * self._upto[-1]
        group = int(np.searchsorted(self._upto, goal, side="right"))
        own = self._grouped[:, group]
        upto = own.cumsum(dtype=np.float64)
        place = int(
            np.searchsorted(upto, goal - (self._upto[group - 1] if group else 0.0), side="right")
        )
        if place == len(own):  # the group's sum, which is rounded, reaches a hair beyond its parts
            place = int(np.flatnonzero(own)[-1])
        return place * GROUPS + group

    def _likelier(self, token: int) -> float:
        """The weight of all tokens likelier than this one together."""
        weights, weight = self._weights, self._weights[token]
        likelier = float(weights[np.greater(weights, weight, out=self._mask)].sum())
        return likelier + float(weight) * np.count_nonzero(weights[:token] == weight)

    def _threshold(self) -> float:
        """A weight that no token has less of which top-k and min-p leave; few others have as much."""
        least = np.float32(self.params.min_p)
        if (
            0 < self.params.top_k <= GROUPS
        ):  # as many groups have a token that is at least as likely as the k-th likeliest group's likeliest
            least = max(
                least,
                np.partition(self._grouped.max(axis=0), GROUPS - self.params.top_k)[
                    GROUPS - self.params.top_k
                ],
            )
        elif 0 < self.params.top_k < self._size:
            least = max(
                least,
                np.partition(self._weights, self._size - self.params.top_k)[
                    self._size - self.params.top_k
                ],
            )
        return float(least)

    def _lay_out_nucleus(self, least: float) -> None:
        """Put in order what can be drawn, all of which weighs at least so much."""
        shape = self.params
        few = np.flatnonzero(np.greater_equal(self._weights, np.float32(least), out=self._mask))
        order = few[np.argsort(-self._weights[few], kind="stable")][: shape.top_k or None]
        weights = self._weights[order].astype(np.float64)
        upto = weights.cumsum()
        # With top-k alone the nucleus is one of the k; what min-p left out to begin with was part of the whole still.
        whole = self._among_k(order, upto) if shape.top_k else float(self._upto[-1])
        inside = (weights >= np.float32(shape.min_p)) & (weights > 0)
        if shape.top_p < 1:
            inside &= upto - weights < shape.top_p * whole
        inside[0] = True
        self._lay_out(order[inside], weights[inside])

    def _among_k(self, order: NDArray[np.intp], upto: NDArray[np.float64]) -> float:
        """The weight of the k likeliest tokens together, of which `order` may be fewer where min-p left some out."""
        missing = min(self.params.top_k, self._size) - len(order)
        if not missing:
            return float(upto[-1])
        others = np.delete(self._weights, order)
        return float(
            upto[-1]
            + np.partition(others, len(others) - missing)[len(others) - missing :].sum(
                dtype=np.float64
            )
        )

    def _lay_out(self, order: NDArray[np.intp], weights: NDArray[np.float64]) -> None:
        self._ordered, self._upto_ordered = order, weights.cumsum()
