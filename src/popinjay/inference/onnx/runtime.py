"""ONNX Runtime without telemetry, and its arithmetic on this processor."""

from __future__ import annotations

import functools
import os
from typing import Any

WIDTH = 64  # terms of a dot product: more than any instruction adds at once
# A serialized ONNX graph, because importing onnx would take longer:
# y (r, c) = MatMulInteger(a (r, k) of unsigned bytes, b (k, c) of signed bytes)
PRODUCT = (
    b'\x08\n:b\n\x18\n\x01a\n\x01b\x12\x01y"\rMatMulInteger\x12\x01gZ\x15\n\x01a\x12\x10\n\x0e'
    b"\x08\x02\x12\n\n\x03\x12\x01r\n\x03\x12\x01kZ\x15\n\x01b\x12\x10\n\x0e\x08\x03\x12\n\n\x03"
    b"\x12\x01k\n\x03\x12\x01cb\x15\n\x01y\x12\x10\n\x0e\x08\x06\x12\n\n\x03\x12\x01r\n\x03\x12"
    b"\x01cB\x04\n\x00\x10\x15"
)


@functools.cache
def runtime() -> Any:
    """Import onnxruntime without telemetry, all its sessions on one thread pool.

    There is no other import of it. With a pool each, the threads of one session spin for a while
    after its step and hold up the next one's: a mixture of two models was at 0.35 times the speed
    of one instead of 0.5. There are no more threads than OMP_NUM_THREADS, if set: a limit for
    PyTorch and NumPy holds here too.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # it would start with the import
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    threads = os.environ.get("OMP_NUM_THREADS", "")
    onnxruntime.set_global_thread_pool_sizes(int(threads) if threads.isdecimal() else 0, 1)
    return onnxruntime


def session_options() -> Any:
    """Return options of a session: quiet, and on the threads that all of them share."""
    options = runtime().SessionOptions()
    options.log_severity_level = 3
    options.use_per_session_threads = False
    return options


@functools.cache
def saturates() -> bool:
    """Return whether sums of products of unsigned and signed bytes saturate on this processor.

    x86 processors without VNNI instructions add two such products in 16 bits. There, weights must
    be unsigned too.
    """
    import numpy as np

    session = runtime().InferenceSession(
        PRODUCT, session_options(), providers=["CPUExecutionProvider"]
    )
    products = session.run(
        None, {"a": np.full((2, WIDTH), 255, np.uint8), "b": np.full((WIDTH, WIDTH), 127, np.int8)}
    )[0]
    return bool((products != 255 * 127 * WIDTH).any())
