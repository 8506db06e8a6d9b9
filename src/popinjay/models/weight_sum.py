"""Weighted sums of models with the same architecture, written tensor by tensor.

The sum of fine-tuned weights, with weights that add up to one, moves along the differences that
training made (Ilharco et al., arXiv 2212.04089; Wortsman et al., arXiv 2203.05482). Files are
mapped and read in slices, so that memory does not grow with the model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from popinjay.errors import BaseModelError
from popinjay.models.adapter import CONFIG, PREFIX, WEIGHTS, A, Adapter, B, inner_name
from popinjay.models.weights import AnyWeights, as_float32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Shape = tuple[int, ...]
Term = tuple[float, AnyWeights]  # a model's weight in the sum, and its tensors
SLICE = 1 << 22  # numbers that are added up at once: 16 MB in float32
_BYTES = {"F32": 4, "F16": 2, "BF16": 2}


def write_sum(terms: Sequence[Term], path: Path) -> None:
    """Write the weighted sum of models as a safetensors file, with the first one's tensors.

    A tensor is as precise as the most precise of the models has it. Raises BaseModelError if
    another model lacks one of them, or has it in another shape.

    Args:
        terms: Each model's weight, and its tensors. A model of weight 0 is not read.
        path: The file to write.
    """
    shapes = {name: tensor.shape for name, tensor in terms[0][1].shapes().items()}
    models = [_Named(weight, weights, shapes) for weight, weights in terms]
    kinds = {name: _kind([model.dtype_of(name) for model in models]) for name in shapes}
    used = [model for model in models if model.weight]
    with path.open("wb") as file:
        file.write(_header(shapes, kinds))
        for name in shapes:
            _write_tensor(used, name, kinds[name], file)
            for model in used:
                model.weights.release()


class _Named:
    """A term of the sum, whose tensors are found by the names of another model's.

    Files of one architecture may differ in the prefix of the names, and in tensors that follow
    from others, such as a tied head.
    """

    def __init__(self, weight: float, weights: AnyWeights, shapes: Mapping[str, Shape]) -> None:
        """Find the tensors. Raises BaseModelError if one is missing or of another shape."""
        self.weight = weight
        self.weights = weights
        own = {inner_name(name): name for name in weights.shapes()}
        found = {name: tensor.shape for name, tensor in weights.shapes().items()}
        self._names = {name: own.get(inner_name(name), "") for name in shapes}
        if any(found.get(self._names[name]) != shape for name, shape in shapes.items()):
            raise BaseModelError(
                "These models do not have the same tensors, so their weights can't be added up.",
                "Make the personas again, from the same base model.",
            )

    def dtype_of(self, name: str) -> str:
        """Return a tensor's dtype."""
        return self.weights.dtype_of(self._names[name])

    def flat(self, name: str) -> NDArray[Any]:
        """Return all numbers of a tensor in one row."""
        return self.weights[self._names[name]].reshape(-1)


def _kind(kinds: Sequence[str]) -> str:
    """Return the most precise of some dtypes: float32, if they are not all the same."""
    return kinds[0] if len(set(kinds)) == 1 else "F32"


def _header(shapes: Mapping[str, Shape], kinds: Mapping[str, str]) -> bytes:
    """Return the beginning of a safetensors file: the length of its header, and the header."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + _count(shape) * _BYTES[kinds[name]]
        entries[name] = {"dtype": kinds[name], "shape": list(shape), "data_offsets": [begin, end]}
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # tensors are aligned to 8 bytes
    return len(header).to_bytes(8, "little") + header


def _count(shape: Shape) -> int:
    count = 1
    for length in shape:
        count *= length
    return count


def _write_tensor(models: Sequence[_Named], name: str, kind: str, file: BinaryIO) -> None:
    """Append the weighted sum of one tensor to a file."""
    flat = [(model.weight, model.flat(name)) for model in models]
    for begin in range(0, len(flat[0][1]), SLICE):
        total: NDArray[np.float32] | None = None
        for weight, tensor in flat:
            part = as_float32(tensor[begin : begin + SLICE])
            part = part if weight == 1 else part * part.dtype.type(weight)
            total = part if total is None else total + part
        assert total is not None
        file.write(_packed(total, kind))


def _packed(numbers: NDArray[np.float32], kind: str) -> bytes:
    """Return numbers as the bytes of a dtype, rounded to the nearest."""
    import numpy as np

    if kind == "F32":
        return numbers.astype("<f4", copy=False).tobytes()
    if kind == "F16":
        return numbers.astype("<f2").tobytes()
    bits = np.ascontiguousarray(numbers, "<f4").view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()


def write_adapter_sum(terms: Sequence[tuple[float, Path]], folder: Path) -> None:
    """Write the weighted sum of adapters as one adapter, in the format of the peft library.

    The sum is exact: the matrices stand side by side, so that the ranks add up. The mean of the
    factors would be another matrix than the mean of the products. Raises BaseModelError.

    Args:
        terms: Each adapter's weight in the sum, and its folder.
        folder: Where to write the files.
    """
    import numpy as np
    from safetensors.numpy import save_file

    adapters = [(weight, Adapter(path)) for weight, path in terms]
    rank = sum(adapter.rank for _, adapter in adapters)
    layers = dict.fromkeys(layer for _, adapter in adapters for layer in adapter.layers)
    tensors: dict[str, NDArray[np.float32]] = {}
    for layer in layers:
        factors = [
            (weight * adapter.scale, *adapter.factors(layer))
            for weight, adapter in adapters
            if layer in adapter.layers
        ]
        a = np.concatenate([a for _, a, _ in factors], axis=0)  # (ranks, inputs)
        b = np.concatenate([np.float32(w) * b for w, _, b in factors], axis=1)  # (outputs, ranks)
        missing = rank - len(a)  # of adapters without this layer
        tensors[f"{PREFIX}{layer}{A}"] = np.pad(a, ((0, missing), (0, 0)))
        tensors[f"{PREFIX}{layer}{B}"] = np.pad(b, ((0, 0), (0, missing)))
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    config = json.loads((terms[0][1] / CONFIG).read_text(encoding="utf-8"))
    targets = {layer.rsplit(".", 1)[-1] for layer in layers}
    config |= {"r": rank, "lora_alpha": rank, "target_modules": sorted(targets)}
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")
