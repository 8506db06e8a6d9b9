"""Quicker equivalents of transformers' layers, put in place while a model trains.

A training step on a CPU spends as much time between its matrix products as in them: converting
between data types, and writing intermediate results to memory. Each function here makes fewer
passes over the hidden states than the layer it stands for, and computes the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

ATTENTION = "popinjay"  # the name under which transformers finds `attention`
SILU = ("SiLU", "SiLUActivation")  # classes of the activation
LONGEST = 128  # tokens, up to which all attention scores are held at once in float32


class RmsNorm(torch.nn.Module):
    """Root mean square norm (Zhang and Sennrich, arXiv 1910.07467) with output in `dtype`."""

    def __init__(self, norm: Any, dtype: torch.dtype) -> None:
        """Replace a transformers norm, whose weight it shares."""
        super().__init__()
        self.replaced = [norm]  # in a list, so that it is no submodule
        self.weight = norm.weight
        self.epsilon: float = _epsilon(norm)
        self.is_offset = type(norm).__name__.startswith("Gemma")  # these multiply by 1 + weight
        self.dtype = dtype

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Normalize hidden states (..., width)."""
        weight = 1 + self.weight if self.is_offset else self.weight
        result: torch.Tensor = _RmsNorm.apply(  # type: ignore[no-untyped-call]
            hidden, weight, self.epsilon, self.dtype
        )
        return result


def rms_norm(
    hidden: torch.Tensor, weight: torch.Tensor, epsilon: float, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalize float32 hidden states (..., width); also returns their scales (..., 1)."""
    squares = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True).square_()
    scale = squares.div_(hidden.shape[-1]).add_(epsilon).rsqrt_()
    return (hidden * scale).mul_(weight).to(dtype), scale


def rms_norm_backward(
    gradient: torch.Tensor, hidden: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Compute the gradient of the hidden states that were normalized."""
    of_normed = gradient.float() * weight
    projection = (of_normed * hidden).sum(-1, keepdim=True)
    projection.mul_(scale.pow(3)).div_(-hidden.shape[-1])
    return of_normed.mul_(scale).addcmul_(hidden, projection)


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, epsilon: float, dtype: torch.dtype
    ) -> torch.Tensor:
        hidden = hidden.float()
        normed, scale = rms_norm(hidden, weight, epsilon, dtype)
        ctx.save_for_backward(hidden, weight, scale)
        return normed

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        hidden, weight, scale = ctx.saved_tensors
        of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = (upstream[0].float() * hidden).mul_(scale).flatten(0, -2).sum(0)
        return rms_norm_backward(upstream[0], hidden, weight, scale), of_weight, None, None


class _GatedSilu(torch.autograd.Function):
    """`silu(gate) * up`, which keeps its two inputs and no intermediate result."""

    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(gate, up)
        return torch.nn.functional.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        gate, up = ctx.saved_tensors
        (gradient,) = upstream
        of_gate = torch.ops.aten.silu_backward(gradient * up, gate)
        return of_gate, torch.nn.functional.silu(gate).mul_(gradient)


def gated_mlp(mlp: Any, hidden: torch.Tensor) -> torch.Tensor:
    """The forward pass of a gated MLP with a SiLU (Shazeer, arXiv 2002.05202)."""
    activated = _GatedSilu.apply(  # type: ignore[no-untyped-call]
        mlp.gate_proj(hidden), mlp.up_proj(hidden)
    )
    result: torch.Tensor = mlp.down_proj(activated)
    return result


def attention(
    module: Any,
    query: torch.Tensor,  # (rows, heads, length, head size)
    key: torch.Tensor,  # (rows, key heads, length, head size)
    value: torch.Tensor,
    attention_mask: Any,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention of short rows by batched matrix products, for transformers.

    On a CPU in bf16 the backward pass of torch's fused attention takes nine times as long as this
    (18 ms against 2 ms for 10 rows of 38 tokens by 9 heads). Rows are padded on the right only, so
    no mask but the causal one is needed.
    """
    rows, heads, length, size = query.shape
    groups = key.shape[1]
    shared = heads // groups
    key, value = key.to(query.dtype), value.to(query.dtype)
    if query.dtype == torch.float32 and length > LONGEST:
        found = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, is_causal=True, scale=scaling, enable_gqa=shared > 1
        )
        return found.transpose(1, 2).contiguous(), None
    queries = query.reshape(rows * groups, shared * length, size)
    keys = key.reshape(rows * groups, length, size)
    values = value.reshape(rows * groups, length, size)
    scores = torch.baddbmm(
        _causal(length, shared, sliding_window, query),
        queries,
        keys.transpose(1, 2),
        alpha=size**-0.5 if scaling is None else scaling,
    )
    mixed = torch.bmm(scores.softmax(-1), values).view(rows, heads, length, size)
    return mixed.transpose(1, 2).contiguous(), None


def _causal(length: int, shared: int, window: int | None, like: torch.Tensor) -> torch.Tensor:
    """Minus infinity where a token may not look: (1, shared * length, length)."""
    allowed = torch.ones((length, length), dtype=torch.bool, device=like.device).tril_()
    if window is not None and window < length:
        allowed.triu_(1 - window)
    mask = torch.zeros_like(allowed, dtype=like.dtype).masked_fill_(~allowed, -torch.inf)
    return mask.repeat(shared, 1)[None]


class Fused:
    """The quicker layers of a model: `active` puts them in place for the time of a context."""

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        """Prepare them for a transformers model whose matrix products are in `dtype`."""
        from transformers import AttentionInterface
        from transformers.masking_utils import AttentionMaskInterface

        AttentionInterface.register(ATTENTION, attention)
        AttentionMaskInterface.register(ATTENTION, _no_mask)
        self.model = model
        self._norms = {
            name: RmsNorm(module, dtype)
            for name, module in model.named_modules()
            if _is_rms_norm(module) and "." in name.removeprefix("model.")  # not the last norm
        }
        self._mlps = [module for module in model.modules() if _is_gated_silu(module)]

    @contextmanager
    def active(self) -> Iterator[None]:
        """Have the model compute with the quicker layers."""
        config = self.model.config
        before = config._attn_implementation
        replaced = {name: self.model.get_submodule(name) for name in self._norms}
        for name, norm in self._norms.items():
            self.model.set_submodule(name, norm)
        for mlp in self._mlps:
            mlp.forward = gated_mlp.__get__(mlp)
        config._attn_implementation = ATTENTION
        try:
            yield
        finally:
            config._attn_implementation = before
            for mlp in self._mlps:
                del mlp.forward
            for name, norm in replaced.items():
                self.model.set_submodule(name, norm)


def _no_mask(*_: Any, **__: Any) -> None:
    """`attention` is causal by itself."""


def _is_rms_norm(module: torch.nn.Module) -> bool:
    return type(module).__name__.endswith("RMSNorm") and hasattr(module, "weight")


def _epsilon(norm: Any) -> float:
    return float(norm.variance_epsilon if hasattr(norm, "variance_epsilon") else norm.eps)


def _is_gated_silu(module: torch.nn.Module) -> bool:
    parts = ("gate_proj", "up_proj", "down_proj", "act_fn")
    return all(hasattr(module, part) for part in parts) and type(module.act_fn).__name__ in SILU
