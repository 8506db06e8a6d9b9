"""A Llama layer with LoRA adapters as two functions with gradients of their own.

Queries, keys and values come from one matrix product, and so do gate and up projection; rotation,
norms and residual sums make as few passes over memory as they can. A training step of SmolLM2 in
bf16 takes 85% of the time that it takes with the layers of `tuning/fused.py` (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch

from popinjay.training.fused_layers import SILU, rms_norm, rms_norm_backward
from popinjay.training.lora import LowRankLinear

Tensor = torch.Tensor


class Shape(NamedTuple):
    """The sizes of a layer's attention."""

    heads: int
    key_heads: int  # each shared by heads / key_heads queries
    head_size: int
    scaling: float
    epsilon: float  # of the norms


class Joined:
    """Adapted layers with one input, computed as one: their weights lie below one another."""

    def __init__(self, layers: Sequence[LowRankLinear]) -> None:
        """Join the layers, whose weights become views of the joined one."""
        self.layers = tuple(layers)
        self.scale = layers[0].scale
        self.sizes = [len(layer.weight) for layer in layers]
        if len(layers) == 1:
            self.weight = layers[0].weight
            return
        self.weight = torch.cat([layer.weight for layer in layers])  # (outputs, inputs)
        for layer, part in zip(layers, torch.split(self.weight, self.sizes), strict=True):
            layer.weight = part

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """A of each layer, then B of each."""
        return [layer.lora_A for layer in self.layers] + [layer.lora_B for layer in self.layers]


def _narrow(joined: Joined, parameters: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """A (ranks, inputs) and scaled B (outputs, ranks) of joined layers in the products' data type.

    B is block-diagonal, so that one product serves all layers.
    """
    count, dtype = len(joined.layers), joined.weight.dtype
    a = torch.cat(list(parameters[:count])).to(dtype)
    b = torch.block_diag(*parameters[count:])  # type: ignore[no-untyped-call]
    return a, (b * joined.scale).to(dtype)


def _product(joined: Joined, rows: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (tokens, inputs) through joined layers: outputs, and what passes between A and B."""
    thin = rows @ a.t()
    return (rows @ joined.weight.t()).addmm_(thin, b.t()), thin


def _product_backward(
    joined: Joined, gradient: Tensor, rows: Tensor, thin: Tensor, a: Tensor, b: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """The gradients of the rows and of the parameters."""
    of_thin = gradient @ b
    of_a = (of_thin.t() @ rows).float()
    of_b = (gradient.t() @ thin).float().mul_(joined.scale)
    rank = len(a) // len(joined.layers)
    blocks, start = [], 0
    for place, size in enumerate(joined.sizes):
        blocks.append(of_b[start : start + size, place * rank : (place + 1) * rank])
        start += size
    of_rows = (gradient @ joined.weight).addmm_(of_thin, a)
    return of_rows, [*torch.split(of_a, rank), *blocks]


def _rotate(source: Tensor, target: Tensor, cos: Tensor, sin: Tensor) -> None:
    """Write a rotation (Su et al., arXiv 2104.09864) of `source` (..., head size) to `target`."""
    half = source.shape[-1] // 2
    first, second = source[..., :half], source[..., half:]
    torch.mul(first, cos, out=target[..., :half]).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=target[..., half:]).addcmul_(first, sin)


class _Attention(torch.autograd.Function):
    """`hidden + attention(norm(hidden))`, causal."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,  # (rows, length, width)
        norm: Tensor,
        cos: Tensor,  # (length, head size / 2)
        sin: Tensor,
        qkv: Joined,
        out: Joined,
        shape: Shape,
        *parameters: Tensor,  # of qkv, then of out
    ) -> Tensor:
        rows, length, width = hidden.shape
        flat, dtype = hidden.reshape(-1, width), qkv.weight.dtype
        normed, scale = rms_norm(flat, norm, shape.epsilon, dtype)
        narrow = _narrow(qkv, parameters[:6])
        mixed, thin = _product(qkv, normed, *narrow)
        query, key, value = _heads(mixed, rows, length, cos, sin, shape)
        causal = torch.full((length, length), -torch.inf, dtype=dtype, device=hidden.device).triu_(
            1
        )
        shared = shape.heads // shape.key_heads
        causal = causal.repeat(shared, 1)[None]
        scores = torch.baddbmm(causal, query, key.transpose(1, 2), alpha=shape.scaling)
        chances = scores.softmax(-1)
        seen = torch.bmm(chances, value).view(rows, shape.heads, length, shape.head_size)
        seen = seen.transpose(1, 2).reshape(rows * length, -1)
        narrow_out = _narrow(out, parameters[6:])
        change, thin_out = _product(out, seen, *narrow_out)
        ctx.save_for_backward(
            flat, norm, scale, normed, thin, *narrow, query, key, value, chances, seen, thin_out,
            *narrow_out, cos, sin,
        )  # fmt: skip
        ctx.joined, ctx.attention = (qkv, out), shape
        return hidden + change.view(hidden.shape)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Any, ...]:
        (
            flat, norm, scale, normed, thin, a, b, query, key, value, chances, seen, thin_out,
            a_out, b_out, cos, sin,
        ) = ctx.saved_tensors  # fmt: skip
        (qkv, out), shape = ctx.joined, ctx.attention
        rows, length, _ = upstream[0].shape
        gradient = upstream[0].reshape(flat.shape)
        of_seen, of_out = _product_backward(
            out, gradient.to(seen.dtype), seen, thin_out, a_out, b_out
        )
        of_seen = of_seen.view(rows, length, shape.heads, shape.head_size).transpose(1, 2)
        of_seen = of_seen.reshape(query.shape)
        of_value = torch.bmm(chances.transpose(1, 2), of_seen)
        of_chances = torch.bmm(of_seen, value.transpose(1, 2))
        of_scores = torch._softmax_backward_data(of_chances, chances, -1, chances.dtype)
        of_scores.mul_(shape.scaling)
        of_query = torch.bmm(of_scores, key)
        of_key = torch.bmm(of_scores.transpose(1, 2), query)
        of_mixed = torch.empty((len(flat), len(qkv.weight)), dtype=query.dtype, device=flat.device)
        views = _parts(of_mixed, rows, length, shape)
        per_head = (rows, -1, length, shape.head_size)
        _rotate(of_query.view(per_head), views[0], cos, -sin)
        _rotate(of_key.view(per_head), views[1], cos, -sin)
        views[2].copy_(of_value.view(per_head))
        of_normed, of_qkv = _product_backward(qkv, of_mixed, normed, thin, a, b)
        of_hidden = rms_norm_backward(of_normed, flat, norm, scale).add_(gradient)
        return of_hidden.view(upstream[0].shape), *[None] * 6, *of_qkv, *of_out


