"""A whole model as one ONNX file, from tokens to logits, with the names that transformers.js uses.

The transformer is the fast engine's own graph (`inference.onnx`). Added are the embeddings before
it, the weights inside the file, and names that others expect.

Inputs (B rows of S tokens, P tokens before them):
    input_ids: (B, S), int64.
    attention_mask: (B, P + S), int64. Rows are padded on the right only.
    position_ids: (B, S), int64; not used if the model has rotary embeddings.
    past_key_values.N.key, past_key_values.N.value: (B, kv_heads, P, head_size), float32.

Outputs:
    logits: (B, S, vocabulary), float32.
    present.N.key, present.N.value: (B, kv_heads, P + S, head_size), float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from popinjay.inference.onnx.architecture import Architecture
from popinjay.inference.onnx.families import FAMILIES
from popinjay.inference.onnx.graph import bare, embedding_names
from popinjay.inference.onnx.graph_builder import IR_VERSION, MICROSOFT, OPSET, Builder
from popinjay.inference.onnx.quantization import ZERO, quantize
from popinjay.models.weights import as_float32

if TYPE_CHECKING:
    from numpy.typing import NDArray


def whole_model(
    architecture: Architecture,
    tensors: Mapping[str, NDArray[Any]],
    *,
    exact: bool,
    release: Callable[[], None] = lambda: None,
) -> Any:
    """Build the ONNX model (an onnx.ModelProto). Raises UnknownWeights.

    Weights in 8 bits are unsigned, which every processor computes exactly.

    Args:
        architecture: The model's architecture.
        tensors: The tensors of its files.
        exact: Keep weights in float32 instead of 8 bits.
        release: Called to give back the memory of tensors that have been quantized.
    """
    builder = Builder(architecture, bare(architecture, tensors), exact, not exact, release)
    FAMILIES[architecture.family](builder)
    transformer = len(builder.nodes)
    _add_lengths(builder)
    _add_embedding(builder)
    before = len(builder.nodes)
    _add_logits(builder)
    nodes = builder.nodes
    _rename(nodes[:transformer], architecture)
    nodes[:] = nodes[transformer:before] + nodes[:transformer] + nodes[before:]
    return _model(builder)


def _add_lengths(builder: Builder) -> None:
    """Add what the transformer is told of the rows: their lengths, and which logits are asked."""
    ones = builder.constant("axis.1", value_ints=[1])
    count = builder.node("ReduceSum", ["attention_mask", ones], domain="", keepdims=0)
    last = builder.node("Sub", [count, builder.constant("whole.1", value_int=1)], domain="")
    builder.node("Cast", [last], ["lengths"], domain="", to=_type("INT32"))
    total = builder.node("Shape", ["attention_mask"], domain="", start=1)
    builder.node("Cast", [total], ["total"], domain="", to=_type("INT32"))
    shape = builder.node("Shape", ["input_ids"], domain="")
    tokens = builder.node("ReduceProd", [shape], domain="", keepdims=0)
    limits = [builder.constant("whole.0", value_int=0), tokens, "whole.1"]
    builder.node("Range", limits, ["order"], domain="")


def _add_embedding(builder: Builder) -> None:
    """Add the embeddings of tokens and positions, which share the head's weights if it is tied."""
    architecture = builder.architecture
    name, *positions = embedding_names(architecture)
    if builder.exact:
        builder.weights.setdefault(name, as_float32(builder.tensors[name]))
        hidden = builder.node("Gather", [name, "input_ids"], domain="", axis=0)
    else:
        hidden = _quantized_rows(builder, name)
    if architecture.embedding_scale != 1.0:
        scale = builder.constant("embedding.scale", value_float=architecture.embedding_scale)
        hidden = builder.node("Mul", [hidden, scale], domain="")
    if positions:
        builder.weights[positions[0]] = as_float32(builder.tensors[positions[0]])
        at = builder.node("Gather", [positions[0], "position_ids"], domain="", axis=0)
        hidden = builder.node("Add", [hidden, at], domain="")
    builder.node("Identity", [hidden], ["hidden"], domain="")


def _quantized_rows(builder: Builder, name: str) -> str:
    """Add the embeddings of the tokens from the head's columns (width, vocabulary) in 8 bits."""
    values, scales = f"{name}.8bit", f"{name}.scale"
    if values not in builder.weights:  # the head has weights of its own
        signed, builder.weights[scales] = quantize(builder.tensors[name].T)
        builder.weights[values] = signed.view("uint8") ^ ZERO
    columns = builder.node("Gather", [values, "input_ids"], domain="", axis=1)
    rows = builder.node("Transpose", [columns], domain="", perm=[1, 2, 0])
    floats = builder.node("Cast", [rows], domain="", to=_type("FLOAT"))
    zero = builder.constant("middle", value_float=float(ZERO))
    centred = builder.node("Sub", [floats, zero], domain="")
    scale = builder.node("Gather", [scales, "input_ids"], domain="", axis=0)
    last = builder.constant("last", value_ints=[-1])
    wide = builder.node("Unsqueeze", [scale, last], domain="")
    return builder.node("Mul", [centred, wide], domain="")


def _rename(nodes: list[Any], architecture: Architecture) -> None:
    """Give the caches the names that transformers.js looks for."""
    names = {"logits": "asked.logits"}
    for layer in range(architecture.layers):
        for kind in ("key", "value"):
            names[f"{kind}.{layer}"] = f"past_key_values.{layer}.{kind}"
            names[f"new_{kind}.{layer}"] = f"present.{layer}.{kind}"
    for node in nodes:
        for tensors in (node.input, node.output):
            for index, name in enumerate(tensors):
                if name in names:
                    tensors[index] = names[name]


def _add_logits(builder: Builder) -> None:
    """Add the logits of all tokens, in the shape of the rows."""
    rows = builder.node("Shape", ["input_ids"], domain="")
    last = builder.constant("last", value_ints=[-1])
    shape = builder.node("Concat", [rows, last], domain="", axis=0)
    builder.node("Reshape", ["asked.logits", shape], ["logits"], domain="")


def _model(builder: Builder) -> Any:
    """Return the ONNX model with its weights inside."""
    from onnx import helper, numpy_helper

    architecture = builder.architecture
    inputs = [
        _value("input_ids", "INT64", ["batch_size", "sequence_length"]),
        _value("attention_mask", "INT64", ["batch_size", "total_sequence_length"]),
        _value("position_ids", "INT64", ["batch_size", "sequence_length"]),
    ]
    vocabulary = architecture.vocabulary
    outputs = [_value("logits", "FLOAT", ["batch_size", "sequence_length", vocabulary])]
    for layer in range(architecture.layers):
        for kind in ("key", "value"):
            for names, prefix, length in (
                (inputs, "past_key_values", "past_sequence_length"),
                (outputs, "present", "total_sequence_length"),
            ):
                shape = ["batch_size", architecture.kv_heads, length, architecture.head_size]
                names.append(_value(f"{prefix}.{layer}.{kind}", "FLOAT", shape))
    weights = [numpy_helper.from_array(tensor, name) for name, tensor in builder.weights.items()]
    # Constants that the transformer and the rest share have to come before both.
    nodes = sorted(builder.nodes, key=lambda node: node.op_type != "Constant")
    graph = helper.make_graph(nodes, "model", inputs, outputs, weights)
    versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=versions, ir_version=IR_VERSION)


def _value(name: str, type: str, shape: list[Any]) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, _type(type), shape)


def _type(name: str) -> int:
    from onnx import TensorProto

    return int(getattr(TensorProto, name))
