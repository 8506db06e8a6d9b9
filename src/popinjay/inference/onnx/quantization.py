"""Weights in 8 bits: each column of a matrix, what makes one output, has a scale of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from popinjay.errors import BaseModelError
from popinjay.models.weights import as_float32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STEPS = 127  # from 0 to the largest number of a column, or of a row of activations
ZERO = 128  # what stands for 0 in unsigned bytes
AT_ONCE = 4_000_000  # weights turned at a time, so that a large head needs no copy of itself


def quantize(matrix: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A matrix (inputs, outputs) as bytes of the same shape and scales (outputs,): weight = byte x scale.

    Raises BaseModelError for what is no number.
    """
    import numpy as np

    inputs, outputs = matrix.shape
    values = np.empty((inputs, outputs), np.int8)
    scales = np.empty(outputs, np.float32)
    columns = max(1, AT_ONCE // inputs)
    for start in range(0, outputs, columns):
        part = as_float32(matrix[:, start : start + columns])
        scale = np.abs(part).max(axis=0) / STEPS
        if not np.isfinite(scale).all():
            raise BaseModelError(
                "The model's weights are damaged: some are no numbers.",
                "Make the persona again, or take a fresh copy of it.",
            )
        scale[scale == 0] = 1
        scales[start : start + columns] = scale
        scaled = part / scale
        values[:, start : start + columns] = np.rint(scaled, out=scaled)
    return values, scales


def side_by_side(
    parts: Sequence[tuple[NDArray[np.int8], NDArray[np.float32]]],
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Matrices of as many inputs each, quantized, as one (inputs, all outputs)."""
    import numpy as np

    if len(parts) == 1:
        return parts[0]
    return np.concatenate([values for values, _ in parts], axis=1), np.concatenate(
        [scales for _, scales in parts]
    )
