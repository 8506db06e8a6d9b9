"""Low-rank adapters in the format of the peft library, and weights with an adapter merged in.

Each adapted layer has two matrices A (rank, inputs) and B (outputs, rank); `scale * B @ A` is added
to its weights (Hu et al., arXiv 2106.09685).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.errors import BaseModelError
from popinjay.models.weights import Weights, as_float32
from popinjay.store.files import content_hash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
PREFIX = "base_model.model."  # of a layer's name in peft's files
A = ".lora_A.weight"
B = ".lora_B.weight"


class Adapter:
    """An adapter's matrices, by layer."""

    def __init__(self, folder: Path) -> None:
        """Open the adapter in a folder. Raises BaseModelError if its files can't be read."""
        self.folder = folder
        self._tensors = Weights(folder, WEIGHTS)
        try:
            config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            self.rank = int(config["r"])
            self.scale = float(config["lora_alpha"]) / self.rank
            # GPT-2's weights are (inputs, outputs)
            self._is_transposed = bool(config["fan_in_fan_out"])
        except (OSError, ValueError, KeyError, TypeError, ArithmeticError, RecursionError) as error:
            raise BaseModelError(
                f"The {CONFIG} in {folder} can't be read: {error}", "Make the persona again."
            ) from error
        names = (name.removeprefix(PREFIX) for name in self._tensors)
        self.layers = [name.removesuffix(A) for name in names if name.endswith(A)]

    def factors(self, layer: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the matrices A (rank, inputs) and B (outputs, rank) of a layer, not yet scaled."""
        a = as_float32(self._tensors[f"{PREFIX}{layer}{A}"])
        b = as_float32(self._tensors[f"{PREFIX}{layer}{B}"])
        return a, b

    def delta(self, layer: str) -> NDArray[np.float32]:
        """Compute what is added to the weights of a layer, in their shape."""
        import numpy as np

        a, b = self.factors(layer)
        product = (b @ a) * np.float32(self.scale)
        return product.T if self._is_transposed else product

    def fingerprint(self) -> str:
        """Return a hash that identifies this adapter."""
        return content_hash(self.folder / WEIGHTS) + content_hash(self.folder / CONFIG)


class AdaptedWeights(Mapping[str, "NDArray[Any]"]):
    """The tensors of a base model with an adapter merged in, each computed when it is looked up.

    Adapted tensors are float32; all others have the dtype of the base's file.
    """

    def __init__(self, base: Weights, adapter: Adapter) -> None:
        """Merge an adapter. Raises BaseModelError if it does not fit the base."""
        self._base = base
        self._adapter = adapter
        found = {inner_name(name): name for name in base}
        try:
            self._layers = {found[inner_name(f"{layer}.weight")]: layer for layer in adapter.layers}
        except KeyError as error:
            raise does_not_fit(adapter) from error

    def __getitem__(self, name: str) -> NDArray[Any]:
        tensor = self._base[name]
        if name not in self._layers:
            return tensor
        delta = self._adapter.delta(self._layers[name])
        if delta.shape != tensor.shape:
            raise does_not_fit(self._adapter)
        merged: NDArray[Any] = as_float32(tensor) + delta
        return merged

    def __iter__(self) -> Iterator[str]:
        return iter(self._base)

    def __len__(self) -> int:
        return len(self._base)

    def shapes(self) -> dict[str, NDArray[Any]]:
        """Return placeholders with the tensors' shapes, which take no memory."""
        return self._base.shapes()

    def dtype_of(self, name: str) -> str:
        """Return a tensor's dtype."""
        return "F32" if name in self._layers else self._base.dtype_of(name)

    def release(self) -> None:
        """Give back the memory of what has been read from the base's file."""
        self._base.release()

    def fingerprint(self) -> str:
        """Return a hash that identifies these weights, without reading all of the base's."""
        fingerprints = self._base.fingerprint() + self._adapter.fingerprint()
        return hashlib.sha256(fingerprints.encode()).hexdigest()


def merge_into(model: Any, adapter: Adapter) -> None:
    """Merge an adapter into the weights of a transformers model.

    Raises BaseModelError if it does not fit.
    """
    import torch

    for layer in adapter.layers:
        try:
            weight = model.get_submodule(layer).weight
        except AttributeError as error:
            raise does_not_fit(adapter) from error
        delta = torch.from_numpy(adapter.delta(layer))
        if delta.shape != weight.shape:
            raise does_not_fit(adapter)
        weight.data = weight.data + delta.to(weight.dtype)


def does_not_fit(adapter: Adapter) -> BaseModelError:
    """Return the error for an adapter of another base model."""
    return BaseModelError(
        f"The adapter in {adapter.folder} does not fit its base model.", "Make the persona again."
    )


def inner_name(name: str) -> str:
    """Return a tensor's name without the model's prefix, which some files lack."""
    return name.removeprefix("transformer.").removeprefix("model.")
