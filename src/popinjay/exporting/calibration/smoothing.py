"""Weights that bear 8 bits better: SmoothQuant (Xiao et al. 2022, arXiv 2211.10438).

A row that is multiplied with a matrix is rounded to 8 bits by its largest entry, which in a few
dimensions is many times the others. Those dimensions are made smaller where the row comes from, and
the matrix's weights for them as much larger: in exact arithmetic the model computes the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from popinjay.exporting.calibration.layerwise import rows_of_products
from popinjay.exporting.calibration.posts import graph_inputs
from popinjay.inference.onnx.architecture import Architecture
from popinjay.inference.onnx.graph import bare, build_graph
from popinjay.models.adapter import AdaptedWeights
from popinjay.models.weights import Weights, as_float32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STRENGTH = 0.5  # 0: rows stay as they are, 1: all their dimensions get alike
MOST = 100.0  # factors between dimensions, at most, of their mean


def smoothed(
    architecture: Architecture, weights: Weights | AdaptedWeights, texts: Sequence[Sequence[int]]
) -> Mapping[str, NDArray[Any]]:
    """Return the tensors of a model by their bare names, with the rows that texts make smoothed.

    They are as they were if the family is not known here. Raises UnknownWeights.

    Args:
        architecture: The model's architecture.
        weights: The tensors of its files.
        texts: The tokens of each text.
    """
    found = Smoothed(bare(architecture, weights), architecture)
    if found.is_possible and texts:
        graph = build_graph(architecture, weights, exact=False, release=weights.release)
        inputs = graph_inputs(texts, architecture, found)
        for name, rows in rows_of_products(graph.model, graph.weights, inputs):
            found.smooth(name.removesuffix(".8bit").removesuffix(".and_others"), rows)
    return found


class Pair(NamedTuple):
    """A matrix, or several of the same rows, and what its rows are made by."""

    makers: tuple[str, ...]  # vectors and matrices (outputs, inputs), whose outputs are the rows
    users: tuple[str, ...]  # matrices (outputs, inputs)


def pairs(architecture: Architecture, tensors: Mapping[str, Any]) -> dict[str, Pair]:
    """Return the pairs of a model by the name of the first matrix; none if its family has none."""
    found: dict[str, Pair] = {}
    if architecture.family != "llama":
        return found
    for layer in range(architecture.layers):
        h = f"layers.{layer}"
        query, key, value, out = (f"{h}.self_attn.{part}_proj" for part in "qkvo")
        gate, up, down = (f"{h}.mlp.{part}_proj.weight" for part in ("gate", "up", "down"))
        bias = (f"{value}.bias",) if f"{value}.bias" in tensors else ()
        found |= {
            f"{query}.weight": Pair(
                (f"{h}.input_layernorm.weight",),
                tuple(f"{one}.weight" for one in (query, key, value)),
            ),
            f"{out}.weight": Pair((f"{value}.weight", *bias), (f"{out}.weight",)),
            gate: Pair((f"{h}.post_attention_layernorm.weight",), (gate, up)),
            down: Pair((up,), (down,)),
        }
    return found


class Smoothed(Mapping[str, "NDArray[Any]"]):
    """The tensors of a model, by their bare names, with their rows smoothed.

    Each is computed only when it is looked up.
    """

    def __init__(self, tensors: Mapping[str, NDArray[Any]], architecture: Architecture) -> None:
        self._tensors = tensors
        self._architecture = architecture
        self._pairs = pairs(architecture, tensors)
        self._used: dict[str, NDArray[np.float32]] = {}  # factors of a matrix's inputs
        self._made: dict[str, NDArray[np.float32]] = {}  # and of its outputs

    @property
    def is_possible(self) -> bool:
        """Whether rows of this family can be smoothed."""
        return bool(self._pairs)

    def smooth(self, name: str, rows: NDArray[np.float32]) -> None:
        """Smooth the rows (tokens, inputs) of a matrix, or of several, of which this is the first.

        It does nothing if the rows are not made by weights only.
        """
        import numpy as np

        pair = self._pairs.get(name)
        if pair is None:
            return
        sizes = np.abs(rows).max(axis=0)
        weights = np.max([np.abs(self._of(user)).max(axis=0) for user in pair.users], axis=0)
        architecture = self._architecture
        copies = 1
        if pair.makers[0].endswith("v_proj.weight"):  # query heads share a head of values
            copies = architecture.heads // architecture.kv_heads
            sizes, weights = (self._of_value_heads(one, copies) for one in (sizes, weights))
        ratio = np.maximum(sizes, 1e-6) ** STRENGTH / np.maximum(weights, 1e-6) ** (1 - STRENGTH)
        factors = np.clip(ratio / np.exp(np.log(ratio).mean()), 1 / MOST, MOST).astype(np.float32)
        for maker in pair.makers:
            self._made[maker] = 1 / factors
        if copies > 1:
            heads = factors.reshape(-1, 1, architecture.head_size)
            factors = np.repeat(heads, copies, axis=1).ravel()
        for user in pair.users:
            self._used[user] = factors

    def _of(self, name: str) -> NDArray[np.float32]:
        """Return a matrix before its outputs are changed."""
        return as_float32(self._tensors[name])

    def _of_value_heads(self, sizes: NDArray[Any], copies: int) -> NDArray[Any]:
        """Return the largest of the sizes of query heads' dimensions that share a value head's."""
        shaped = sizes.reshape(-1, copies, self._architecture.head_size)
        found: NDArray[Any] = shaped.max(axis=1).ravel()
        return found

    def __getitem__(self, name: str) -> NDArray[Any]:
        tensor = self._tensors[name]
        if name in self._used:
            tensor = as_float32(tensor) * self._used[name]
        if name in self._made:
            made = self._made[name]
            tensor = as_float32(tensor) * (made if tensor.ndim == 1 else made[:, None])
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __contains__(self, name: object) -> bool:
        return name in self._tensors
