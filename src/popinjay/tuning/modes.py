"""Which weights learn: all of them, the top of the model, or small matrices beside it (LoRA)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popinjay.errors import TrainingError
from popinjay.language_model import LanguageModel

if TYPE_CHECKING:
    import torch

FULL, TOP, LORA = "full", "top", "lora"
RANK = 8  # of LoRA's matrices
SCALE = 16  # LoRA's alpha: what it adds counts SCALE / RANK times


class Full:
    """Every weight learns."""

    def __init__(self, model: LanguageModel) -> None:
        self.model = model

    def trainable(self) -> dict[str, torch.nn.Parameter]:
        """The weights that learn, by name."""
        return {name: parameter for name, parameter in self.model.model.named_parameters() if parameter.requires_grad}

    def finish(self, folder: Path) -> None:
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
            raise TrainingError("This model's layers can't be told apart.", "Take --tune full or --tune lora.")
        model.model.requires_grad_(False)
        place = next(place for place, child in enumerate(children) if layers[0] in list(child.children()))
        learning = [*layers[len(layers) // 2 :], *children[place + 1 :]]
        for module in learning:
            module.requires_grad_(True)


class Lora(Full):
    """Two thin matrices beside each linear layer learn (Hu et al., arXiv 2106.09685), by peft; in the end they are added to it."""

    def __init__(self, model: LanguageModel, base: str, seed: int) -> None:
        try:
            from peft import LoraConfig, get_peft_model
        except ImportError as error:
            raise TrainingError("LoRA needs the package peft, which is not installed.", "Install it with: pip install 'popinjay[lora]'") from error
        import torch

        super().__init__(model)
        transposed = any(type(module).__name__ == "Conv1D" for module in model.model.modules())  # GPT-2's kind of linear layer
        config = LoraConfig(r=RANK, lora_alpha=SCALE, lora_dropout=0.0, target_modules="all-linear", fan_in_fan_out=transposed, task_type="CAUSAL_LM")
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of peft's own way with transformers
            torch.manual_seed(seed)
            self.peft: Any = get_peft_model(model.model, config)
        record: Any = self.peft.peft_config["default"]
        record.base_model_name_or_path = base  # where it was loaded from is nothing about it
        record.target_modules = sorted(record.target_modules)  # a set: written in another order each time
        self.peft.eval()

    def finish(self, folder: Path) -> None:
        """Keep the adapter in peft's form, and add it to the weights."""
        self.peft.save_pretrained(folder / "adapter", save_embedding_layers=False)
        (folder / "adapter" / "README.md").unlink(missing_ok=True)  # peft's empty form of a card
        self.model.model = self.peft.merge_and_unload()
        super().finish(folder)


def mode(name: str, model: LanguageModel, base: str, seed: int) -> Full:
    """The mode of this name, at work on the model; `base` is what an adapter says it belongs to."""
    if name == LORA:
        return Lora(model, base, seed)
    return Top(model) if name == TOP else Full(model)


def layers_of(model: LanguageModel) -> list[Any]:
    """The layers of the model from first to last; empty where they can't be told."""
    import torch

    lists = [module for module in model.model.base_model.children() if isinstance(module, torch.nn.ModuleList)]
    return list(lists[0]) if lists else []
