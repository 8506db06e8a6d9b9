"""Dials: numbers by which posts are steered while their tokens are sampled.

Emoji and hashtags are given as the share of posts that have one. Which posts these are depends on
the seed and the place only, and is spread evenly: of ten posts at 0.5, five have one, give or take
one. In such a post the probability of the end goes to the tokens that begin what is
still missing, so that it comes where the post would have ended, unless it came before. In all other
posts these tokens are never sampled. A draft that turned out otherwise is generated again.

The length is given as a factor, by which the probability of the end token is divided (a hazard
rate: with half of it a post lasts twice as long on average, if nothing else limits it).

A dial that is not turned costs nothing and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from popinjay.errors import OptionError
from popinjay.sampling.token_classes import CLASSES, TokenClass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from popinjay.inference.decoder import Decoder, Logits
    from popinjay.options import SayOptions

    Tokens = NDArray[np.intp]

GOLDEN = (5**0.5 - 1) / 2  # its multiples are spread evenly over [0, 1) (Weyl, 1916)
MAX_BEGUN = 3  # tokens in which what was begun has to be complete
MAX_END = 0.98  # the end token's highest probability when the length dial raises it


@dataclass(frozen=True, eq=False)
class _Feature:
    """A feature whose share of posts is set, with its tokens."""

    kind: TokenClass
    share: float
    bare: Tokens  # begin it behind a blank, or at the start of a text
    blank: Tokens  # bring the blank along
    offset: float  # of the posts that have it

    def is_wanted(self, place: int) -> bool:
        """Return whether the post at a place is to have it."""
        return (self.offset + place * GOLDEN) % 1 < self.share

    @property
    def tokens(self) -> Tokens:
        """All tokens that begin it."""
        return np.concatenate([self.bare, self.blank])

    def beginning(self, text: str) -> Tokens:
        """Return the tokens that begin it behind this text."""
        return self.blank if text and not text[-1].isspace() and len(self.blank) else self.bare


class Dials:
    """The dials that are turned in a request, with what they need of its model."""

    def __init__(self, decoder: Decoder, options: SayOptions, seed: int) -> None:
        """Prepare the dials.

        Args:
            decoder: The model.
            options: The dials, and a temperature.
            seed: Decides which posts have a feature.

        Raises:
            OptionError: If the model has no tokens for a dial.
        """
        self.end = decoder.eos_token
        self.temperature = options.temperature or 1.0  # at 0 the likeliest token is taken
        self.length = options.length
        self._features = [
            _feature(kind, share, decoder, seed, number)
            for number, kind in enumerate(CLASSES)
            if (share := getattr(options, kind.name)) is not None
        ]

    @staticmethod
    def are_turned(options: SayOptions) -> bool:
        """Return whether any dial is."""
        shares = (getattr(options, kind.name) for kind in CLASSES)
        return options.length != 1 or any(share is not None for share in shares)

    def steering(self, place: int, prompt: str) -> Steering:
        """Return how the post at a place is steered, given the text that it begins with."""
        wanted = [one for one in self._features if one.is_wanted(place)]
        return Steering(self, wanted, [one for one in self._features if one not in wanted], prompt)


def _feature(kind: TokenClass, share: float, decoder: Decoder, seed: int, number: int) -> _Feature:
    """Return a feature with its tokens. Raises OptionError if it has none."""
    pieces = decoder.pieces()
    never = frozenset(decoder.suppressed_tokens)
    bare, blank = (
        np.array([token for token in tokens if token not in never], np.intp)
        for tokens in (kind.begins(pieces) if pieces is not None else ([], []))
    )
    if not len(bare) + len(blank):
        raise OptionError(
            f"This model has no tokens for {kind.name}.",
            f"Leave out --{kind.name}.",
            page_hint="Set that dial back to as it comes.",
        )
    offset = np.random.default_rng((seed, number)).random()
    return _Feature(kind, share, bare, blank, offset)


class Steering:
    """How one draft is steered, from its first token to its last."""

    def __init__(
        self, dials: Dials, wanted: Sequence[_Feature], unwanted: Sequence[_Feature], prompt: str
    ) -> None:
        """Steer a draft towards the features that are wanted and away from the others."""
        self._dials = dials
        self._wanted = wanted
        self._unwanted = [(one, one.kind.count(prompt)) for one in unwanted]
        self._barred = np.concatenate([np.zeros(0, np.intp), *(one.tokens for one in unwanted)])

    def adjust(self, logits: Logits, tokens: Sequence[int], text: str, may_end: bool) -> Logits:
        """Return the logits (vocabulary,) from which the next token is to be sampled.

        Args:
            logits: Those of the model, which are not changed.
            tokens: All tokens so far, the first one and the prompt's included.
            text: Their text.
            may_end: Whether the end token is allowed.
        """
        dials = self._dials
        changed = logits.copy()
        changed[self._barred[self._barred < len(changed)]] = -np.inf
        if may_end and dials.length != 1:
            changed[dials.end] = self._scaled_end(changed)
        if may_end:
            for feature in self._wanted:
                if not feature.kind.count(text):
                    self._instead_of_end(changed, feature, tokens, text)
                    break
        return changed

    def _scaled_end(self, logits: Logits) -> float:
        """Return the end token's logit with its probability divided by the length factor."""
        temperature, end = self._dials.temperature, self._dials.end
        scaled = (logits - logits.max()) / temperature
        own = float(np.exp(scaled[end]))
        others = float(np.exp(scaled).sum()) - own
        chance = min(MAX_END, own / (own + others) / self._dials.length)
        if chance <= 0 or others <= 0:
            return float(logits[end])
        return float(logits.max()) + temperature * float(
            np.log(chance) - np.log1p(-chance) + np.log(others)
        )

    def _instead_of_end(
        self, logits: Logits, feature: _Feature, tokens: Sequence[int], text: str
    ) -> None:
        """Give the end token's probability to the tokens that begin a feature."""
        end = self._dials.end
        weight = float(logits[end])
        logits[end] = -np.inf
        if any(np.isin(tokens[-MAX_BEGUN:], feature.tokens)):
            return  # it is begun, and will be complete with the next tokens
        beginning = feature.beginning(text)
        beginning = beginning[beginning < len(logits)]
        temperature = self._dials.temperature
        own = logits[beginning].astype(np.float64) / temperature
        if not np.isfinite(highest := own.max(initial=-np.inf)):
            return
        before = highest + np.log(np.exp(own - highest).sum())
        logits[beginning] += temperature * (np.logaddexp(before, weight / temperature) - before)

    def misses(self, text: str) -> bool:
        """Return whether a whole post lacks what is wanted, or has what is not."""
        return any(not one.kind.count(text) for one in self._wanted) or any(
            one.kind.count(text) > before for one, before in self._unwanted
        )