def _parts(mixed: Tensor, rows: int, length: int, shape: Shape) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of a joined product as views (rows, heads, length, head size)."""
    heads = mixed.view(rows, length, -1, shape.head_size).transpose(1, 2)
    query, key, value = torch.split(heads, [shape.heads, shape.key_heads, shape.key_heads], dim=1)
    return query, key, value


def _heads(
    mixed: Tensor, rows: int, length: int, cos: Tensor, sin: Tensor, shape: Shape
) -> tuple[Tensor, Tensor, Tensor]:
    """Rotated queries (rows * key heads, shared * length, head size), rotated keys, and values."""
    query, key, value = _parts(mixed, rows, length, shape)
    turned = [
        torch.empty(part.shape, dtype=part.dtype, device=part.device) for part in (query, key)
    ]
    for source, target in zip((query, key), turned, strict=True):
        _rotate(source, target, cos, sin)
    groups = rows * shape.key_heads
    return (
        turned[0].view(groups, -1, shape.head_size),
        turned[1].view(groups, length, shape.head_size),
        value.reshape(groups, length, shape.head_size),
    )


class _Mlp(torch.autograd.Function):
    """`hidden + down(silu(gate) * up)` of the norm of `hidden`."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,  # (rows, length, width)
        norm: Tensor,
        gate_up: Joined,
        down: Joined,
        epsilon: float,
        *parameters: Tensor,  # of gate_up, then of down
    ) -> Tensor:
        flat = hidden.reshape(-1, hidden.shape[-1])
        normed, scale = rms_norm(flat, norm, epsilon, gate_up.weight.dtype)
        narrow = _narrow(gate_up, parameters[:4])
        both, thin = _product(gate_up, normed, *narrow)
        gate, up = both.chunk(2, dim=1)
        activated = torch.nn.functional.silu(gate).mul_(up)
        narrow_down = _narrow(down, parameters[4:])
        change, thin_down = _product(down, activated, *narrow_down)
        ctx.save_for_backward(
            flat, norm, scale, normed, thin, *narrow, both, activated, thin_down, *narrow_down
        )
        ctx.joined = (gate_up, down)
        return hidden + change.view(hidden.shape)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Any, ...]:
        (
            flat, norm, scale, normed, thin, a, b, both, activated, thin_down, a_down, b_down,
        ) = ctx.saved_tensors  # fmt: skip
        gate_up, down = ctx.joined
        gradient = upstream[0].reshape(flat.shape)
        of_activated, of_down = _product_backward(
            down, gradient.to(both.dtype), activated, thin_down, a_down, b_down
        )
        gate, up = both.chunk(2, dim=1)
        of_both = torch.empty_like(both)
        of_gate, of_up = of_both.chunk(2, dim=1)
        torch.mul(torch.nn.functional.silu(gate), of_activated, out=of_up)
        of_gate.copy_(torch.ops.aten.silu_backward(of_activated.mul_(up), gate))
        of_normed, of_gate_up = _product_backward(gate_up, of_both, normed, thin, a, b)
        of_hidden = rms_norm_backward(of_normed, flat, norm, scale).add_(gradient)
        return of_hidden.view(upstream[0].shape), *[None] * 4, *of_gate_up, *of_down


