"""A Llama layer with LoRA adapters as two autograd functions: attention and MLP.

Queries, keys and values come from one matrix product, and so do gate and up projections; rotation,
norms and residual sums make as few passes over memory as they can. A training step of SmolLM2 in
bf16 takes 85% of the time that it takes with the layers of `fused_layers.py` (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch

from popinjay.training.fused_layers import SILU, rms_norm, rms_norm_backward
from popinjay.training.lora import LowRankLinear

Tensor = torch.Tensor


class AttentionShape(NamedTuple):
    """The sizes of a layer's attention."""

    heads: int
    key_heads: int  # each shared by heads / key_heads query heads
    head_size: int
    scaling: float
    epsilon: float  # of the norms


class Joined:
    """Adapted linear layers of the same input, computed as one with concatenated weights."""

    def __init__(self, layers: Sequence[LowRankLinear]) -> None:
        """Join the layers, whose weights become views of the joined ones."""
        self.layers = tuple(layers)
        self.scale = layers[0].scale
        self.sizes = [len(layer.weight) for layer in layers]  # outputs of each
        if len(layers) == 1:
            self.weight = layers[0].weight
            return
        self.weight = torch.cat([layer.weight for layer in layers])  # (outputs, inputs)
        for layer, part in zip(layers, torch.split(self.weight, self.sizes), strict=True):
            layer.weight = part

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """Matrix A of each layer, then B of each."""
        return [layer.lora_A for layer in self.layers] + [layer.lora_B for layer in self.layers]


