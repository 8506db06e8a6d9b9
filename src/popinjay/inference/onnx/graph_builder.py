"""The parts of a transformer's ONNX graph, in float32 or with matrix products in 8 bits.

Names of nodes and weights are part of the kept engine files (`engine_file.VERSION`).
"""

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
    """A graph under construction: its nodes and weights so far.

    A method that adds to the graph returns the name of the tensor it adds. Inside the graph,
    "rows" are hidden states (tokens, width), all tokens of a batch one after another.
    """

    architecture: Architecture
    tensors: Mapping[str, NDArray[Any]]
    exact: bool  # float32 instead of 8 bits
    unsigned: bool  # quantized weights are unsigned, for processors that need it
    release: Callable[[], None]  # gives back the memory of tensors that were quantized
    nodes: list[Any] = field(default_factory=list)
    weights: dict[str, NDArray[Any]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)  # names of tensors
    constants: set[str] = field(default_factory=set)
    at_head: bool = False  # whether only the rows to be predicted from are left
    # Rows that are quantized already, with their scales: several products may use them
    quantized: dict[str, tuple[str, str]] = field(default_factory=dict)

    def take(self, name: str, *shape: int) -> NDArray[Any]:
        """Return a tensor of the file. Raises UnknownWeights if it does not have this shape."""
        tensor = self.tensors.get(name)
        if tensor is None or tensor.shape != shape:
            raise UnknownWeights(f"the weights {name} of shape {shape} are not there")
        self.used.add(name)
        return tensor

    def vector(self, name: str, size: int) -> str:
        """Add a vector of the file: biases, or a norm's weights."""
        self.weights[name] = as_float32(self.take(name, size))
        return name

    def rms_norm(self, rows: str, name: str, size: int) -> str:
        """Add an RMS norm of rows (tokens, size) with the weights of this name."""
        weight = self.scales(name, size)
        return self.node(
            "SimplifiedLayerNormalization",
            [rows, weight],
            domain="",
            axis=-1,
            epsilon=self.architecture.epsilon,
        )

    def scales(self, name: str, size: int) -> str:
        """Add an RMS norm's weights, which some families store minus 1."""
        self.vector(name, size)
        if self.architecture.norms_above_one:
            self.weights[name] = self.weights[name] + self.weights[name].dtype.type(1)
        return name

    def vectors(self, names: Sequence[str], sizes: Sequence[int]) -> str:
        """Add several vectors of the file as one."""
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
        """Add an operation; returns its first output, which need not be named."""
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

    def add_and_norm(self, operator: str, rows: str, update: str, *more: str) -> tuple[str, str]:
        """Add a residual sum and the norm of it; returns both, the sum first."""
        name = f"{operator}_{len(self.nodes)}"
        normed = self.node(
            operator,
            [rows, update, *more],
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
        """Add the product of rows with a matrix of the file.

        Args:
            rows: The rows (tokens, inputs).
            name: The matrix (outputs, inputs).
            inputs: The number of inputs.
            outputs: The number of outputs.
            bias: The bias to add, if any.
            inputs_first: Whether the matrix is (inputs, outputs), as GPT-2's are.
        """
        shape = (inputs, outputs) if inputs_first else (outputs, inputs)
        matrix = self.take(name, *shape)
        if not self.exact:
            product = self._quantized_product(rows, name, [matrix if inputs_first else matrix.T])
        elif inputs_first:
            self.weights[name] = as_float32(matrix)
            product = self.node("MatMul", [rows, name], domain="")
        else:
            self.weights[name] = as_float32(matrix)
            product = self.node("FusedMatMul", [rows, name], transB=1)
        return self.node("Add", [product, bias], domain="") if bias else product

    def together(self, rows: str, names: Sequence[str], inputs: int, sizes: Sequence[int]) -> str:
        """Add the concatenated products of rows with several matrices (outputs, inputs).

        In 8 bits that is a single product. Each column has its own scale, so it computes the same.
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
        return self._quantized_product(rows, f"{names[0]}.and_others", matrices)

    def _quantized_product(self, rows: str, name: str, matrices: Sequence[NDArray[Any]]) -> str:
        """Add the product of rows with matrices (inputs, outputs), side by side, in 8 bits."""
        values, scales = side_by_side([quantize(matrix) for matrix in matrices])
        if self.unsigned:
            values = values.view("uint8") ^ ZERO
        self.weights[f"{name}.8bit"] = values
        self.weights[f"{name}.scale"] = scales
        self.release()
        if rows not in self.quantized:
            self.quantized[rows] = self._quantize_rows(rows)
        quantized, scale = self.quantized[rows]
        zeros = [self.constant("zero", value=_byte(ZERO))] * (2 if self.unsigned else 1)
        product = self.node(
            "MatMulIntegerToFloat",
            [
                quantized,
                f"{name}.8bit",
                self.constant("one", value_float=1.0),
                f"{name}.scale",
                *zeros,
            ],
        )
        return self.node("Mul", [product, scale], domain="")

    def _quantize_rows(self, rows: str) -> tuple[str, str]:
        """Add the rows as unsigned bytes around ZERO, and the scale of each row (tokens, 1).

        The scale maps the largest absolute value of a row to STEPS. In a row of zeros it is zero,
        so it does not matter what the bytes are.
        """
        last = self.constant("last", value_ints=[-1])
        largest = self.node(
            "ReduceMax", [self.node("Abs", [rows], domain=""), last], domain="", keepdims=0
        )
        scale = self.node("Mul", [largest, self.constant("step", value_float=1 / STEPS)], domain="")
        quantized = self.node(
            "QuantizeLinear", [rows, scale, self._zeros(scale)], domain="", axis=0
        )
        return quantized, self.node("Unsqueeze", [scale, last], domain="")

    def _zeros(self, scale: str) -> str:
        """Add the zero points of all rows, once for the layers and once for the head."""
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
        """Add a constant unless it is there; `value` is an attribute of ONNX's Constant."""
        if name not in self.constants:
            self.constants.add(name)
            self.node("Constant", [], [name], domain="", **value)
        return name

    def flat(self, rows: str) -> str:
        """Flatten hidden states (batch, length, width) to rows (tokens, width)."""
        return self.node(
            "Reshape",
            [rows, self.constant("flat", value_ints=[-1, self.architecture.width])],
            domain="",
        )

    def in_rows(self, tokens: str) -> str:
        """Reshape rows (tokens, ...) to (batch, length, ...)."""
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
        """Add the causal attention of a layer, which appends to its keys and values in place.

        A `query` without key and value holds all three. Returns rows (tokens, width).
        """
        inputs = [self.in_rows(part) if part else "" for part in (query, key, value)]
        inputs += [f"key.{layer}", f"value.{layer}", "lengths", "total"]
        kind = self.architecture.kind_of(layer)
        if kind.theta:
            inputs += [f"cosines.{kind.theta:g}", f"sines.{kind.theta:g}"]
        more: dict[str, Any] = {"scale": self.architecture.scale} if self.architecture.scale else {}
        if kind.window:
            more["local_window_size"] = kind.window
        outputs = [f"attention.{layer}", f"new_key.{layer}", f"new_value.{layer}"]
        heads = self.architecture.heads
        kv_heads = self.architecture.kv_heads
        more |= {"do_rotary": int(bool(kind.theta)), "num_heads": heads, "kv_num_heads": kv_heads}
        mixed = self.node("GroupQueryAttention", inputs, outputs, **more)
        inner = heads * self.architecture.head_size
        return self.node(
            "Reshape", [mixed, self.constant("mixed", value_ints=[-1, inner])], domain=""
        )

    def head(self, rows: str, name: str, embedding: str) -> None:
        """Add the logits of the rows selected by the input `order`."""
        architecture = self.architecture
        selected = self.node("Gather", [rows, "order"], domain="", axis=0)
        self.at_head = True
        logits = self.linear(
            selected,
            embedding if architecture.tied else name,
            architecture.width,
            architecture.vocabulary,
        )
        self.node("Identity", [logits], ["logits"], domain="")

    def serialize(self) -> bytes:
        """Return the ONNX model, which has its weights by name, type and shape only."""
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
    """Return the entry of a weight that is passed to the runtime beside the model."""
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
