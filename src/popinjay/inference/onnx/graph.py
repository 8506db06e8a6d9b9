"""One step of a transformer as an ONNX graph, written from its weights: several rows side by side, each with keys and values of its own.

Between attentions all tokens of all rows lie below one another (tokens, width). In 8 bits each of them has a scale of its own, and products
are exact in whole numbers: so what becomes of a row does not depend on those beside it.

Inputs: `hidden` (rows, length, width), the embedded tokens; `lengths` (rows,), how many tokens each row then has, less one; `total`,
the most of them; `order`, which rows of the last hidden states (rows x length, width) are asked for; and for each layer the buffers `key.N` and
`value.N` (rows, heads of keys, capacity, head size), which the step writes its own into. Output: `logits` (asked for, vocabulary).
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
    """A model without its weights, as bytes, and the weights that belong to it by name."""

    model: bytes
    weights: Mapping[str, NDArray[Any]]
    mapped: NDArray[Any] | None = None  # the file that the weights are views of
    intact: Callable[[], bool] = lambda: (
        True
    )  # whether the weights are as they were kept; it may have to wait

    def release(self) -> None:
        """Give back the memory of weights that lie in a file."""
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
    """Build the graph of a model in float32, or with its products in 8 bits.

    `unsigned` is for processors that need it so; `release` is called to give back the memory of
    tensors that were turned. Raises UnknownWeights.
    """
    builder = Builder(architecture, bare(architecture, tensors), exact, unsigned, release)
    builder.used.update(embedding_names(architecture))
    FAMILIES[architecture.family](builder)
    left = [
        name
        for name in builder.tensors
        if name not in builder.used
        and not name.endswith((".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq"))
    ]
    if left:
        raise UnknownWeights(f"nothing is known of the weights {left[0]}")
    return Graph(builder.serialize(), builder.weights)


def embedding_names(architecture: Architecture) -> tuple[str, ...]:
    """The tensors that tokens are embedded by: theirs, and their positions' where those are learnt."""
    return (
        ("wte.weight", "wpe.weight") if architecture.family == "gpt2" else ("embed_tokens.weight",)
    )


def bare(
    architecture: Architecture, tensors: Mapping[str, NDArray[Any]]
) -> Mapping[str, NDArray[Any]]:
    """The tensors by their names inside the model; some files of the hub have these themselves."""
    prefix = "transformer." if architecture.family == "gpt2" else "model."
    return _Renamed(tensors, {name.removeprefix(prefix): name for name in tensors})


class _Renamed(Mapping[str, "NDArray[Any]"]):
    """Tensors by other names, each taken only when it is asked for: it may have to be computed."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], names: Mapping[str, str]) -> None:
        self._tensors, self._names = tensors, names

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._tensors[self._names[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names
