"""The decoder for any model that transformers knows: its own forward pass and cache."""

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
    """A language model as a Decoder. Rows can't join a batch in progress.

    A prompt that is prefilled again is not computed again, so the weights must not change.
    """

    supports_joining = False

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        self.eos_token = model.eos_token
        self.bos_token = model.bos_token
        self.suppressed_tokens = model.suppressed_tokens
        self.context = model.context
        self.sampling = model.sampling
        self._cache_name = cache_name(model.model)
        # The prefilled prompt, its key-value cache of one row, and the logits after it
        self._prefix: tuple[list[int], Any, Logits] | None = None
        self._cache: Any = None  # of the rows; None before their first step
        self._rows = 0

    def encode(self, text: str) -> list[int]:
        """Tokenize a text, without special tokens."""
        return self.model.encode([text])[0]

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, without special tokens."""
        if self._pieces is not None and self._pieces.falls_back:
            # The tokenizer would drop all bytes beside an incomplete character
            return self._pieces.text(tokens)
        return self.model.decode(tokens)

    def pieces(self) -> Pieces | None:
        """Return the bytes of each token; None if the tokenizer is not byte-level."""
        return self._pieces

    @functools.cached_property
    def _pieces(self) -> Pieces | None:
        backend = getattr(self.model.tokenizer, "backend_tokenizer", None)
        return None if backend is None else byte_pieces(backend)

    def prefill(self, prompt: Sequence[int]) -> Logits:
        """Drop all rows, and compute a prompt. Returns the logits (vocabulary,) after it."""
        self._cache = None
        self._rows = 0
        if self._prefix is None or self._prefix[0] != list(prompt):
            out = self._forward([list(prompt)], None)
            self._prefix = (list(prompt), out[self._cache_name], _last_logits(out)[0])
        return self._prefix[2]

    @property
    def prefix(self) -> tuple[list[int], Any, Logits] | None:
        """The last prefilled prompt, to be passed to `add`, also that of a clone."""
        return self._prefix

    def clone(self) -> TorchDecoder:
        """Return the same model without rows."""
        other = copy.copy(self)
        other._cache = None
        other._rows = 0
        return other

    def max_batch_rows(self, length: int) -> int:
        """Return no limit: rows that can't join later are best started together."""
        return sys.maxsize

    def add(self, count: int, prefix: tuple[list[int], Any, Logits] | None = None) -> None:
        """Append rows before the first step, all behind one prefix."""
        prefix = prefix or self._prefix
        if self._cache is not None or (self._rows and prefix is not self._prefix):
            raise ValueError("Rows can't join a batch in progress here.")
        self._prefix = prefix
        self._rows += count

    def step(self, tokens: Sequence[int]) -> Logits:
        """Append a token to each row, and return the logits (rows, vocabulary) after it."""
        if len(tokens) != self._rows or self._prefix is None:
            raise ValueError(f"There are {self._rows} rows, not {len(tokens)}.")
        if self._cache is None:
            self._cache = copy.deepcopy(self._prefix[1])
            self._cache.batch_repeat_interleave(self._rows)
        out = self._forward([[token] for token in tokens], self._cache)
        self._cache = out[self._cache_name]
        return _last_logits(out)

    def filter(self, rows: Sequence[int]) -> None:
        """Keep only these rows, in this order."""
        import torch

        if not rows:
            self._cache = None
        if self._cache is not None:
            self._cache.batch_select_indices(
                torch.tensor(rows, device=self.model.device, dtype=torch.long)
            )
        self._rows = len(rows)

    def _forward(self, ids: list[list[int]], cache: Any) -> Any:
        """Run the model on token ids (rows, length)."""
        import torch

        with torch.inference_mode():
            ids_tensor = torch.tensor(ids, device=self.model.device)
            return self.model.model(
                input_ids=ids_tensor, use_cache=True, **{self._cache_name: cache}
            )


def cache_name(model: Any) -> str:
    """Return the name of the key-value cache in `model.forward`'s arguments and output.

    transformers 5.24 renamed `past_key_values` to `cache`.
    """
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"


def _last_logits(out: Any) -> Logits:
    """Return the logits (rows, vocabulary) after the last token of each row, in float32."""
    logits: Logits = out.logits[:, -1].float().cpu().numpy()
    return logits