def _joined_adapters(joined: Joined, parameters: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return A (ranks, inputs) and scaled B (outputs, ranks) in the dtype of the products.

    B is block-diagonal, so that one product serves all layers.
    """
    count = len(joined.layers)
    dtype = joined.weight.dtype
    a = torch.cat(list(parameters[:count])).to(dtype)
    b = torch.block_diag(*parameters[count:])  # type: ignore[no-untyped-call]
    return a, (b * joined.scale).to(dtype)


def _product(joined: Joined, rows: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Apply joined layers to rows (tokens, inputs).

    Returns the outputs (tokens, outputs), and what A passes on to B (tokens, ranks).
    """
    reduced = rows @ a.t()
    return (rows @ joined.weight.t()).addmm_(reduced, b.t()), reduced


def _product_backward(
    joined: Joined, gradient: Tensor, rows: Tensor, reduced: Tensor, a: Tensor, b: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """Return the gradients of the rows and of the parameters, given that of the outputs.

    Args:
        joined: The layers.
        gradient: Of the outputs (tokens, outputs).
        rows: The inputs (tokens, inputs).
        reduced: What A passed on to B (tokens, ranks).
        a: The joined A (ranks, inputs).
        b: The joined and scaled B (outputs, ranks).
    """
    reduced_grad = gradient @ b
    a_grad = (reduced_grad.t() @ rows).float()
    b_grad = (gradient.t() @ reduced).float().mul_(joined.scale)
    rank = len(a) // len(joined.layers)
    blocks = []
    start = 0
    for index, size in enumerate(joined.sizes):
        blocks.append(b_grad[start : start + size, index * rank : (index + 1) * rank])
        start += size
    rows_grad = (gradient @ joined.weight).addmm_(reduced_grad, a)
    return rows_grad, [*torch.split(a_grad, rank), *blocks]


def _rotate(source: Tensor, target: Tensor, cos: Tensor, sin: Tensor) -> None:
    """Write the rotary embedding (Su et al., arXiv 2104.09864) of `source` to `target`.

    Both are (..., length, head_size); `cos` and `sin` are (length, head_size / 2).
    """
    half = source.shape[-1] // 2
    first = source[..., :half]
    second = source[..., half:]
    torch.mul(first, cos, out=target[..., :half]).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=target[..., half:]).addcmul_(first, sin)


class _Attention(torch.autograd.Function):
    """`hidden + attention(norm(hidden))`, causal."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,  # (batch, length, width), float32
        norm: Tensor,  # (width,)
        cos: Tensor,  # (length, head_size / 2)
        sin: Tensor,  # (length, head_size / 2)
        qkv: Joined,
        out: Joined,
        shape: AttentionShape,
        *parameters: Tensor,  # of qkv, then of out
    ) -> Tensor:
        batch, length, width = hidden.shape
        flat = hidden.reshape(-1, width)
        dtype = qkv.weight.dtype
        normed, scale = rms_norm(flat, norm, shape.epsilon, dtype)
        adapters = _joined_adapters(qkv, parameters[:6])
        projected, reduced = _product(qkv, normed, *adapters)
        query, key, value = _rotated_heads(projected, batch, length, cos, sin, shape)
        causal = torch.full((length, length), -torch.inf, dtype=dtype, device=hidden.device).triu_(
            1
        )
        shared = shape.heads // shape.key_heads
        causal = causal.repeat(shared, 1)[None]
        scores = torch.baddbmm(causal, query, key.transpose(1, 2), alpha=shape.scaling)
        weights = scores.softmax(-1)  # (batch * key_heads, shared * length, length)
        mixed = torch.bmm(weights, value).view(batch, shape.heads, length, shape.head_size)
        mixed = mixed.transpose(1, 2).reshape(batch * length, -1)
        adapters_out = _joined_adapters(out, parameters[6:])
        update, reduced_out = _product(out, mixed, *adapters_out)
        ctx.save_for_backward(
            flat, norm, scale, normed, reduced, *adapters, query, key, value, weights, mixed,
            reduced_out, *adapters_out, cos, sin,
        )  # fmt: skip
        ctx.joined = (qkv, out)
        ctx.attention = shape
        return hidden + update.view(hidden.shape)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Any, ...]:
        (
            flat, norm, scale, normed, reduced, a, b, query, key, value, weights, mixed,
            reduced_out, a_out, b_out, cos, sin,
        ) = ctx.saved_tensors  # fmt: skip
        qkv, out = ctx.joined
        shape = ctx.attention
        batch, length, _ = upstream[0].shape
        gradient = upstream[0].reshape(flat.shape)
        mixed_grad, out_grad = _product_backward(
            out, gradient.to(mixed.dtype), mixed, reduced_out, a_out, b_out
        )
        mixed_grad = mixed_grad.view(batch, length, shape.heads, shape.head_size).transpose(1, 2)
        mixed_grad = mixed_grad.reshape(query.shape)
        value_grad = torch.bmm(weights.transpose(1, 2), mixed_grad)
        weights_grad = torch.bmm(mixed_grad, value.transpose(1, 2))
        scores_grad = torch._softmax_backward_data(weights_grad, weights, -1, weights.dtype)
        scores_grad.mul_(shape.scaling)
        query_grad = torch.bmm(scores_grad, key)
        key_grad = torch.bmm(scores_grad.transpose(1, 2), query)
        projected_grad = torch.empty(
            (len(flat), len(qkv.weight)), dtype=query.dtype, device=flat.device
        )
        query_view, key_view, value_view = _heads(projected_grad, batch, length, shape)
        per_head = (batch, -1, length, shape.head_size)
        _rotate(query_grad.view(per_head), query_view, cos, -sin)
        _rotate(key_grad.view(per_head), key_view, cos, -sin)
        value_view.copy_(value_grad.view(per_head))
        normed_grad, qkv_grad = _product_backward(qkv, projected_grad, normed, reduced, a, b)
        hidden_grad = rms_norm_backward(normed_grad, flat, norm, scale).add_(gradient)
        return hidden_grad.view(upstream[0].shape), *[None] * 6, *qkv_grad, *out_grad


def _heads(
    projected: Tensor, batch: int, length: int, shape: AttentionShape
) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries, keys and values of a joined product (tokens, outputs).

    They are views (batch, heads, length, head_size).
    """
    heads = projected.view(batch, length, -1, shape.head_size).transpose(1, 2)
    query, key, value = torch.split(heads, [shape.heads, shape.key_heads, shape.key_heads], dim=1)
    return query, key, value


def _rotated_heads(
    projected: Tensor, batch: int, length: int, cos: Tensor, sin: Tensor, shape: AttentionShape
) -> tuple[Tensor, Tensor, Tensor]:
    """Return rotated queries, rotated keys, and values of a joined product (tokens, outputs).

    Queries are (batch * key_heads, shared * length, head_size), where `shared` is the number of
    queries per key; keys and values are (batch * key_heads, length, head_size).
    """
    query, key, value = _heads(projected, batch, length, shape)
    rotated = [
        torch.empty(part.shape, dtype=part.dtype, device=part.device) for part in (query, key)
    ]
    for source, target in zip((query, key), rotated, strict=True):
        _rotate(source, target, cos, sin)
    groups = batch * shape.key_heads
    return (
        rotated[0].view(groups, -1, shape.head_size),
        rotated[1].view(groups, length, shape.head_size),
        value.reshape(groups, length, shape.head_size),
    )


class _Mlp(torch.autograd.Function):
    """`hidden + down(silu(gate) * up)` of the norm of `hidden`."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,  # (batch, length, width), float32
        norm: Tensor,  # (width,)
        gate_up: Joined,
        down: Joined,
        epsilon: float,
        *parameters: Tensor,  # of gate_up, then of down
    ) -> Tensor:
        flat = hidden.reshape(-1, hidden.shape[-1])
        normed, scale = rms_norm(flat, norm, epsilon, gate_up.weight.dtype)
        adapters = _joined_adapters(gate_up, parameters[:4])
        both, reduced = _product(gate_up, normed, *adapters)  # (tokens, 2 * intermediate)
        gate, up = both.chunk(2, dim=1)
        activated = torch.nn.functional.silu(gate).mul_(up)
        adapters_down = _joined_adapters(down, parameters[4:])
        update, reduced_down = _product(down, activated, *adapters_down)
        ctx.save_for_backward(
            flat, norm, scale, normed, reduced, *adapters, both, activated, reduced_down,
            *adapters_down,
        )  # fmt: skip
        ctx.joined = (gate_up, down)
        return hidden + update.view(hidden.shape)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Any, ...]:
        (
            flat, norm, scale, normed, reduced, a, b, both, activated, reduced_down, a_down, b_down,
        ) = ctx.saved_tensors  # fmt: skip
        gate_up, down = ctx.joined
        gradient = upstream[0].reshape(flat.shape)
        activated_grad, down_grad = _product_backward(
            down, gradient.to(both.dtype), activated, reduced_down, a_down, b_down
        )
        gate, up = both.chunk(2, dim=1)
        both_grad = torch.empty_like(both)
        gate_grad, up_grad = both_grad.chunk(2, dim=1)
        torch.mul(torch.nn.functional.silu(gate), activated_grad, out=up_grad)
        gate_grad.copy_(torch.ops.aten.silu_backward(activated_grad.mul_(up), gate))
        normed_grad, gate_up_grad = _product_backward(gate_up, both_grad, normed, reduced, a, b)
        hidden_grad = rms_norm_backward(normed_grad, flat, norm, scale).add_(gradient)
        return hidden_grad.view(upstream[0].shape), *[None] * 4, *gate_up_grad, *down_grad


class FusedLayer:
    """The two functions with the weights of one transformers Llama layer."""

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
        self.shape = AttentionShape(heads, key_heads, size, float(attention.scaling), epsilon)

    def __call__(self, hidden_states: Tensor, *_: Any, **kwargs: Any) -> Tensor:
        """Run the layer's forward pass as transformers calls it: causal, without a mask.

        Hidden states are (batch, length, width), float32.
        """
        cos, sin = kwargs["position_embeddings"]
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
    """The fused layers of a model whose linear layers all have adapters."""

    def __init__(self, layers: Sequence[Any]) -> None:
        self.layers = [FusedLayer(layer) for layer in layers]

    @contextmanager
    def active(self) -> Iterator[None]:
        """Have the model compute with the fused layers inside the context."""
        for fused in self.layers:
            fused.layer.forward = fused
        try:
            yield
        finally:
            for fused in self.layers:
                del fused.layer.forward


def fits(layer: Any) -> bool:
    """Return whether this is a Llama layer without biases, with all its linear layers adapted."""
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
