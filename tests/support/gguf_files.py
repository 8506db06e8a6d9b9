"""GGUF files read back: by the gguf package, by transformers, and by llama.cpp if it is here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

FLOAT32 = 0  # GGML's number of the type


def fields(path: Path) -> dict[str, Any]:
    """Return the metadata of a file."""
    from gguf import GGUFReader

    return {name: field.contents() for name, field in GGUFReader(path).fields.items()}


def tensors(path: Path) -> dict[str, tuple[str, NDArray[np.float32]]]:
    """Return the type and the content of each tensor, in float32."""
    from gguf import GGUFReader
    from gguf.quants import dequantize

    return {
        tensor.name: (
            tensor.tensor_type.name,
            np.array(dequantize(tensor.data, tensor.tensor_type), np.float32),
        )
        for tensor in GGUFReader(path).tensors
    }


def transformers_logits(path: Path, tokens: Sequence[int]) -> NDArray[np.float32]:
    """Return the logits (tokens, vocabulary) that transformers computes from a file."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, local_files_only=True
    )
    with torch.inference_mode():
        logits: NDArray[np.float32] = model(torch.tensor([list(tokens)])).logits[0].numpy()
    return logits


class LlamaCpp:
    """A model in llama.cpp."""

    def __init__(self, path: Path, context: int = 128) -> None:
        """Open a file, or skip the test if llama.cpp is not here."""
        library = pytest.importorskip(
            "llama_cpp", reason="needs llama-cpp-python, which is built from source"
        )
        self.model = library.Llama(
            str(path),
            n_ctx=context,
            logits_all=True,
            verbose=False,
            n_threads=1,
            n_threads_batch=1,
            type_k=FLOAT32,
            type_v=FLOAT32,
        )

    def encode(self, text: str) -> list[int]:
        """Tokenize a text, with the begin token if the file says so."""
        tokens: list[int] = self.model.tokenize(text.encode(), add_bos=True, special=False)
        return tokens

    def logits(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Return the logits (tokens, vocabulary) after each token."""
        self.model.reset()
        self.model.eval(list(tokens))
        return np.array(self.model.scores[: len(tokens)], np.float32)

    def greedy(self, tokens: Sequence[int], count: int) -> list[int]:
        """Return the most likely next tokens, `count` of them."""
        self.model.reset()
        self.model.eval(list(tokens))
        found: list[int] = []
        while len(found) < count:
            found.append(int(np.argmax(self.model.scores[self.model.n_tokens - 1])))
            self.model.eval(found[-1:])
        return found
