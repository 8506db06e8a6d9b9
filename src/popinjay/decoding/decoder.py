"""What the sampler asks of a model, whichever engine computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Logits = NDArray[np.float32]


class Decoder(Protocol):
    """A model that reads a prompt once and goes on from it in several rows side by side, each a post of its own.

    What a row holds depends on its own tokens only, never on its neighbours.
    """

    @property
    def end(self) -> int:
        """The token that parts posts."""

    @property
    def context(self) -> int:
        """How many tokens a row can hold, the prompt included."""

    @property
    def joins(self) -> bool:
        """Whether new rows may be added while others are on their way."""

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, bare. What looks like a special token in it is plain text."""

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, special ones left out."""

    def pieces(self) -> list[bytes] | None:
        """The bytes that each token of the vocabulary adds to a text, none for special ones; None where tokens have no bytes of their own."""

    def read(self, prompt: Sequence[int]) -> Logits:
        """Begin anew: no rows, and this prompt before all that are added. Gives the logits (vocabulary,) of what follows it."""

    def rows_that_fit(self, length: int) -> int:
        """How many rows of so many tokens are worth their memory at once, one at least."""

    def add(self, count: int) -> None:
        """So many more rows behind the prompt, after those there are; only before the first step unless it `joins`."""

    def step(self, tokens: Sequence[int]) -> Logits:
        """One more token for each row; gives the logits (rows, vocabulary) of what follows. The array may be overwritten by the next step."""

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows stay, in this order; the others' places are free."""
