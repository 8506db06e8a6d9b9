"""A causal language model with its tokenizer: loading, encoding posts, scoring them. Training and sampling build on it."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.errors import BaseModelError

if TYPE_CHECKING:
    import torch

SCORED_AT_ONCE = 1024  # tokens, padding included: each takes a row of the whole vocabulary


class LanguageModel:
    """A transformers model and tokenizer. Posts are separated by the tokenizer's end token."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.end: int = tokenizer.eos_token_id
        self.context: int = getattr(model.config, "max_position_embeddings", None) or 1024

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> LanguageModel:
        """The model in a folder, in float32. Only safetensors, never a model's own code. Raises BaseModelError."""
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            model: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32)
        except (OSError, ValueError, KeyError, ImportError) as error:
            reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
            raise BaseModelError(
                f"The model in {folder} can't be loaded: {reason}", "It must be a causal language model that transformers knows, with its tokenizer."
            ) from error
        if tokenizer.eos_token_id is None:
            raise BaseModelError(f"The tokenizer in {folder} has no end token to part posts with.", "Choose a base model whose tokenizer defines eos_token.")
        return cls(model.to(device).eval(), tokenizer)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = self.model.device
        return device

    @property
    def parameters(self) -> int:
        """How many weights there are, shared ones counted once."""
        return sum(p.numel() for p in self.model.parameters())

    @functools.cached_property
    def line_breaks(self) -> frozenset[int]:
        """The tokens that are a line break and nothing else."""
        return frozenset(ids[0] for ids in self.encode(["\n", "\n\n", "\r\n"]) if len(ids) == 1)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, bare. What looks like a special token in a text is plain text."""
        if not texts:
            return []
        ids: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, special ones left out."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def bits(self, texts: Sequence[str]) -> list[float]:
        """-log2 of the probability of each text, each scored alone from the separator.

        The end token after a text is not part of it. A text longer than the context is scored in pieces, each from the
        separator anew.
        """
        import torch

        pieces = [(number, piece) for number, ids in enumerate(self.encode(texts)) for piece in _pieces(ids, self.context - 1)]
        pieces.sort(key=lambda entry: len(entry[1]))
        bits = [0.0] * len(texts)
        with torch.inference_mode():
            for group in _groups(pieces):
                width = len(group[-1][1])
                ids = torch.full((len(group), width + 1), self.end)
                for place, (_, piece) in enumerate(group):
                    ids[place, 1 : len(piece) + 1] = torch.tensor(piece)
                ids = ids.to(self.device)
                logits = self.model(input_ids=ids[:, :-1], use_cache=False).logits.float()
                losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none").cpu()
                for place, (number, piece) in enumerate(group):
                    bits[number] += losses[place, : len(piece)].double().sum().item() / math.log(2)
        return bits

    def say_by_default(self, **settings: Any) -> None:
        """How `pipeline("text-generation")` and the hub's widget draw from this model once it is saved; no top-k."""
        from transformers import GenerationConfig

        ends = {"bos_token_id": self.end, "eos_token_id": self.end, "pad_token_id": self.end}
        self.model.generation_config = GenerationConfig(**settings, **ends, top_k=0)  # type: ignore[no-untyped-call]

    def save(self, folder: Path) -> None:
        """Write standard transformers files: safetensors, tokenizer, generation config."""
        from transformers.utils import logging

        for word in ("local_files_only", "is_local", "trust_remote_code"):  # how it was loaded is nothing about it
            self.tokenizer.init_kwargs.pop(word, None)

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self.model.save_pretrained(folder, safe_serialization=True)
        self.tokenizer.save_pretrained(folder)


def bits_per_byte(bits: Sequence[float], texts: Sequence[str]) -> float:
    """Comparable across tokenizers: all bits over all UTF-8 bytes."""
    return sum(bits) / max(1, sum(len(text.encode()) for text in texts))


def _pieces(ids: list[int], most: int) -> Iterator[list[int]]:
    for start in range(0, len(ids), most):
        yield ids[start : start + most]


def _groups(pieces: list[tuple[int, list[int]]]) -> Iterator[list[tuple[int, list[int]]]]:
    """Pieces of like length, in groups that padding keeps small."""
    group: list[tuple[int, list[int]]] = []
    for piece in pieces:
        if group and (len(group) + 1) * (len(piece[1]) + 1) > SCORED_AT_ONCE:
            yield group
            group = []
        group.append(piece)
    if group:
        yield group
