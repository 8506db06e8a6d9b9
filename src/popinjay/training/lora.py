"""Low-rank adaptation (LoRA): two low-rank matrices are trained beside each frozen linear layer.

Hu et al., arXiv 2106.09685. A frozen weight needs no gradient and no optimizer state, and is
converted to the precision of the matrix products once instead of in every step: that is most of
what makes LoRA cheaper than full fine-tuning. The adapter is saved in the format of the peft
library, which can load it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from popinjay.models.adapter import CONFIG, PREFIX, WEIGHTS, A, B


class LowRankLinear(torch.nn.Module):
    """A frozen linear layer plus `scale * B @ A`, computed in the dtype of `weight`.

    The layer's own weights are released: if `weight` is a copy of lower precision, the file that
    they were mapped from need not stay in memory.

    `lora_A` (rank, inputs) starts at random and `lora_B` (outputs, rank) at zero, so that training
    starts from the base model. Both are float32. Inputs of another dtype are converted, and outputs
    are converted back to it.
    """

    def __init__(
        self,
        linear: torch.nn.Module,
        rank: int,
        alpha: float,
        dtype: torch.dtype,
        generator: torch.Generator,
    ) -> None:
        """Wrap a linear layer.

        Args:
            linear: A `torch.nn.Linear`, or transformers' `Conv1D`.
            rank: The rank of the adapter.
            alpha: The adapter's product is scaled by `alpha / rank`.
            dtype: The dtype of the frozen weights and of the matrix products.
            generator: For the initial values of A.
        """
        super().__init__()
        original: Any = linear.weight
        self.transposed = type(linear).__name__ == "Conv1D"  # GPT-2's weights: (inputs, outputs)
        frozen = original.data.t() if self.transposed else original.data
        outputs, inputs = frozen.shape
        self.scale = alpha / rank
        self.weight = frozen.to(dtype)  # (outputs, inputs); not a buffer: it is never saved
        bias: Any = getattr(linear, "bias", None)
        self.bias = None if bias is None else bias.data.to(dtype)
        bound = 1 / math.sqrt(inputs)  # as in peft: Kaiming uniform with a = sqrt(5)
        start = torch.rand((rank, inputs), generator=generator) * 2 * bound - bound
        self.lora_A = torch.nn.Parameter(start.to(original.device))
        self.lora_B = torch.nn.Parameter(torch.zeros((outputs, rank), device=original.device))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Map hidden states (..., inputs) to (..., outputs)."""
        result: torch.Tensor = _LowRankProduct.apply(  # type: ignore[no-untyped-call]
            hidden, self.weight, self.bias, self.lora_A, self.lora_B, self.scale
        )
        return result


class _LowRankProduct(torch.autograd.Function):
    """`hidden @ W.T + bias + scale * (hidden @ A.T) @ B.T`, without a gradient of W."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,  # (..., inputs)
        weight: torch.Tensor,  # (outputs, inputs)
        bias: torch.Tensor | None,  # (outputs,)
        a: torch.Tensor,  # (rank, inputs)
        b: torch.Tensor,  # (outputs, rank)
        scale: float,
    ) -> torch.Tensor:
        rows = hidden.reshape(-1, hidden.shape[-1]).to(weight.dtype)
        narrow_a = a.to(weight.dtype)
        narrow_b = (b * scale).to(weight.dtype)
        reduced = rows @ narrow_a.t()  # (tokens, rank)
        out = torch.nn.functional.linear(rows, weight, bias)
        out.addmm_(reduced, narrow_b.t())
        ctx.save_for_backward(rows, reduced, weight, narrow_a, narrow_b)
        ctx.scale = scale
        ctx.shape = hidden.shape
        ctx.dtype = hidden.dtype
        return out.view(*hidden.shape[:-1], -1).to(hidden.dtype)

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows, reduced, weight, narrow_a, narrow_b = ctx.saved_tensors
        gradient = upstream[0].reshape(-1, weight.shape[0]).to(weight.dtype)
        reduced_grad = gradient @ narrow_b  # (tokens, rank)
        a_grad = (reduced_grad.t() @ rows).float()
        b_grad = (gradient.t() @ reduced).float().mul_(ctx.scale)
        hidden_grad = None
        if ctx.needs_input_grad[0]:
            hidden_grad = (gradient @ weight).addmm_(reduced_grad, narrow_a)
            hidden_grad = hidden_grad.view(ctx.shape).to(ctx.dtype)
        return hidden_grad, None, None, a_grad, b_grad, None


def attach(model: Any, rank: int, alpha: float, dtype: torch.dtype, seed: int) -> None:
    """Freeze a transformers model, and add an adapter to every linear layer but its head."""
    model.requires_grad_(False)
    head = model.get_output_embeddings()
    generator = torch.Generator().manual_seed(seed)
    names = [
        name for name, module in model.named_modules() if _is_linear(module) and module is not head
    ]
    for name in names:
        wrapped = LowRankLinear(model.get_submodule(name), rank, alpha, dtype, generator)
        model.set_submodule(name, wrapped)


def adapters(model: Any) -> Iterator[tuple[str, LowRankLinear]]:
    """Yield the name and module of each adapted layer of a model."""
    for name, module in model.named_modules():
        if isinstance(module, LowRankLinear):
            yield name, module


def save_adapter(
    model: Any, base: str, rank: int, alpha: float, folder: Path, dtype: torch.dtype = torch.float32
) -> None:
    """Save a model's adapters in peft's format.

    Args:
        model: The transformers model that they are attached to.
        base: The base model's name in the adapter's config.
        rank: The rank of its matrices.
        alpha: Its product is scaled by `alpha / rank`.
        folder: Where to save it.
        dtype: That of the saved matrices.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    targets = set()
    transposed = False
    for name, layer in adapters(model):
        targets.add(name.rsplit(".", 1)[-1])
        transposed = transposed or layer.transposed
        for suffix, matrix in ((A, layer.lora_A), (B, layer.lora_B)):
            tensors[f"{PREFIX}{name}{suffix}"] = matrix.detach().to("cpu", dtype).contiguous()
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    config = {
        "base_model_name_or_path": base,
        "bias": "none",
        "fan_in_fan_out": transposed,
        "inference_mode": True,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": rank,
        "target_modules": sorted(targets),
        "task_type": "CAUSAL_LM",
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")


def _is_linear(module: torch.nn.Module) -> bool:
    return isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D"
