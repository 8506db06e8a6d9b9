"""The posts that an export is calibrated with, as inputs of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.inference.onnx.architecture import Architecture
from popinjay.inference.onnx.graph import embedding_names
from popinjay.inference.tokenizer import Tokenizer
from popinjay.models.weights import as_float32
from popinjay.post import read_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

POSTS = 128  # that are read, or as many as there are
LENGTH = 64  # tokens of a post at most


def sample(file: Path) -> list[str]:
    """Return posts of a file, evenly from all of them; none if there is no file."""
    texts = [str(row["text"]) for row in read_rows(file)] if file.is_file() else []
    count = min(POSTS, len(texts))
    return [texts[index * len(texts) // count] for index in range(count)]


def tokens_of(texts: Sequence[str], tokenizer: Tokenizer) -> list[list[int]]:
    """Return the tokens of each post, between its begin and its end, cut off where it is long."""
    return [
        [tokenizer.bos_token, *tokenizer.encode(text), tokenizer.eos_token][:LENGTH]
        for text in texts
    ]


def graph_inputs(
    texts: Sequence[Sequence[int]], architecture: Architecture, tensors: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Return the inputs of a graph that reads texts side by side.

    Args:
        texts: The tokens of each text.
        architecture: The architecture of the graph.
        tensors: The tensors of the model by their bare names, of which the embeddings are read.
    """
    import numpy as np

    length = max(map(len, texts))
    tokens = np.zeros((len(texts), length), np.int64)
    is_read = np.zeros((len(texts), length), np.bool_)
    for row, text in enumerate(texts):
        tokens[row, : len(text)] = text
        is_read[row, : len(text)] = True
    name, *positions = embedding_names(architecture)
    hidden = as_float32(tensors[name][tokens]) * np.float32(architecture.embedding_scale)
    if positions:
        hidden = hidden + as_float32(tensors[positions[0]][:length])
    inputs = {
        "hidden": hidden,
        # What stands behind a shorter text is not seen by the text, and left out by `order`
        "lengths": np.full(len(texts), length - 1, np.int32),
        "total": np.array([length], np.int32),
        "order": np.flatnonzero(is_read),
    }
    shape = (len(texts), architecture.kv_heads, length, architecture.head_size)
    empty = np.zeros(shape, np.float32)
    for layer in range(architecture.layers):
        inputs |= {f"key.{layer}": empty, f"value.{layer}": empty}
    return inputs
