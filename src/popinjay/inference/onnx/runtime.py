"""ONNX Runtime, kept from reporting to its maker, and what it makes of this processor."""

from __future__ import annotations

import functools
import os
from typing import Any

WIDE = 64  # products of bytes in a sum: more than any instruction takes at once
# An ONNX graph: y (r, c) = MatMulInteger(a (r, k) of unsigned bytes, b (k, c) of signed ones). As bytes, since importing onnx would take longer.
PRODUCT = (
    b'\x08\n:b\n\x18\n\x01a\n\x01b\x12\x01y"\rMatMulInteger\x12\x01gZ\x15\n\x01a\x12\x10\n\x0e\x08\x02\x12\n\n\x03\x12\x01r\n\x03\x12\x01k'
    b"Z\x15\n\x01b\x12\x10\n\x0e\x08\x03\x12\n\n\x03\x12\x01k\n\x03\x12\x01cb\x15\n\x01y\x12\x10\n\x0e\x08\x06\x12\n\n\x03\x12\x01r\n\x03\x12\x01cB\x04\n\x00\x10\x15"
)


def runtime() -> Any:
    """The module, imported the only way it should be."""
    os.environ["ORT_DISABLE_TELEMETRY"] = (
        "1"  # from its import on it would tell its maker that it runs, and how
    )
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


@functools.cache
def saturates() -> bool:
    """Whether sums of unsigned bytes times signed ones are cut off where they grow large, so that both had better be unsigned.

    x86 processors without VNNI instructions add two such products in 16 bits, and ONNX Runtime lets them.
    """
    import numpy as np

    session = runtime().InferenceSession(PRODUCT, providers=["CPUExecutionProvider"])
    found = session.run(
        None, {"a": np.full((2, WIDE), 255, np.uint8), "b": np.full((WIDE, WIDE), 127, np.int8)}
    )[0]
    return bool((found != 255 * 127 * WIDE).any())
