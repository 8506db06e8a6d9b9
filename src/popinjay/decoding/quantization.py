"""Weights in 8 bits: each block of a row of a matrix has a scale of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from popinjay.decoding.weights import as_float32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 256  # weights to a scale: the kernel's largest and fastest; held-out bits per byte are the same with 32 to 256
AT_ONCE = 4_000_000  # weights turned at a time, so that a large head needs no copy of itself
ZERO = 128  # what stands for 0: the kernel's own choice where it is told none


def quantize(matrix: NDArray[Any], block: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A matrix (outputs, inputs) as bytes (outputs, blocks, block) and scales (outputs, blocks): weight = (byte - ZERO) x scale.

    The largest weight of a block becomes 127 steps; the last block of a row is filled up with zeros.
    """
    import numpy as np

    outputs, inputs = matrix.shape
    blocks = -(-inputs // block)
    values = np.full((outputs, blocks, block), ZERO, np.uint8)
    scales = np.empty((outputs, blocks), np.float32)
    rows = max(1, AT_ONCE // (blocks * block))
    for start in range(0, outputs, rows):
        part = as_float32(matrix[start : start + rows])
        padded = np.zeros((len(part), blocks * block), np.float32)
        padded[:, :inputs] = part
        padded = padded.reshape(len(part), blocks, block)
        scale = np.abs(padded).max(axis=2) / 127
        scales[start : start + rows] = scale
        scale[scale == 0] = 1
        padded /= scale[:, :, None]
        values[start : start + rows] = (np.rint(padded, out=padded) + ZERO).astype(np.uint8)
    return values, scales


def block_for(inputs: int) -> int:
    """How many weights share a scale in a matrix of so many inputs: BLOCK, or less where a row is short."""
    return max(16, min(BLOCK, 1 << (inputs - 1).bit_length()))
