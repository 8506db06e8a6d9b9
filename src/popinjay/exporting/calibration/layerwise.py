"""A graph computed matrix by matrix, so that each can be changed before what follows is computed.

The rows that a matrix is multiplied with are those of the changed matrices before it, in the
arithmetic that the page computes with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from popinjay.inference.onnx.quantization import ZERO
from popinjay.inference.onnx.runtime import runtime, saturates, session_options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PRODUCT = "MatMulIntegerToFloat"
MATRIX, ROWS_ZERO = 1, 4  # places of the weights and the rows' zero point among its inputs


def rows_of_products(
    model: bytes, weights: Mapping[str, NDArray[Any]], inputs: Mapping[str, NDArray[Any]]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield the name of each matrix in 8 bits, and the rows (asked, inputs) it multiplies.

    They are the rows of the tokens that the input `order` names.

    Args:
        model: The serialized ONNX model.
        weights: The weights by name, of which the caller may replace a matrix when it is yielded.
        inputs: The inputs of the graph.
    """
    import onnx

    order = inputs["order"]
    steps = _Steps(onnx.load_model_from_string(model), weights, dict(inputs))
    at_head = {name for node in steps.nodes if "order" in node.input for name in node.output}
    for node in steps.nodes:
        if node.op_type == PRODUCT:
            name = steps.made_by[node.input[0]].input[0]
            rows = steps.compute(name)
            yield node.input[MATRIX], rows if name in at_head else rows[order]


class _Steps:
    """The nodes of a graph, of which those are computed that are needed."""

    def __init__(
        self,
        model: Any,
        weights: Mapping[str, NDArray[Any]],
        values: MutableMapping[str, NDArray[Any]],
    ) -> None:
        self.nodes: Sequence[Any] = list(model.graph.node)
        self.made_by = {name: node for node in self.nodes for name in node.output if name}
        self._weights = weights
        self._is_unsigned = saturates()
        if self._is_unsigned:  # the processor would add signed weights up wrongly
            for node in self.nodes:
                if node.op_type == PRODUCT:
                    node.input.append(node.input[ROWS_ZERO])
        self._values = values
        self._opsets = model.opset_import
        self._ir_version = model.ir_version
        self._done: set[str] = set()  # names of nodes

    def compute(self, name: str) -> NDArray[Any]:
        """Return a tensor, computing what it takes; what nothing else needs is forgotten."""
        nodes = self._needed(name)
        self._done |= {node.name for node in nodes}
        later = {used for node in self.nodes if node.name not in self._done for used in node.input}
        made = {output for node in nodes for output in node.output if output}
        wanted = sorted((made & later) | {name})
        if name not in self._values:
            self._run(nodes, wanted)
        found = self._values[name]
        self._values = {key: value for key, value in self._values.items() if key in later}
        return found

    def _needed(self, name: str) -> list[Any]:
        """Return the nodes that make a tensor from those that are known, in order."""
        asked, needed = [name], set()
        while asked:
            one = asked.pop()
            node = self.made_by.get(one)
            if node is None or one in self._values or node.name in needed:
                continue
            needed.add(node.name)
            asked += node.input
        return [node for node in self.nodes if node.name in needed]

    def _run(self, nodes: Sequence[Any], wanted: Sequence[str]) -> None:
        from onnx import ValueInfoProto, helper

        made = {output for node in nodes for output in node.output}
        used = {name for node in nodes for name in node.input if name} - made
        feeds = {name: self._fed(name) for name in used}
        inputs = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(value.dtype), [None] * value.ndim
            )
            for name, value in feeds.items()
        ]
        outputs = [ValueInfoProto(name=name) for name in wanted]
        graph = helper.make_graph(list(nodes), "part", inputs, outputs)
        part = helper.make_model(
            graph, opset_imports=self._opsets, ir_version=self._ir_version
        ).SerializeToString()
        session = runtime().InferenceSession(
            part, session_options(), providers=["CPUExecutionProvider"]
        )
        self._values.update(zip(wanted, session.run(list(wanted), feeds), strict=True))

    def _fed(self, name: str) -> NDArray[Any]:
        if name not in self._weights:
            return self._values[name]
        weight = self._weights[name]
        if self._is_unsigned and weight.dtype == "int8":
            return weight.view("uint8") ^ ZERO
        return weight
