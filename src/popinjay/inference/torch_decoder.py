"""The decoder for any model that transformers knows: its own forward pass, with its own cache."""

from __future__ import annotations

import copy
import functools
import inspect
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from popinjay.inference.byte_level import Pieces, byte_pieces
from popinjay.models.language_model import LanguageModel

if TYPE_CHECKING:
    from popinjay.inference.decoder import Logits


class TorchDecoder:
    """A language model as a Decoder. Rows begin together: none joins those that are on their way.

    A prompt that is read again is not computed again, so this is for weights that stay as they are.
    """

    supports_joining = False

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        self.eos_token, self.bos_token, self.suppressed_tokens = (
            model.eos_token,
            model.bos_token,
            model.suppressed_tokens,
        )
        self.context, self.sampling = model.context, model.sampling
        self._cache_name = cache_name(model.model)
        self._prefix: tuple[list[int], Any, Logits] | None = (
            None  # the prompt, its cache of one row, and the logits behind it
        )
        self._cache: Any = None  # of the rows, from their first step on
        self._rows = 0

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, bare."""
        return self.model.encode([text])[0]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens."""
        if self._pieces is not None and self._pieces.falls_back:
            return self._pieces.text(
                tokens
            )  # one cut character would take all bytes beside it along
        return self.model.decode(tokens)

    def pieces(self) -> Pieces | None:
        """The bytes of each token, where the tokenizer works on bytes."""
        return self._pieces

    @functools.cached_property
    def _pieces(self) -> Pieces | None:
        backend = getattr(self.model.tokenizer, "backend_tokenizer", None)
        return None if backend is None else byte_pieces(backend)

    def prefill(self, prompt: Sequence[int]) -> Logits:
        """Begin anew behind this prompt."""
        self._cache, self._rows = None, 0
        if self._prefix is None or self._prefix[0] != list(prompt):
            out = self._forward([list(prompt)], None)
            self._prefix = (list(prompt), out[self._cache_name], _last(out)[0])
        return self._prefix[2]

    @property
    def prefix(self) -> tuple[list[int], Any, Logits] | None:
        """The prompt that was read last, to add rows behind it later, here or `apart`."""
        return self._prefix

    def clone(self) -> TorchDecoder:
        """The same model without rows."""
        other = copy.copy(self)
        other._cache, other._rows = None, 0
        return other

    def max_batch_rows(self, length: int) -> int:
        """Any number: rows that can't be joined are best begun together."""
        return sys.maxsize

    def add(self, count: int, prefix: tuple[list[int], Any, Logits] | None = None) -> None:
        """More rows, before the first step, all behind one prompt."""
        prefix = prefix or self._prefix
        if self._cache is not None or (self._rows and prefix is not self._prefix):
            raise ValueError("Rows that are on their way can't be joined here.")
        self._prefix = prefix
        self._rows += count

    def step(self, tokens: Sequence[int]) -> Logits:
        """One more token for each row."""
        if len(tokens) != self._rows or self._prefix is None:
            raise ValueError(f"There are {self._rows} rows, not {len(tokens)}.")
        if self._cache is None:
            self._cache = copy.deepcopy(self._prefix[1])
            self._cache.batch_repeat_interleave(self._rows)
        out = self._forward([[token] for token in tokens], self._cache)
        self._cache = out[self._cache_name]
        return _last(out)

    def filter(self, rows: Sequence[int]) -> None:
        """Only these rows stay."""
        import torch

        if not rows:
            self._cache = None
        if self._cache is not None:
            self._cache.batch_select_indices(
                torch.tensor(rows, device=self.model.device, dtype=torch.long)
            )
        self._rows = len(rows)

    def _forward(self, ids: list[list[int]], cache: Any) -> Any:
        import torch

        with torch.inference_mode():
            ids_tensor = torch.tensor(ids, device=self.model.device)
            return self.model.model(
                input_ids=ids_tensor, use_cache=True, **{self._cache_name: cache}
            )


def cache_name(model: Any) -> str:
    """The name of the key-value cache, as an argument of `model.forward` and in its output.

    transformers 5.24 renamed `past_key_values` to `cache`.
    """
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"


def _last(out: Any) -> Logits:
    """What follows the last token of each row: (rows, vocabulary)."""
    logits: Logits = out.logits[:, -1].float().cpu().numpy()
    return logits
