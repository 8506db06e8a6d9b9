"""One step of a transformer as an ONNX graph, written from its weights: several rows side by side, each with keys and values of its own.

Between attentions all tokens of all rows lie below one another (tokens, width). In 8 bits each of them has a scale of its own, and products
are exact in whole numbers: so what becomes of a row does not depend on those beside it.

Inputs: `hidden` (rows, length, width), the embedded tokens; `lengths` (rows,), how many tokens each row then has, less one; `total`,
the most of them; `order`, which rows of the last hidden states (rows x length, width) are asked for; and for each layer the buffers `key.N` and
`value.N` (rows, heads of keys, capacity, head size), which the step writes its own into. Output: `logits` (asked for, vocabulary).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from popinjay.decoding.architecture import Architecture, UnknownWeights
from popinjay.decoding.quantization import STEPS, ZERO, quantize, side_by_side
from popinjay.decoding.weights import as_float32, release

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OPSET = 21
IR_VERSION = 10
MICROSOFT = "com.microsoft"  # ONNX Runtime's own operators


@dataclass(frozen=True)
class Graph:
    """A model without its weights, as bytes, and the weights that belong to it by name."""

    model: bytes
    weights: Mapping[str, NDArray[Any]]
    mapped: NDArray[Any] | None = None  # the file that the weights are views of

    def release(self) -> None:
        """Give back the memory of weights that lie in a file."""
        if self.mapped is not None:
            release(self.mapped)


def build_graph(
    architecture: Architecture,
    tensors: Mapping[str, NDArray[Any]],
    *,
    exact: bool,
    unsigned: bool = False,
    release: Callable[[], None] = lambda: None,
) -> Graph:
    """Build the graph of a model in float32, or with its products in 8 bits.

    `unsigned` is for processors that need it so; `release` is called to give back the memory of
    tensors that were turned. Raises UnknownWeights.
    """
    builder = _Builder(architecture, bare(architecture, tensors), exact, unsigned, release)
    builder.used.update(embedding_names(architecture))
    (_gpt2 if architecture.family == "gpt2" else _llama)(builder)
    left = [name for name in builder.tensors if name not in builder.used and not name.endswith((".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq"))]
    if left:
        raise UnknownWeights(f"nothing is known of the weights {left[0]}")
    return Graph(builder.serialize(), builder.weights)


def embedding_names(architecture: Architecture) -> tuple[str, ...]:
    """The tensors that tokens are embedded by: theirs, and their positions' where those are learnt."""
    return ("wte.weight", "wpe.weight") if architecture.family == "gpt2" else ("embed_tokens.weight",)


