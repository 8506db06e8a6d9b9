"""Models as graphs that score texts: an exported page's, and a persona's own in float32."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray

from popinjay.exporting.web.model import GRAPH, LAYOUT
from popinjay.exporting.web.packing import BLOCK, Packed, unpack
from popinjay.inference.onnx.architecture import read_architecture
from popinjay.inference.onnx.graph import Graph, bare, build_graph, embedding_names
from popinjay.inference.onnx.runtime import runtime, session_options
from popinjay.inference.tokenizer import Tokenizer
from popinjay.models.model_files import files_of
from popinjay.models.weights import as_float32


class GraphModel:
    """A model's graph with its weights, which reads one text at a time."""

    def __init__(
        self,
        graph: Graph,
        cache_shape: tuple[int, int, int],
        embedded: Callable[[NDArray[np.int64]], NDArray[Any]],
    ) -> None:
        """Open a graph.

        Args:
            graph: The graph.
            cache_shape: The numbers of layers and of key-value heads, and the size of a head.
            embedded: Returns the embeddings (tokens, width) of tokens (tokens,).
        """
        options = session_options()
        names = list(graph.weights)
        self._values = [_value(graph.weights[name]) for name in names]
        options.add_external_initializers(names, self._values)
        self._session = runtime().InferenceSession(
            graph.model, options, providers=["CPUExecutionProvider"]
        )
        self._cache_shape = cache_shape
        self._embedded = embedded

    def logits(self, tokens: list[int]) -> NDArray[np.float32]:
        """Return the logits (tokens, vocabulary) after each token."""
        length = len(tokens)
        layers, heads, size = self._cache_shape
        inputs: dict[str, Any] = {
            "hidden": self._embedded(np.array(tokens))[None].astype(np.float32),
            "lengths": np.array([length - 1], np.int32),
            "total": np.array([length], np.int32),
            "order": np.arange(length),
        }
        empty = np.zeros((1, heads, length, size), np.float32)
        for layer in range(layers):
            inputs |= {f"key.{layer}": empty, f"value.{layer}": empty}
        found: NDArray[np.float32] = self._session.run(["logits"], inputs)[0]
        return found


class Reading(Protocol):
    """A model that reads texts."""

    def logits(self, tokens: list[int], /) -> NDArray[np.float32]:
        """Return the logits (tokens, vocabulary) after each token."""


class Score(NamedTuple):
    """How well a model predicts posts and their ends, of which each counts as a byte."""

    bits_per_byte: float
    likeliest: list[int]  # the likeliest token at each place


def score(model: Reading, texts: Sequence[str], tokenizer: Tokenizer) -> Score:
    """Score posts, each alone behind the token that begins it."""
    bits, size = 0.0, 0
    likeliest: list[int] = []
    for text in texts:
        tokens = [tokenizer.bos_token, *tokenizer.encode(text), tokenizer.eos_token]
        logits = model.logits(tokens[:-1])
        bits += bits_of(logits, tokens[1:])
        size += len(text.encode()) + 1
        likeliest += logits.argmax(axis=1).tolist()
    return Score(bits / size, likeliest)


def page_model(folder: Path) -> GraphModel:
    """Read the folder `model` of an exported page as the page does."""
    layout = json.loads((folder / LAYOUT).read_text(encoding="utf-8"))
    tensors = _tensors(folder, layout)
    graph = onnx.load_model(folder / GRAPH, load_external_data=False)
    for weight in graph.graph.initializer:
        del weight.external_data[:]
        size = str(tensors[weight.name].nbytes)
        for key, value in (("location", "beside"), ("offset", "0"), ("length", size)):
            weight.external_data.add(key=key, value=value)
    used = {weight.name: tensors[weight.name] for weight in graph.graph.initializer}
    names = layout["embedding"]

    def embedded(tokens: NDArray[np.int64]) -> NDArray[Any]:
        scales = tensors[names["scale"]][tokens] * np.float32(layout["embedding_scale"])
        found: NDArray[Any] = tensors[names["values"]].T[tokens] * scales[:, None]
        if layout["positions"]:
            found = found + tensors[layout["positions"]][: len(tokens)]
        return found

    shape = (layout["layers"], layout["kv_heads"], layout["head_size"])
    return GraphModel(Graph(graph.SerializeToString(), used), shape, embedded)


def exact_model(folder: Path) -> GraphModel:
    """Open the model in a folder in float32."""
    files = files_of(folder)
    architecture = read_architecture(files.folder)
    weights = files.weights()
    tensors = bare(architecture, weights)
    name, *positions = embedding_names(architecture)

    def embedded(tokens: NDArray[np.int64]) -> NDArray[Any]:
        found = as_float32(tensors[name][tokens]) * np.float32(architecture.embedding_scale)
        if positions:
            found = found + as_float32(tensors[positions[0]][: len(tokens)])
        return found

    shape = (architecture.layers, architecture.kv_heads, architecture.head_size)
    return GraphModel(build_graph(architecture, weights, exact=True), shape, embedded)


def bits_of(logits: NDArray[np.float32], tokens: Sequence[int]) -> float:
    """Return -log2 of the probability of tokens, each by a row of logits."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    found = np.log(np.exp(shifted).sum(axis=1)) - shifted[range(len(tokens)), tokens]
    return float(found.sum()) / math.log(2)


def _tensors(folder: Path, layout: dict[str, Any]) -> dict[str, NDArray[Any]]:
    content = b"".join((folder / part).read_bytes() for part in layout["parts"])
    place = 0

    def take(type: str, *shape: int) -> NDArray[Any]:
        nonlocal place
        found = np.frombuffer(content, type, math.prod(shape), place).reshape(shape)
        place += found.nbytes
        return found

    tensors = {}
    for entry in layout["tensors"]:
        shape, bits = entry["shape"], entry.get("bits", 8)
        if bits == 8:
            tensors[entry["name"]] = take(entry["type"], *shape)
            continue
        inputs, outputs = shape
        packed = Packed(
            take("int8", inputs // BLOCK, outputs),
            take("uint8", inputs // 2, outputs),
            take("uint8", inputs // 8 if bits == 5 else 0, outputs),
        )
        tensors[entry["name"]] = unpack(packed, bits)
    assert place == len(content)
    return tensors


def _value(weight: NDArray[Any]) -> Any:
    types = {"float32": 1, "int8": 3}
    return runtime().OrtValue.ortvalue_from_numpy_with_onnx_type(
        np.ascontiguousarray(weight), types[weight.dtype.name]
    )
