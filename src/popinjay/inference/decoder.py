"""The decoder protocol: what the sampler needs from a model, whichever engine computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from popinjay.inference.byte_level import Pieces
    from popinjay.options import Sampling

    Logits = NDArray[np.float32]

Prefix = Any  # a prefilled prompt, in the form of its engine


class Decoder(Protocol):
    """A model that computes a prompt once, and continues it in several rows of a batch.

    What a row computes depends on its own tokens only, never on other rows of the batch. Rows of
    several prompts can be in one batch if `supports_joining`.
    """

    @property
    def eos_token(self) -> int:
        """The token that ends a post."""

    @property
    def bos_token(self) -> int:
        """The token that begins a post: the end token unless the model has a begin token."""

    @property
    def suppressed_tokens(self) -> Sequence[int]:
        """The tokens that are never sampled: special tokens other than the end token."""

    @property
    def sampling(self) -> Sampling:
        """The default temperature and top-p."""

    @property
    def context(self) -> int:
        """The maximum number of tokens in a row, including the prompt."""

    @property
    def supports_joining(self) -> bool:
        """Whether rows can join a batch in progress, even behind another prompt."""

    def encode(self, text: str) -> list[int]:
        """Tokenize a text, without special tokens.

        Names of special tokens in it are tokenized as plain text.
        """

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, without special tokens."""

    def pieces(self) -> Pieces | None:
        """Return the bytes that each token adds to a text, none for special tokens.

        Returns None if the tokens have no bytes of their own.
        """

    def prefill(self, prompt: Sequence[int]) -> Logits:
        """Drop all rows and compute a prompt, which becomes the prefix of rows added later.

        Returns the logits (vocabulary,) after its last token.
        """

    @property
    def prefix(self) -> Prefix:
        """The last prefilled prompt, to be passed to `add`, also that of a clone."""

    def clone(self) -> Self:
        """Return the same model without rows, to prefill while a batch is in progress here."""

    def max_batch_rows(self, length: int) -> int:
        """Return how many rows of this length (tokens) are worth their memory, at least one."""

    def add(self, count: int, prefix: Prefix | None = None) -> None:
        """Append rows to the batch, behind a prefix: by default the last prefilled prompt.

        Unless `supports_joining`, all rows must have the same prefix, and none can be added between
        their first step and the end of the last row.
        """

    def step(self, tokens: Sequence[int]) -> Logits:
        """Append a token to each row, and return the logits (rows, vocabulary) after it.

        The next step may overwrite the array.
        """

    def filter(self, rows: Sequence[int]) -> None:
        """Keep only these rows (indices), in this order."""
