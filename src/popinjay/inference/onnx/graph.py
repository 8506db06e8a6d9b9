"""One step of a transformer as an ONNX graph over a batch of rows, each with its own cache.

Between attentions, the tokens of all rows form one matrix (tokens, width). In 8 bits each token has
its own scale, and products are exact in integers, so the result of a row does not depend on the
others in the batch.

Inputs:
    hidden: The embedded tokens (rows, length, width), float32.
    lengths: The number of tokens in each row after the step, minus 1 (rows,), int32.
    total: The largest number of tokens in a row after the step (1,), int32.
    order: The indices, among all rows * length tokens, of those to predict from (asked,), int64.
    key.N, value.N: The cache of layer N (rows, kv_heads, capacity, head_size), float32, which the
        step appends to in place.

Output:
    logits: (asked, vocabulary), float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from popinjay.inference.onnx.architecture import Architecture, UnknownWeights
from popinjay.inference.onnx.families import FAMILIES
from popinjay.inference.onnx.graph_builder import Builder
from popinjay.models.weights import release

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Graph:
    """A serialized ONNX model without its weights, and these by name."""

    model: bytes
    weights: Mapping[str, NDArray[Any]]
    mapped: NDArray[Any] | None = None  # the file that the weights are views of
    intact: Callable[[], bool] = lambda: True  # whether the file is undamaged; may have to wait

    def release(self) -> None:
        """Give back the memory of weights that are mapped from a file."""
        if self.mapped is not None:
            release(self.mapped)


def build_graph(
    architecture: Architecture,
    tensors: Mapping[str, NDArray[Any]],
    *,
    exact: bool,
    unsigned: bool = False,
    release: Callable[[], None] = lambda: None,
) -> Graph:
    """Build the graph of a model. Raises UnknownWeights.

    Args:
        architecture: The model's architecture.
        tensors: The tensors of its files.
        exact: Compute in float32 instead of 8 bits.
        unsigned: Quantize weights to unsigned bytes, for processors that need it.
        release: Called to give back the memory of tensors that have been quantized.
    """
    builder = Builder(architecture, bare(architecture, tensors), exact, unsigned, release)
    builder.used.update(embedding_names(architecture))
    FAMILIES[architecture.family](builder)
    unused = [
        name
        for name in builder.tensors
        if name not in builder.used
        and not name.endswith((".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq"))
    ]
    if unused:
        raise UnknownWeights(f"it does not know the weights {unused[0]}")
    return Graph(builder.serialize(), builder.weights)


def embedding_names(architecture: Architecture) -> tuple[str, ...]:
    """Return the names of the embeddings: of tokens, and of positions if they are learned."""
    if architecture.family == "gpt2":
        return ("wte.weight", "wpe.weight")
    return ("embed_tokens.weight",)


def bare(
    architecture: Architecture, tensors: Mapping[str, NDArray[Any]]
) -> Mapping[str, NDArray[Any]]:
    """Return the tensors by their names without the model's prefix, which some files lack."""
    prefix = "transformer." if architecture.family == "gpt2" else "model."
    return _Renamed(tensors, {name.removeprefix(prefix): name for name in tensors})


class _Renamed(Mapping[str, "NDArray[Any]"]):
    """Tensors by other names. Each is computed only when it is looked up."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], names: Mapping[str, str]) -> None:
        self._tensors = tensors
        self._names = names

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._tensors[self._names[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names