class FusedLayer:
    """The two functions with the weights of one layer of a transformers Llama."""

    def __init__(self, layer: Any) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.layer = layer
        self.qkv = Joined([attention.q_proj, attention.k_proj, attention.v_proj])
        self.out = Joined([attention.o_proj])
        self.gate_up = Joined([mlp.gate_proj, mlp.up_proj])
        self.down = Joined([mlp.down_proj])
        size = attention.head_dim
        heads, key_heads = (part // size for part in self.qkv.sizes[:2])
        epsilon = float(layer.input_layernorm.variance_epsilon)
        self.shape = Shape(heads, key_heads, size, float(attention.scaling), epsilon)

    def __call__(self, hidden_states: Tensor, *_: Any, **given: Any) -> Tensor:
        """The layer's forward pass as transformers calls it, causal and without padding."""
        cos, sin = given["position_embeddings"]
        half = self.shape.head_size // 2
        dtype = self.qkv.weight.dtype
        cos, sin = (table[0, :, :half].to(dtype) for table in (cos, sin))
        hidden: Tensor = _Attention.apply(  # type: ignore[no-untyped-call]
            hidden_states, self.layer.input_layernorm.weight, cos, sin, self.qkv, self.out,
            self.shape, *self.qkv.parameters, *self.out.parameters,
        )  # fmt: skip
        result: Tensor = _Mlp.apply(  # type: ignore[no-untyped-call]
            hidden, self.layer.post_attention_layernorm.weight, self.gate_up, self.down,
            self.shape.epsilon, *self.gate_up.parameters, *self.down.parameters,
        )  # fmt: skip
        return result


class FusedLayers:
    """The layers of a model whose linear layers all have adapters."""

    def __init__(self, layers: Sequence[Any]) -> None:
        self.layers = [FusedLayer(layer) for layer in layers]

    @contextmanager
    def active(self) -> Iterator[None]:
        """Have the model compute with them."""
        for fused in self.layers:
            fused.layer.forward = fused
        try:
            yield
        finally:
            for fused in self.layers:
                del fused.layer.forward


def fits(layer: Any) -> bool:
    """Whether a layer is a Llama layer without biases, all of whose linear layers are adapted."""
    if type(layer).__name__ not in ("LlamaDecoderLayer", "MistralDecoderLayer"):
        return False
    linear = [
        *(getattr(layer.self_attn, f"{part}_proj", None) for part in "qkvo"),
        *(getattr(layer.mlp, f"{part}_proj", None) for part in ("gate", "up", "down")),
    ]
    return (
        all(isinstance(part, LowRankLinear) and part.bias is None for part in linear)
        and type(layer.mlp.act_fn).__name__ in SILU
    )
