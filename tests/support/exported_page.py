"""An exported page's model, read back as the page does, in ONNX Runtime for Python."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from popinjay.exporting.web.model import GRAPH, LAYOUT
from popinjay.exporting.web.packing import BLOCK, Packed, unpack
from popinjay.inference.onnx.runtime import runtime, session_options
from popinjay.inference.tokenizer import Tokenizer


class ExportedPage:
    """The model of an exported folder, which reads one text at a time."""

    def __init__(self, folder: Path) -> None:
        """Read the folder `model` of an exported page."""
        self.layout = json.loads((folder / LAYOUT).read_text(encoding="utf-8"))
        self.tensors = _tensors(folder, self.layout)
        graph = onnx.load_model(folder / GRAPH, load_external_data=False)
        for weight in graph.graph.initializer:
            del weight.external_data[:]
            weight.external_data.add(key="location", value="beside")
        options = session_options()
        names = [weight.name for weight in graph.graph.initializer]
        self._values = [_value(self.tensors[name]) for name in names]
        options.add_external_initializers(names, self._values)
        self._session = runtime().InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def logits(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Return the logits (tokens, vocabulary) after each token."""
        length = len(tokens)
        shape = (1, self.layout["kv_heads"], length, self.layout["head_size"])
        inputs: dict[str, Any] = {
            "hidden": self._embedded(np.array(tokens))[None],
            "lengths": np.array([length - 1], np.int32),
            "total": np.array([length], np.int32),
            "order": np.arange(length),
        }
        for layer in range(self.layout["layers"]):
            inputs[f"key.{layer}"] = inputs[f"value.{layer}"] = np.zeros(shape, np.float32)
        found: NDArray[np.float32] = self._session.run(["logits"], inputs)[0]
        return found

    def bits_per_byte(self, texts: Sequence[str], tokenizer: Tokenizer) -> float:
        """Return -log2 of the probability of posts and their ends, over their bytes.

        An end counts as a byte.
        """
        bits, size = 0.0, 0
        for text in texts:
            tokens = [tokenizer.bos_token, *tokenizer.encode(text), tokenizer.eos_token]
            tokens = tokens[: self.layout["context"]]
            bits += bits_of(self.logits(tokens[:-1]), tokens[1:])
            size += len(text.encode()) + 1
        return bits / size

    def _embedded(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        names = self.layout["embedding"]
        scales = self.tensors[names["scale"]][tokens] * np.float32(self.layout["embedding_scale"])
        found = self.tensors[names["values"]].T[tokens] * scales[:, None]
        if self.layout["positions"]:
            found = found + self.tensors[self.layout["positions"]][: len(tokens)]
        return found.astype(np.float32)


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
