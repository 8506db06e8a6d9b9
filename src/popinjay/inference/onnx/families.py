"""The graph of each family of models, built from the builder's parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from popinjay.inference.onnx.architecture import Architecture
from popinjay.inference.onnx.graph_builder import Builder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SKIP = "SkipSimplifiedLayerNormalization"


def gpt2(builder: Builder) -> None:
    """Build GPT-2 (Radford et al. 2019): pre-norm, learned positions, GELU by tanh."""
    architecture = builder.architecture
    linear = builder.linear
    vector = builder.vector
    width = architecture.width
    skip = "SkipLayerNormalization"
    rows = builder.flat("hidden")
    normed = builder.node(
        "LayerNormalization",
        [rows, *_norm(builder, "h.0.ln_1")],
        domain="",
        epsilon=architecture.epsilon,
    )
    for layer in range(architecture.layers):
        h = f"h.{layer}"
        inner = 0
        if f"{h}.mlp.c_fc.bias" in builder.tensors:
            inner = builder.tensors[f"{h}.mlp.c_fc.bias"].size
        mixed = linear(
            normed,
            f"{h}.attn.c_attn.weight",
            width,
            3 * width,
            vector(f"{h}.attn.c_attn.bias", 3 * width),
            inputs_first=True,
        )
        mixed = builder.attention(layer, mixed)
        mixed = linear(mixed, f"{h}.attn.c_proj.weight", width, width, inputs_first=True)
        rows, normed = builder.add_and_norm(
            skip, rows, mixed, *_norm(builder, f"{h}.ln_2"), vector(f"{h}.attn.c_proj.bias", width)
        )
        wide = linear(normed, f"{h}.mlp.c_fc.weight", width, inner, inputs_first=True)
        wide = builder.node("FastGelu", [wide, vector(f"{h}.mlp.c_fc.bias", inner)])
        back = linear(wide, f"{h}.mlp.c_proj.weight", inner, width, inputs_first=True)
        following = f"h.{layer + 1}.ln_1" if layer + 1 < architecture.layers else "ln_f"
        rows, normed = builder.add_and_norm(
            skip, rows, back, *_norm(builder, following), vector(f"{h}.mlp.c_proj.bias", width)
        )
    builder.head(normed, "lm_head.weight", "wte.weight")


def _norm(builder: Builder, name: str) -> list[str]:
    """Add a layer norm's weights and biases."""
    return [
        builder.vector(f"{name}.weight", builder.architecture.width),
        builder.vector(f"{name}.bias", builder.architecture.width),
    ]


def llama(builder: Builder) -> None:
    """Build Llama (Touvron et al., arXiv 2302.13971) or the like: RMS norms, RoPE, a gated SiLU."""
    architecture = builder.architecture
    width = architecture.width
    rows = builder.flat("hidden")
    _add_rope_tables(builder)
    normed = builder.rms_norm(rows, "layers.0.input_layernorm.weight", width)
    for layer in range(architecture.layers):
        h = f"layers.{layer}"
        mixed = _attention(builder, layer, normed)
        after = builder.scales(f"{h}.post_attention_layernorm.weight", width)
        rows, normed = builder.add_and_norm(SKIP, rows, mixed, after)
        back = _gated_mlp(builder, layer, normed)
        rows, normed = builder.add_and_norm(
            SKIP, rows, back, builder.scales(_next_norm(builder, layer), width)
        )
    builder.head(normed, "lm_head.weight", "embed_tokens.weight")


def gemma(builder: Builder) -> None:
    """Build Gemma 3 (arXiv 2503.19786): norms around each part, and of each query and key."""
    architecture = builder.architecture
    width = architecture.width
    rows = builder.flat("hidden")
    _add_rope_tables(builder)
    normed = builder.rms_norm(rows, "layers.0.input_layernorm.weight", width)
    for layer in range(architecture.layers):
        h = f"layers.{layer}"
        mixed = builder.rms_norm(
            _attention(builder, layer, normed), f"{h}.post_attention_layernorm.weight", width
        )
        before = builder.scales(f"{h}.pre_feedforward_layernorm.weight", width)
        rows, normed = builder.add_and_norm(SKIP, rows, mixed, before)
        back = _gated_mlp(builder, layer, normed)
        back = builder.rms_norm(back, f"{h}.post_feedforward_layernorm.weight", width)
        rows, normed = builder.add_and_norm(
            SKIP, rows, back, builder.scales(_next_norm(builder, layer), width)
        )
    builder.head(normed, "lm_head.weight", "embed_tokens.weight")


