"""Tensors as llama.cpp names and arranges them, for each family of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from popinjay.errors import PersonaError
from popinjay.inference.onnx.architecture import Architecture
from popinjay.inference.onnx.graph import bare
from popinjay.models.weights import as_float32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# llama.cpp's names of tensors by their names in transformers' files; N stands for the layer.
GPT2 = {
    "wte": "token_embd",  # also the head, if there is no output.weight
    "wpe": "position_embd",
    "ln_f": "output_norm",
    "lm_head": "output",
    "h.N.ln_1": "blk.N.attn_norm",
    "h.N.attn.c_attn": "blk.N.attn_qkv",
    "h.N.attn.c_proj": "blk.N.attn_output",
    "h.N.ln_2": "blk.N.ffn_norm",
    "h.N.mlp.c_fc": "blk.N.ffn_up",
    "h.N.mlp.c_proj": "blk.N.ffn_down",
}
LLAMA = {
    "embed_tokens": "token_embd",
    "norm": "output_norm",
    "lm_head": "output",
    "layers.N.input_layernorm": "blk.N.attn_norm",
    "layers.N.self_attn.q_proj": "blk.N.attn_q",
    "layers.N.self_attn.k_proj": "blk.N.attn_k",
    "layers.N.self_attn.v_proj": "blk.N.attn_v",
    "layers.N.self_attn.o_proj": "blk.N.attn_output",
    "layers.N.post_attention_layernorm": "blk.N.ffn_norm",
    "layers.N.mlp.gate_proj": "blk.N.ffn_gate",
    "layers.N.mlp.up_proj": "blk.N.ffn_up",
    "layers.N.mlp.down_proj": "blk.N.ffn_down",
}
GEMMA = LLAMA | {
    "layers.N.self_attn.q_norm": "blk.N.attn_q_norm",
    "layers.N.self_attn.k_norm": "blk.N.attn_k_norm",
    "layers.N.post_attention_layernorm": "blk.N.post_attention_norm",
    "layers.N.pre_feedforward_layernorm": "blk.N.ffn_norm",
    "layers.N.post_feedforward_layernorm": "blk.N.post_ffw_norm",
}
NAMES = {"gpt2": GPT2, "llama": LLAMA, "gemma": GEMMA}
# llama.cpp's names of architectures.
ARCHITECTURES = {"gpt2": "gpt2", "llama": "llama", "gemma": "gemma3"}
GEMMA_PATTERN = 6  # every sixth layer of Gemma 3 sees all tokens; llama.cpp has that built in
LOCAL_THETA = 10_000.0  # RoPE's base of the other layers, built in too
BUFFERS = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")  # in older files: no weights


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the file that is written."""

    name: str  # llama.cpp's
    source: str  # its name in the model's files
    shape: tuple[int, ...]  # in numpy's order
    is_matrix: bool  # may be quantized


def check_known(architecture: Architecture) -> None:
    """Raise PersonaError if llama.cpp would compute another model than this one."""
    problem = ""
    if architecture.family == "llama" and (architecture.query_biases or architecture.output_bias):
        problem = "it has biases in its attention"
    if architecture.family == "gemma":
        kinds = [architecture.kind_of(layer) for layer in range(architecture.layers)]
        is_local = [bool(kind.window) for kind in kinds]
        if is_local != [bool((layer + 1) % GEMMA_PATTERN) for layer in range(len(kinds))]:
            problem = "its layers with a sliding window are not those of Gemma 3"
        elif any(kind.window and kind.theta != LOCAL_THETA for kind in kinds):
            problem = "its rotary embedding is not that of Gemma 3"
        elif abs(architecture.scale - architecture.head_size**-0.5) > 1e-9:
            problem = "its attention is scaled in another way than that of Gemma 3"
    if problem:
        raise PersonaError(
            f"This model can't be exported for llama.cpp: {problem}.",
            "Export it to transformers or onnx instead.",
        )


def tensors_of(architecture: Architecture, tensors: Mapping[str, NDArray[Any]]) -> list[Tensor]:
    """Return the tensors to write, in the order of the model's files. Raises PersonaError."""
    found = []
    for source, tensor in bare(architecture, tensors).items():
        if source.endswith(BUFFERS) or (architecture.tied and source == "lm_head.weight"):
            continue
        shape = tuple(tensor.shape)
        name = _name(architecture, source)
        if _is_transposed(architecture, source):
            shape = shape[::-1]
        is_matrix = len(shape) == 2 and name != "position_embd.weight"
        found.append(Tensor(name, source, shape, is_matrix))
    return found


def content(
    architecture: Architecture, tensors: Mapping[str, NDArray[Any]], tensor: Tensor
) -> NDArray[np.float32]:
    """Return a tensor in float32, arranged as llama.cpp expects it."""
    import numpy as np

    exact = as_float32(bare(architecture, tensors)[tensor.source])
    if _is_transposed(architecture, tensor.source):
        exact = exact.T
    if architecture.family == "llama":
        for part, heads in (("q_proj", architecture.heads), ("k_proj", architecture.kv_heads)):
            if f".{part}." in tensor.source:
                exact = interleaved(exact, heads)
    if architecture.norms_above_one and not tensor.is_matrix:
        exact = exact + np.float32(1)
    return np.ascontiguousarray(exact)


def interleaved(matrix: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Reorder the rows of a query or key projection for llama.cpp's rotary embedding.

    It rotates neighbouring rows of a head together, transformers those half a head apart.
    """
    outputs, inputs = matrix.shape
    halves = matrix.reshape(heads, 2, outputs // heads // 2, inputs)
    return halves.swapaxes(1, 2).reshape(outputs, inputs)


def _is_transposed(architecture: Architecture, source: str) -> bool:
    """Return whether a matrix is stored as (inputs, outputs), as GPT-2's layers are."""
    return architecture.family == "gpt2" and ".c_" in source and source.endswith(".weight")


def _name(architecture: Architecture, source: str) -> str:
    """Return llama.cpp's name of a tensor. Raises PersonaError if it has none."""
    inner, _, part = source.rpartition(".")
    words = inner.split(".")
    layers = [word for word in words if word.isdecimal()]
    form = ".".join("N" if word.isdecimal() else word for word in words)
    found = NAMES[architecture.family].get(form)
    if found is None or len(layers) > 1:
        raise PersonaError(
            f"This model can't be exported for llama.cpp: it has the tensor {source}.",
            "Export it to transformers or onnx instead.",
        )
    return f"{found.replace('N', layers[0]) if layers else found}.{part}"
