"""ONNX Runtime, kept from reporting to its maker, and what it makes of this processor."""

from __future__ import annotations

import functools
import os
from typing import Any

WIDE = 64  # products of bytes in a sum: more than any instruction takes at once


def runtime() -> Any:
    """The module, imported the only way it should be."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # from its import on it would tell its maker that it runs, and how
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


@functools.cache
def saturates() -> bool:
    """Whether sums of unsigned bytes times signed ones are cut off where they grow large, so that both had better be unsigned.

    x86 processors without VNNI instructions add two such products in 16 bits, and ONNX Runtime lets them.
    """
    import numpy as np

    session = runtime().InferenceSession(_largest_sums(), providers=["CPUExecutionProvider"])
    found = session.run(None, {"rows": np.full((2, WIDE), 255, np.uint8)})[0]
    return bool((found != 255 * 127 * WIDE).any())


def _largest_sums() -> bytes:
    """A graph that multiplies rows (2, WIDE) of unsigned bytes with the largest signed ones."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    matrix = numpy_helper.from_array(np.full((WIDE, WIDE), 127, np.int8), "matrix")
    rows = helper.make_tensor_value_info("rows", TensorProto.UINT8, [2, WIDE])
    sums = helper.make_tensor_value_info("sums", TensorProto.INT32, [2, WIDE])
    graph = helper.make_graph([helper.make_node("MatMulInteger", ["rows", "matrix"], ["sums"])], "largest_sums", [rows], [sums], [matrix])
    model: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
    return model