def bare(architecture: Architecture, tensors: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """The tensors by their names inside the model; some files of the hub have these themselves."""
    prefix = "transformer." if architecture.family == "gpt2" else "model."
    return _Renamed(tensors, {name.removeprefix(prefix): name for name in tensors})


class _Renamed(Mapping[str, "NDArray[Any]"]):
    """Tensors by other names, each taken only when it is asked for: it may have to be computed."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], names: Mapping[str, str]) -> None:
        self._tensors, self._names = tensors, names

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._tensors[self._names[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


@dataclass
class _Builder:
    """Nodes and weights so far. Every method gives the name of what it computes."""

    architecture: Architecture
    tensors: Mapping[str, NDArray[Any]]
    exact: bool
    unsigned: bool
    release: Callable[[], None]  # the memory of tensors that were turned
    nodes: list[Any] = field(default_factory=list)
    weights: dict[str, NDArray[Any]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    constants: set[str] = field(default_factory=set)
    at_head: bool = False  # whether only the rows that are asked for are left
    in_bytes: dict[str, tuple[str, str]] = field(default_factory=dict)  # rows that were turned into bytes, as several products want them

    def take(self, name: str, *shape: int) -> NDArray[Any]:
        """A tensor of the file, which must have this shape."""
        tensor = self.tensors.get(name)
        if tensor is None or tensor.shape != shape:
            raise UnknownWeights(f"the weights {name} of shape {shape} are not there")
        self.used.add(name)
        return tensor

    def vector(self, name: str, size: int) -> str:
        """Biases, or a norm's weights."""
        self.weights[name] = as_float32(self.take(name, size))
        return name

    def vectors(self, names: Sequence[str], sizes: Sequence[int]) -> str:
        """Several vectors of the file as one."""
        import numpy as np

        name = f"{names[0]}.and_others"
        self.weights[name] = np.concatenate([as_float32(self.take(one, size)) for one, size in zip(names, sizes, strict=True)])
        return name

    def node(self, operator: str, inputs: Sequence[str], outputs: Sequence[str] = (), domain: str = MICROSOFT, **attributes: Any) -> str:
        """One more operation, of one output unless they are named."""
        from onnx import helper

        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), list(outputs or [name]), name=name, domain=domain, **attributes))
        return outputs[0] if outputs else name

    def add_and_norm(self, operator: str, rows: str, change: str, *more: str) -> tuple[str, str]:
        """What a part of a layer adds to the rows, and the norm of both: the sum first."""
        name = f"{operator}_{len(self.nodes)}"
        normed = self.node(operator, [rows, change, *more], [name, "", "", f"{name}.sum"], epsilon=self.architecture.epsilon)
        return f"{name}.sum", normed

    def linear(self, rows: str, name: str, inputs: int, outputs: int, bias: str = "", *, inputs_first: bool = False) -> str:
        """Rows times a matrix of the file, which lies as (outputs, inputs), or `inputs_first` (GPT-2's)."""
        matrix = self.take(name, inputs, outputs) if inputs_first else self.take(name, outputs, inputs)
        if not self.exact:
            product = self._in_8_bits(rows, name, [matrix if inputs_first else matrix.T])
        elif inputs_first:
            self.weights[name] = as_float32(matrix)
            product = self.node("MatMul", [rows, name], domain="")
        else:
            self.weights[name] = as_float32(matrix)
            product = self.node("FusedMatMul", [rows, name], transB=1)
        return self.node("Add", [product, bias], domain="") if bias else product

    def together(self, rows: str, names: Sequence[str], inputs: int, sizes: Sequence[int]) -> str:
        """The products of rows with several matrices (outputs, inputs) of the file, side by side.

        In 8 bits that is one product: each column has a scale of its own, so nothing changes but time.
        """
        if self.exact:
            parts = [self.linear(rows, name, inputs, size) for name, size in zip(names, sizes, strict=True)]
            return self.node("Concat", parts, domain="", axis=-1)
        matrices = [self.take(name, size, inputs).T for name, size in zip(names, sizes, strict=True)]
        return self._in_8_bits(rows, f"{names[0]}.and_others", matrices)

    def _in_8_bits(self, rows: str, name: str, matrices: Sequence[NDArray[Any]]) -> str:
        values, scales = side_by_side([quantize(matrix) for matrix in matrices])
        self.weights[f"{name}.8bit"], self.weights[f"{name}.scale"] = (values.view("uint8") ^ ZERO if self.unsigned else values), scales
        self.release()
        if rows not in self.in_bytes:
            self.in_bytes[rows] = self._bytes_of(rows)
        given, scale = self.in_bytes[rows]
        zeros = [self.constant("zero", value=_byte(ZERO))] * (2 if self.unsigned else 1)
        product = self.node("MatMulIntegerToFloat", [given, f"{name}.8bit", self.constant("one", value_float=1.0), f"{name}.scale", *zeros])
        return self.node("Mul", [product, scale], domain="")

    def _bytes_of(self, rows: str) -> tuple[str, str]:
        """Rows as bytes around ZERO, and what a step is worth in each: the largest number of a row is STEPS of them.

        A row of zeros has steps worth nothing, so it does not matter what its bytes are.
        """
        last = self.constant("last", value_ints=[-1])
        largest = self.node("ReduceMax", [self.node("Abs", [rows], domain=""), last], domain="", keepdims=0)
        scale = self.node("Mul", [largest, self.constant("step", value_float=1 / STEPS)], domain="")
        turned = self.node("QuantizeLinear", [rows, scale, self._zeros(scale)], domain="", axis=0)
        return turned, self.node("Unsqueeze", [scale, last], domain="")

    def _zeros(self, scale: str) -> str:
        """What stands for 0 in each row: the same for all products before the head, and for that."""
        name = "zeros.asked" if self.at_head else "zeros"
        if name not in self.constants:
            self.constants.add(name)
            self.node("ConstantOfShape", [self.node("Shape", [scale], domain="")], [name], domain="", value=_byte(ZERO, 1))
        return name

    def constant(self, name: str, **value: Any) -> str:
        """A number or a few, said once: an attribute of ONNX's Constant."""
        if name not in self.constants:
            self.constants.add(name)
            self.node("Constant", [], [name], domain="", **value)
        return name

    def flat(self, rows: str) -> str:
        """Tokens (rows, length, width) below one another."""
        return self.node("Reshape", [rows, self.constant("flat", value_ints=[-1, self.architecture.width])], domain="")

    def in_rows(self, tokens: str) -> str:
        """Tokens below one another as (rows, length, ...) again."""
        if "shape" not in self.constants:
            self.constants.add("shape")
            rows = self.node("Shape", ["hidden"], domain="", end=2)
            self.node("Concat", [rows, self.constant("last", value_ints=[-1])], ["shape"], domain="", axis=0)
        return self.node("Reshape", [tokens, "shape"], domain="")

    def attention(self, layer: int, query: str, key: str = "", value: str = "") -> str:
        """Attention of each row to its own past, which is written on in its place; a `query` without the others holds all three."""
        given = [self.in_rows(part) if part else "" for part in (query, key, value)]
        given += [f"key.{layer}", f"value.{layer}", "lengths", "total"]
        rotary = bool(self.architecture.theta)
        if rotary:
            given += ["cosines", "sines"]
        outputs = [f"attention.{layer}", f"new_key.{layer}", f"new_value.{layer}"]
        heads, kv_heads = self.architecture.heads, self.architecture.kv_heads
        mixed = self.node("GroupQueryAttention", given, outputs, do_rotary=int(rotary), num_heads=heads, kv_num_heads=kv_heads)
        inner = heads * self.architecture.head_size
        return self.node("Reshape", [mixed, self.constant("mixed", value_ints=[-1, inner])], domain="")

    def head(self, rows: str, name: str, embedding: str) -> None:
        """The logits of the rows that are asked for."""
        architecture = self.architecture
        asked = self.node("Gather", [rows, "order"], domain="", axis=0)
        self.at_head = True
        logits = self.linear(asked, embedding if architecture.tied else name, architecture.width, architecture.vocabulary)
        self.node("Identity", [logits], ["logits"], domain="")

    def serialize(self) -> bytes:
        """The model; its weights stand in it by name, type and shape only."""
        from onnx import TensorProto, helper

        architecture = self.architecture
        buffer: list[str | int | None] = ["rows", architecture.kv_heads, "capacity", architecture.head_size]
        inputs = [
            helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["rows", "length", architecture.width]),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, ["rows"]),
            helper.make_tensor_value_info("total", TensorProto.INT32, [1]),
            helper.make_tensor_value_info("order", TensorProto.INT64, ["asked"]),
        ]
        outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["asked", architecture.vocabulary])]
        for layer in range(architecture.layers):
            for kind in ("key", "value"):
                inputs.append(helper.make_tensor_value_info(f"{kind}.{layer}", TensorProto.FLOAT, buffer))
                outputs.append(helper.make_tensor_value_info(f"new_{kind}.{layer}", TensorProto.FLOAT, buffer))
        graph = helper.make_graph(self.nodes, "step", inputs, outputs, [_placeholder(name, weight) for name, weight in self.weights.items()])
        versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model: bytes = helper.make_model(graph, opset_imports=versions, ir_version=IR_VERSION).SerializeToString()
        return model


