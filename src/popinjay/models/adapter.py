"""Low-rank adapters in the format of the peft library, and weights with an adapter added to them.

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

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
PREFIX = "base_model.model."  # before the name of a layer in peft's files
A, B = ".lora_A.weight", ".lora_B.weight"


class Adapter:
    """An adapter's matrices by layer. Raises BaseModelError for files that can't be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tensors = Weights(folder, WEIGHTS)
        try:
            config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            self._scale = float(config["lora_alpha"]) / int(config["r"])
            self._is_transposed = bool(
                config["fan_in_fan_out"]
            )  # GPT-2's weights: (inputs, outputs)
        except (OSError, ValueError, KeyError, TypeError, ArithmeticError, RecursionError) as error:
            raise BaseModelError(
                f"The {CONFIG} in {folder} can't be read: {error}", "Make the persona again."
            ) from error
        names = (name.removeprefix(PREFIX) for name in self._tensors)
        self.layers = [name.removesuffix(A) for name in names if name.endswith(A)]

    def change(self, layer: str) -> NDArray[np.float32]:
        """Compute what is added to the weights of a layer, in their shape."""
        import numpy as np

        first = as_float32(self._tensors[f"{PREFIX}{layer}{A}"])
        second = as_float32(self._tensors[f"{PREFIX}{layer}{B}"])
        product = (second @ first) * np.float32(self._scale)
        return product.T if self._is_transposed else product

    def fingerprint(self) -> str:
        """Return what tells this adapter from any other."""
        return content_hash(self.folder / WEIGHTS) + content_hash(self.folder / CONFIG)


class AdaptedWeights(Mapping[str, "NDArray[Any]"]):
    """The tensors of a base model with an adapter added: each is computed when it is asked for.

    Adapted ones are float32, all others as the base's file has them. Raises BaseModelError if the
    adapter does not fit the base.
    """

    def __init__(self, base: Weights, adapter: Adapter) -> None:
        self._base, self._adapter = base, adapter
        found = {_inner(name): name for name in base}
        try:
            self._layers = {found[_inner(f"{layer}.weight")]: layer for layer in adapter.layers}
        except KeyError as error:
            raise does_not_fit(adapter) from error

    def __getitem__(self, name: str) -> NDArray[Any]:
        tensor = self._base[name]
        if name not in self._layers:
            return tensor
        change = self._adapter.change(self._layers[name])
        if change.shape != tensor.shape:
            raise does_not_fit(self._adapter)
        total: NDArray[Any] = as_float32(tensor) + change
        return total

    def __iter__(self) -> Iterator[str]:
        return iter(self._base)

    def __len__(self) -> int:
        return len(self._base)

    def shapes(self) -> dict[str, NDArray[Any]]:
        """Return stand-ins for the tensors, which have their shapes and take no memory."""
        return self._base.shapes()

    def release(self) -> None:
        """Give back the memory of what was read of the base so far."""
        self._base.release()

    def fingerprint(self) -> str:
        """Return what tells these weights from any others, without reading all of the base's."""
        both = self._base.fingerprint() + self._adapter.fingerprint()
        return hashlib.sha256(both.encode()).hexdigest()


def merge_into(model: Any, adapter: Adapter) -> None:
    """Add an adapter to the weights of a transformers model. Raises BaseModelError if it does not fit."""
    import torch

    for layer in adapter.layers:
        try:
            weight = model.get_submodule(layer).weight
        except AttributeError as error:
            raise does_not_fit(adapter) from error
        change = torch.from_numpy(adapter.change(layer))
        if change.shape != weight.shape:
            raise does_not_fit(adapter)
        weight.data = weight.data + change.to(weight.dtype)


def does_not_fit(adapter: Adapter) -> BaseModelError:
    """Return the error for an adapter of another model."""
    return BaseModelError(
        f"The adapter in {adapter.folder} does not fit its base model.", "Make the persona again."
    )


def _inner(name: str) -> str:
    """Return a tensor's name inside the model; some files of the hub have no other."""
    return name.removeprefix("transformer.").removeprefix("model.")
