"""The parts that a transformer's ONNX graph is put together from, in float32 or with products in 8 bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from popinjay.inference.onnx.architecture import Architecture, UnknownWeights
from popinjay.inference.onnx.quantization import STEPS, ZERO, quantize, side_by_side
from popinjay.models.weights import as_float32

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPSET = 21
IR_VERSION = 10
MICROSOFT = "com.microsoft"  # ONNX Runtime's own operators


@dataclass
class Builder:
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
    in_bytes: dict[str, tuple[str, str]] = field(
        default_factory=dict
    )  # rows that were turned into bytes, as several products want them

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

    def rms_norm(self, rows: str, name: str, size: int) -> str:
        """Rows of so many numbers by their root mean square, times the weights of this name."""
        weight = self.scales(name, size)
        return self.node(
            "SimplifiedLayerNormalization",
            [rows, weight],
            domain="",
            axis=-1,
            epsilon=self.architecture.epsilon,
        )

    def scales(self, name: str, size: int) -> str:
        """An RMS norm's weights, of which a file may hold what they are above 1."""
        self.vector(name, size)
        if self.architecture.norms_above_one:
            self.weights[name] = self.weights[name] + self.weights[name].dtype.type(1)
        return name

    def vectors(self, names: Sequence[str], sizes: Sequence[int]) -> str:
        """Several vectors of the file as one."""
        import numpy as np

        name = f"{names[0]}.and_others"
        self.weights[name] = np.concatenate(
            [as_float32(self.take(one, size)) for one, size in zip(names, sizes, strict=True)]
        )
        return name

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        outputs: Sequence[str] = (),
        domain: str = MICROSOFT,
        **attributes: Any,
    ) -> str:
        """One more operation, of one output unless they are named."""
        from onnx import helper

        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(
                operator,
                list(inputs),
                list(outputs or [name]),
                name=name,
                domain=domain,
                **attributes,
            )
        )
        return outputs[0] if outputs else name

    def add_and_norm(self, operator: str, rows: str, change: str, *more: str) -> tuple[str, str]:
        """What a part of a layer adds to the rows, and the norm of both: the sum first."""
        name = f"{operator}_{len(self.nodes)}"
        normed = self.node(
            operator,
            [rows, change, *more],
            [name, "", "", f"{name}.sum"],
            epsilon=self.architecture.epsilon,
        )
        return f"{name}.sum", normed

    def linear(
        self,
        rows: str,
        name: str,
        inputs: int,
        outputs: int,
        bias: str = "",
        *,
        inputs_first: bool = False,
    ) -> str:
        """Rows times a matrix of the file, which lies as (outputs, inputs), or `inputs_first` (GPT-2's)."""
        matrix = (
            self.take(name, inputs, outputs) if inputs_first else self.take(name, outputs, inputs)
        )
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
            parts = [
                self.linear(rows, name, inputs, size)
                for name, size in zip(names, sizes, strict=True)
            ]
            return self.node("Concat", parts, domain="", axis=-1)
        matrices = [
            self.take(name, size, inputs).T for name, size in zip(names, sizes, strict=True)
        ]
        return self._in_8_bits(rows, f"{names[0]}.and_others", matrices)

    def _in_8_bits(self, rows: str, name: str, matrices: Sequence[NDArray[Any]]) -> str:
        values, scales = side_by_side([quantize(matrix) for matrix in matrices])
        self.weights[f"{name}.8bit"], self.weights[f"{name}.scale"] = (
            (values.view("uint8") ^ ZERO if self.unsigned else values),
            scales,
        )
        self.release()
        if rows not in self.in_bytes:
            self.in_bytes[rows] = self._bytes_of(rows)
        given, scale = self.in_bytes[rows]
        zeros = [self.constant("zero", value=_byte(ZERO))] * (2 if self.unsigned else 1)
        product = self.node(
            "MatMulIntegerToFloat",
            [given, f"{name}.8bit", self.constant("one", value_float=1.0), f"{name}.scale", *zeros],
        )
        return self.node("Mul", [product, scale], domain="")

    def _bytes_of(self, rows: str) -> tuple[str, str]:
        """Rows as bytes around ZERO, and what a step is worth in each: the largest number of a row is STEPS of them.

        A row of zeros has steps worth nothing, so it does not matter what its bytes are.
        """
        last = self.constant("last", value_ints=[-1])
        largest = self.node(
            "ReduceMax", [self.node("Abs", [rows], domain=""), last], domain="", keepdims=0
        )
        scale = self.node("Mul", [largest, self.constant("step", value_float=1 / STEPS)], domain="")
        turned = self.node("QuantizeLinear", [rows, scale, self._zeros(scale)], domain="", axis=0)
        return turned, self.node("Unsqueeze", [scale, last], domain="")

    def _zeros(self, scale: str) -> str:
        """What stands for 0 in each row: the same for all products before the head, and for that."""
        name = "zeros.asked" if self.at_head else "zeros"
        if name not in self.constants:
            self.constants.add(name)
            self.node(
                "ConstantOfShape",
                [self.node("Shape", [scale], domain="")],
                [name],
                domain="",
                value=_byte(ZERO, 1),
            )
        return name

    def constant(self, name: str, **value: Any) -> str:
        """A number or a few, said once: an attribute of ONNX's Constant."""
        if name not in self.constants:
            self.constants.add(name)
            self.node("Constant", [], [name], domain="", **value)
        return name

    def flat(self, rows: str) -> str:
        """Tokens (rows, length, width) below one another."""
        return self.node(
            "Reshape",
            [rows, self.constant("flat", value_ints=[-1, self.architecture.width])],
            domain="",
        )

    def in_rows(self, tokens: str) -> str:
        """Tokens below one another as (rows, length, ...) again."""
        if "shape" not in self.constants:
            self.constants.add("shape")
            rows = self.node("Shape", ["hidden"], domain="", end=2)
            self.node(
                "Concat",
                [rows, self.constant("last", value_ints=[-1])],
                ["shape"],
                domain="",
                axis=0,
            )
        return self.node("Reshape", [tokens, "shape"], domain="")

    def attention(self, layer: int, query: str, key: str = "", value: str = "") -> str:
        """Attention of each row to its own past, which is written on in its place.

        A `query` without the others holds all three.
        """
        given = [self.in_rows(part) if part else "" for part in (query, key, value)]
        given += [f"key.{layer}", f"value.{layer}", "lengths", "total"]
        kind = self.architecture.kind_of(layer)
        if kind.theta:
            given += [f"cosines.{kind.theta:g}", f"sines.{kind.theta:g}"]
        more: dict[str, Any] = {"scale": self.architecture.scale} if self.architecture.scale else {}
        if kind.window:
            more["local_window_size"] = kind.window
        outputs = [f"attention.{layer}", f"new_key.{layer}", f"new_value.{layer}"]
        heads, kv_heads = self.architecture.heads, self.architecture.kv_heads
        more |= {"do_rotary": int(bool(kind.theta)), "num_heads": heads, "kv_num_heads": kv_heads}
        mixed = self.node("GroupQueryAttention", given, outputs, **more)
        inner = heads * self.architecture.head_size
        return self.node(
            "Reshape", [mixed, self.constant("mixed", value_ints=[-1, inner])], domain=""
        )

    def head(self, rows: str, name: str, embedding: str) -> None:
        """The logits of the rows that are asked for."""
        architecture = self.architecture
        asked = self.node("Gather", [rows, "order"], domain="", axis=0)
        self.at_head = True
        logits = self.linear(
            asked,
            embedding if architecture.tied else name,
            architecture.width,
            architecture.vocabulary,
        )
        self.node("Identity", [logits], ["logits"], domain="")

    def serialize(self) -> bytes:
        """The model; its weights stand in it by name, type and shape only."""
        from onnx import TensorProto, helper

        architecture = self.architecture
        buffer: list[str | int | None] = [
            "rows",
            architecture.kv_heads,
            "capacity",
            architecture.head_size,
        ]
        inputs = [
            helper.make_tensor_value_info(
                "hidden", TensorProto.FLOAT, ["rows", "length", architecture.width]
            ),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, ["rows"]),
            helper.make_tensor_value_info("total", TensorProto.INT32, [1]),
            helper.make_tensor_value_info("order", TensorProto.INT64, ["asked"]),
        ]
        outputs = [
            helper.make_tensor_value_info(
                "logits", TensorProto.FLOAT, ["asked", architecture.vocabulary]
            )
        ]
        for layer in range(architecture.layers):
            for kind in ("key", "value"):
                inputs.append(
                    helper.make_tensor_value_info(f"{kind}.{layer}", TensorProto.FLOAT, buffer)
                )
                outputs.append(
                    helper.make_tensor_value_info(f"new_{kind}.{layer}", TensorProto.FLOAT, buffer)
                )
        graph = helper.make_graph(
            self.nodes,
            "step",
            inputs,
            outputs,
            [_placeholder(name, weight) for name, weight in self.weights.items()],
        )
        versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model: bytes = helper.make_model(
            graph, opset_imports=versions, ir_version=IR_VERSION
        ).SerializeToString()
        return model


def _placeholder(name: str, weight: NDArray[Any]) -> Any:
    """A weight that is handed over beside the model."""
    from onnx import TensorProto, helper

    placeholder = TensorProto(
        name=name,
        data_type=helper.np_dtype_to_tensor_dtype(weight.dtype),
        dims=weight.shape,
        data_location=TensorProto.EXTERNAL,
    )
    for key, value in (("location", "beside"), ("offset", "0"), ("length", str(weight.nbytes))):
        placeholder.external_data.add(key=key, value=value)
    return placeholder


def _byte(value: int, *shape: int) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor("byte", TensorProto.UINT8, shape, [value])