def _placeholder(name: str, weight: NDArray[Any]) -> Any:
    """A weight that is handed over beside the model."""
    from onnx import TensorProto, helper

    placeholder = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(weight.dtype), dims=weight.shape, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "beside"), ("offset", "0"), ("length", str(weight.nbytes))):
        placeholder.external_data.add(key=key, value=value)
    return placeholder


def _byte(value: int, *shape: int) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor("byte", TensorProto.UINT8, shape, [value])


def _gpt2(builder: _Builder) -> None:
    """GPT-2 (Radford et al. 2019): norms before each part, learnt positions, GELU by tanh."""
    architecture, node, linear, vector = builder.architecture, builder.node, builder.linear, builder.vector
    width, skip, rows = architecture.width, "SkipLayerNormalization", builder.flat("hidden")
    normed = node("LayerNormalization", [rows, *_norm(builder, "h.0.ln_1")], domain="", epsilon=architecture.epsilon)
    for layer in range(architecture.layers):
        h = f"h.{layer}"
        inner = builder.tensors[f"{h}.mlp.c_fc.bias"].size if f"{h}.mlp.c_fc.bias" in builder.tensors else 0
        mixed = linear(normed, f"{h}.attn.c_attn.weight", width, 3 * width, vector(f"{h}.attn.c_attn.bias", 3 * width), inputs_first=True)
        mixed = builder.attention(layer, mixed)
        mixed = linear(mixed, f"{h}.attn.c_proj.weight", width, width, inputs_first=True)
        rows, normed = builder.add_and_norm(skip, rows, mixed, *_norm(builder, f"{h}.ln_2"), vector(f"{h}.attn.c_proj.bias", width))
        wide = linear(normed, f"{h}.mlp.c_fc.weight", width, inner, inputs_first=True)
        wide = node("FastGelu", [wide, vector(f"{h}.mlp.c_fc.bias", inner)])
        back = linear(wide, f"{h}.mlp.c_proj.weight", inner, width, inputs_first=True)
        following = f"h.{layer + 1}.ln_1" if layer + 1 < architecture.layers else "ln_f"
        rows, normed = builder.add_and_norm(skip, rows, back, *_norm(builder, following), vector(f"{h}.mlp.c_proj.bias", width))
    builder.head(normed, "lm_head.weight", "wte.weight")


