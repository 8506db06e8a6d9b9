"""Which weights are trained: all of them, the upper layers, or low-rank adapters (LoRA)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.errors import TrainingError
from popinjay.models.adapter import Adapter, merge_into
from popinjay.models.language_model import LanguageModel

if TYPE_CHECKING:
    import torch

FULL = "full"
TOP = "top"
LORA = "lora"
RANK = 16  # of LoRA's matrices
ALPHA = 32  # an adapter's product is scaled by ALPHA / RANK


class Full:
    """Train all weights."""

    def __init__(self, model: LanguageModel) -> None:
        self.model = model

    def trainable(self) -> dict[str, torch.nn.Parameter]:
        """Return the trainable weights by name."""
        return {
            name: parameter
            for name, parameter in self.model.model.named_parameters()
            if parameter.requires_grad
        }

    def finish(self, folder: Path, *, thin: bool = False) -> None:
        """Turn the model into a plain one again.

        Other files worth keeping, such as an adapter, are written to `folder`. If `thin`, nothing
        else of the model will be kept.
        """
        self.model.model.requires_grad_(True)


class Top(Full):
    """Train the upper half of the layers and the norm after them; freeze everything else.

    That saves the backward pass through the frozen layers.
    """

    def __init__(self, model: LanguageModel) -> None:
        super().__init__(model)
        layers = layers_of(model)
        children = list(model.model.base_model.children())
        if not layers:
            raise TrainingError(
                "The layers of this model can't be found.",
                "Use --tune full or --tune lora.",
                page_hint="Choose another base model.",
            )
        model.model.requires_grad_(False)
        layer_list = next(
            index for index, child in enumerate(children) if layers[0] in list(child.children())
        )
        for module in [*layers[len(layers) // 2 :], *children[layer_list + 1 :]]:
            module.requires_grad_(True)


class Lora(Full):
    """Train two low-rank matrices beside each linear layer, which are merged into it in the end."""

    def __init__(self, model: LanguageModel, base: str, seed: int, precision: str) -> None:
        """Attach the adapters; `base` is the base model's name in the saved adapter."""
        import torch

        from popinjay.training.lora import attach

        super().__init__(model)
        self.base = base
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        attach(model.model, RANK, ALPHA, dtype, seed)

    def finish(self, folder: Path, *, thin: bool = False) -> None:
        """Save the adapter in peft's format, and merge it into the weights.

        It is saved in `folder/adapter`, beside the merged weights to come, or, if it is all that is
        kept (`thin`), in half precision in `folder` itself. The base's weights are read again,
        because training may only have held copies of lower precision.
        """
        import torch

        from popinjay.training.lora import save_adapter

        adapter_folder = folder if thin else folder / "adapter"
        dtype = torch.float16 if thin else torch.float32
        save_adapter(self.model.model, self.base, RANK, ALPHA, adapter_folder, dtype)
        self.model.reload()
        merge_into(self.model.model, Adapter(adapter_folder))


def trainable_weights(
    name: str, model: LanguageModel, base: str, seed: int, precision: str = "fp32"
) -> Full:
    """Prepare a model for training some of its weights.

    Args:
        name: FULL, TOP or LORA.
        model: The model, which is changed in place.
        base: The base model's name in a saved adapter.
        seed: Of an adapter's initial weights.
        precision: "fp32" or "bf16": that of the frozen weights beside adapters.
    """
    if name == LORA:
        return Lora(model, base, seed, precision)
    return Top(model) if name == TOP else Full(model)


def layers_of(model: LanguageModel) -> list[Any]:
    """Return the model's transformer layers, first to last; empty if they can't be found."""
    import torch

    lists = [
        module
        for module in model.model.base_model.children()
        if isinstance(module, torch.nn.ModuleList)
    ]
    return list(lists[0]) if lists else []
