"""What the sampler asks of a model, whichever engine computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from popinjay.inference.byte_level import Pieces
    from popinjay.options import Sampling

    Logits = NDArray[np.float32]

Prefix = Any  # a prompt as an engine has read it: its own matter


class Decoder(Protocol):
    """A model that reads a prompt once and goes on from it in several rows side by side, each a post of its own.

    What a row holds depends on its own tokens only, never on its neighbours. Rows of several prompts stand side by side where rows may join.
    """

    @property
    def eos_token(self) -> int:
        """The token that ends a post."""

    @property
    def bos_token(self) -> int:
        """The token that begins a post: the end token too, unless the model has one of its own."""

    @property
    def suppressed_tokens(self) -> Sequence[int]:
        """The tokens that may never be drawn: special ones, the end token excepted."""

    @property
    def sampling(self) -> Sampling:
        """Temperature and top-p for whoever asks for none."""

    @property
    def context(self) -> int:
        """How many tokens a row can hold, the prompt included."""

    @property
    def supports_joining(self) -> bool:
        """Whether new rows may be added while others are on their way, be it behind another prompt."""

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, bare. What looks like a special token in it is plain text."""

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, special ones left out."""

    def pieces(self) -> Pieces | None:
        """The bytes that each token of the vocabulary adds to a text, none for special ones; None where tokens have no bytes of their own."""

    def prefill(self, prompt: Sequence[int]) -> Logits:
        """Begin anew: no rows, and this prompt before all that are added. Gives the logits (vocabulary,) of what follows it."""

    @property
    def prefix(self) -> Prefix:
        """The prompt that was read last, to add rows behind it later, here or `apart`."""

    def clone(self) -> Self:
        """The same model without rows, to read with while rows are on their way here."""

    def max_batch_rows(self, length: int) -> int:
        """How many rows of so many tokens are worth their memory at once, one at least."""

    def add(self, count: int, prefix: Prefix | None = None) -> None:
        """So many more rows behind the prompt that was read last, or behind another, after those there are.

        Unless it `joins`, all rows begin together behind one prompt: none is added after their first step, until all are gone.
        """

    def step(self, tokens: Sequence[int]) -> Logits:
        """One more token for each row; gives the logits (rows, vocabulary) of what follows. The array may be overwritten by the next step."""

    def filter(self, rows: Sequence[int]) -> None:
        """Only these rows stay, in this order; the others' places are free."""