def _norm(builder: _Builder, name: str) -> list[str]:
    return [builder.vector(f"{name}.weight", builder.architecture.width), builder.vector(f"{name}.bias", builder.architecture.width)]


def _llama(builder: _Builder) -> None:
    """Llama (Touvron et al., arXiv 2302.13971) and its like: RMS norms, rotated positions, a gated SiLU."""
    architecture, node, linear, vector = builder.architecture, builder.node, builder.linear, builder.vector
    width, skip, rows = architecture.width, "SkipSimplifiedLayerNormalization", builder.flat("hidden")
    builder.weights["cosines"], builder.weights["sines"] = _rotations(architecture)
    normed = node("SimplifiedLayerNormalization", [rows, vector("layers.0.input_layernorm.weight", width)], domain="", axis=-1, epsilon=architecture.epsilon)
    for layer in range(architecture.layers):
        h = f"layers.{layer}"
        mixed = _mix(builder, layer, normed)
        rows, normed = builder.add_and_norm(skip, rows, mixed, vector(f"{h}.post_attention_layernorm.weight", width))
        gates = builder.tensors.get(f"{h}.mlp.gate_proj.weight")
        inner = 0 if gates is None else len(gates)
        both = builder.together(normed, [f"{h}.mlp.gate_proj.weight", f"{h}.mlp.up_proj.weight"], width, [inner, inner])
        node("Split", [both], [f"gate.{layer}", f"up.{layer}"], domain="", axis=-1, num_outputs=2)
        gate = node("QuickGelu", [f"gate.{layer}"], alpha=1.0)  # x sigmoid(x): SiLU
        wide = node("Mul", [gate, f"up.{layer}"], domain="")
        back = linear(wide, f"{h}.mlp.down_proj.weight", inner, width)
        following = f"layers.{layer + 1}.input_layernorm.weight" if layer + 1 < architecture.layers else "norm.weight"
        rows, normed = builder.add_and_norm(skip, rows, back, vector(following, width))
    builder.head(normed, "lm_head.weight", "embed_tokens.weight")


def _mix(builder: _Builder, layer: int, normed: str) -> str:
    """A layer's attention."""
    architecture = builder.architecture
    inner, shared = architecture.heads * architecture.head_size, architecture.kv_heads * architecture.head_size
    names = [f"layers.{layer}.self_attn.{part}_proj" for part in "qkv"]
    mixed = builder.together(normed, [f"{name}.weight" for name in names], architecture.width, [inner, shared, shared])
    if architecture.query_biases:
        mixed = builder.node("Add", [mixed, builder.vectors([f"{name}.bias" for name in names], [inner, shared, shared])], domain="")
    out = f"layers.{layer}.self_attn.o_proj"
    bias = builder.vector(f"{out}.bias", architecture.width) if architecture.output_bias else ""
    return builder.linear(builder.attention(layer, mixed), f"{out}.weight", inner, architecture.width, bias)


def _rotations(architecture: Architecture) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosines and sines (context, half a head) of RoPE (Su et al., arXiv 2104.09864)."""
    import numpy as np

    half = architecture.head_size // 2
    rates = (1.0 / architecture.theta ** (np.arange(half, dtype=np.float32) / np.float32(half))).astype(np.float32)
    angles = np.arange(architecture.context, dtype=np.float32)[:, None] * rates
    return np.cos(angles), np.sin(angles)