def _next_norm(builder: Builder, layer: int) -> str:
    """Return the name of the first norm after a layer."""
    return (
        f"layers.{layer + 1}.input_layernorm.weight"
        if layer + 1 < builder.architecture.layers
        else "norm.weight"
    )


def _gated_mlp(builder: Builder, layer: int, normed: str) -> str:
    """Build a layer's gated MLP."""
    width = builder.architecture.width
    mlp = f"layers.{layer}.mlp"
    gates = builder.tensors.get(f"{mlp}.gate_proj.weight")
    inner = 0 if gates is None else len(gates)
    both = builder.together(
        normed, [f"{mlp}.gate_proj.weight", f"{mlp}.up_proj.weight"], width, [inner, inner]
    )
    builder.node(
        "Split", [both], [f"gate.{layer}", f"up.{layer}"], domain="", axis=-1, num_outputs=2
    )
    is_gelu = builder.architecture.family == "gemma"
    silu: dict[str, Any] = {"alpha": 1.0}  # QuickGelu is x * sigmoid(alpha * x)
    gate = builder.node(
        "FastGelu" if is_gelu else "QuickGelu", [f"gate.{layer}"], **({} if is_gelu else silu)
    )
    wide = builder.node("Mul", [gate, f"up.{layer}"], domain="")
    return builder.linear(wide, f"{mlp}.down_proj.weight", inner, width)


def _attention(builder: Builder, layer: int, normed: str) -> str:
    """Build a layer's attention, with its projections."""
    architecture = builder.architecture
    inner = architecture.heads * architecture.head_size
    shared = architecture.kv_heads * architecture.head_size
    names = [f"layers.{layer}.self_attn.{part}_proj" for part in "qkv"]
    mixed = builder.together(
        normed, [f"{name}.weight" for name in names], architecture.width, [inner, shared, shared]
    )
    if architecture.query_biases:
        mixed = builder.node(
            "Add",
            [mixed, builder.vectors([f"{name}.bias" for name in names], [inner, shared, shared])],
            domain="",
        )
    parts = [mixed]
    if architecture.query_norms:
        parts = _normed_parts(builder, layer, mixed, [inner, shared, shared])
    out = f"layers.{layer}.self_attn.o_proj"
    bias = builder.vector(f"{out}.bias", architecture.width) if architecture.output_bias else ""
    return builder.linear(
        builder.attention(layer, *parts), f"{out}.weight", inner, architecture.width, bias
    )


def _normed_parts(builder: Builder, layer: int, mixed: str, sizes: list[int]) -> list[str]:
    """Split a joined product into query, key and value, and normalize each head's query and key."""
    size = builder.architecture.head_size
    names = [f"{part}.{layer}" for part in ("query", "keys", "values")]
    sizes_of = builder.constant("sizes", value_ints=sizes)
    builder.node("Split", [mixed, sizes_of], names, domain="", axis=-1)
    parts = []
    for part, name, whole in zip("qk", names, sizes, strict=False):
        heads = builder.node(
            "Reshape", [name, builder.constant("heads", value_ints=[-1, size])], domain=""
        )
        heads = builder.rms_norm(heads, f"layers.{layer}.self_attn.{part}_norm.weight", size)
        back = builder.constant(f"whole.{part}", value_ints=[-1, whole])
        parts.append(builder.node("Reshape", [heads, back], domain=""))
    return [*parts, names[2]]


def _add_rope_tables(builder: Builder) -> None:
    """Add RoPE's tables to the weights, a pair for each base."""
    architecture = builder.architecture
    for theta in sorted(
        {architecture.kind_of(layer).theta for layer in range(architecture.layers)}
    ):
        cosines, sines = _rope_tables(architecture, theta)
        builder.weights[f"cosines.{theta:g}"] = cosines
        builder.weights[f"sines.{theta:g}"] = sines


def _rope_tables(
    architecture: Architecture, theta: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return cosines and sines of RoPE (Su et al., arXiv 2104.09864).

    Both are (context, head_size / 2).
    """
    import numpy as np

    half = architecture.head_size // 2
    exponents = np.arange(half, dtype=np.float32) / np.float32(half)
    frequencies = (1.0 / theta**exponents).astype(np.float32)
    angles = np.arange(architecture.context, dtype=np.float32)[:, None] * frequencies
    return np.cos(angles), np.sin(angles)


FAMILIES: Mapping[str, Callable[[Builder], None]] = {"gpt2": gpt2, "llama": llama, "gemma": gemma}
