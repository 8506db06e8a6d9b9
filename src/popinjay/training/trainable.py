"""Which weights learn: all of them, the top of the model, or small matrices beside it (LoRA)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.errors import TrainingError
from popinjay.models.adapter import Adapter, merge_into
from popinjay.models.language_model import LanguageModel

if TYPE_CHECKING:
    import torch

FULL, TOP, LORA = "full", "top", "lora"
RANK = 16  # of LoRA's matrices
ALPHA = 32  # an adapter's product counts ALPHA / RANK times


class Full:
    """Every weight learns."""

    def __init__(self, model: LanguageModel) -> None:
        self.model = model

    def trainable(self) -> dict[str, torch.nn.Parameter]:
        """The weights that learn, by name."""
        return {
            name: parameter
            for name, parameter in self.model.model.named_parameters()
            if parameter.requires_grad
        }

    def finish(self, folder: Path, *, thin: bool = False) -> None:
        """Leave a plain model behind; what is worth keeping besides goes into `folder`."""
        self.model.model.requires_grad_(True)


class Top(Full):
    """The upper half of the layers and the norm behind them learn; embeddings and lower layers stay as they are.

    What the frozen layers need not do is the backward pass.
    """

    def __init__(self, model: LanguageModel) -> None:
        super().__init__(model)
        layers, children = layers_of(model), list(model.model.base_model.children())
        if not layers:
            raise TrainingError(
                "This model's layers can't be told apart.", "Take --tune full or --tune lora."
            )
        model.model.requires_grad_(False)
        place = next(
            place for place, child in enumerate(children) if layers[0] in list(child.children())
        )
        learning = [*layers[len(layers) // 2 :], *children[place + 1 :]]
        for module in learning:
            module.requires_grad_(True)


class Lora(Full):
    """Two thin matrices beside each linear layer learn; in the end they are added to it."""

    def __init__(self, model: LanguageModel, base: str, seed: int, precision: str) -> None:
        """`base` is the name of the base model that the saved adapter gives."""
        import torch

        from popinjay.training.lora import attach

        super().__init__(model)
        self.base = base
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        attach(model.model, RANK, ALPHA, dtype, seed)

    def finish(self, folder: Path, *, thin: bool = False) -> None:
        """Save the adapter in peft's format, and add it to the weights.

        It goes into a folder of its own beside the weights to come, or if it is all that is kept
        (`thin`), in half precision into `folder` itself. The base's weights are read anew, for in
        training there may be nothing but copies of them in less precision.
        """
        import torch

        from popinjay.training.lora import save_adapter

        place, dtype = (folder, torch.float16) if thin else (folder / "adapter", torch.float32)
        save_adapter(self.model.model, self.base, RANK, ALPHA, place, dtype)
        self.model.reload()
        merge_into(self.model.model, Adapter(place))


def trainable_weights(
    name: str, model: LanguageModel, base: str, seed: int, precision: str = "fp32"
) -> Full:
    """The mode of this name, at work on the model; `base` is what an adapter says it belongs to."""
    if name == LORA:
        return Lora(model, base, seed, precision)
    return Top(model) if name == TOP else Full(model)


def layers_of(model: LanguageModel) -> list[Any]:
    """The layers of the model from first to last; empty where they can't be told."""
    import torch

    lists = [
        module
        for module in model.model.base_model.children()
        if isinstance(module, torch.nn.ModuleList)
    ]
    return list(lists[0]) if lists else []
