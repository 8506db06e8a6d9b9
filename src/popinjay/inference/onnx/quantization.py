"""Quantization of weights to 8 bits, with a scale for each output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from popinjay.errors import BaseModelError
from popinjay.models.weights import as_float32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STEPS = 127  # the largest absolute value of a column, or of a row of activations
ZERO = 128  # the zero point of unsigned bytes
MAX_CHUNK_WEIGHTS = 4_000_000  # quantized at once, so that no large matrix is copied whole


def quantize(matrix: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Quantize a matrix (inputs, outputs): weight = value * scale.

    Returns values (inputs, outputs) and scales (outputs,). Raises BaseModelError if a weight is not
    finite.
    """
    import numpy as np

    inputs, outputs = matrix.shape
    values = np.empty((inputs, outputs), np.int8)
    scales = np.empty(outputs, np.float32)
    columns = max(1, MAX_CHUNK_WEIGHTS // inputs)
    for start in range(0, outputs, columns):
        part = as_float32(matrix[:, start : start + columns])
        scale = np.abs(part).max(axis=0) / STEPS
        if not np.isfinite(scale).all():
            raise BaseModelError(
                "The model's weights are damaged: some are not numbers.",
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
    """Concatenate quantized matrices of the same inputs to one (inputs, all outputs)."""
    import numpy as np

    if len(parts) == 1:
        return parts[0]
    values = np.concatenate([values for values, _ in parts], axis=1)
    scales = np.concatenate([scales for _, scales in parts])
    return values, scales
