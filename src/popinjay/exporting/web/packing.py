"""Weights packed in 4 bits, which the page unpacks to the 8 bits that its graph computes with.

A column of a matrix is divided into blocks of 32 inputs. A block's values are 4-bit integers times
a step, which is stored as a byte: a multiple of 1/`STEPS_PER_UNIT` of the column's 8-bit scale.
`unpack` is what the page's `weights.js` does, in the same arithmetic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 32  # inputs that share a step
STEPS_PER_UNIT = 12  # the finest difference of two steps is a twelfth of the column's scale
LOWEST, HIGHEST = -8, 7  # of 4 bits
MAX_STEP = 255
# Steps that are tried for each block, as shares of the one that fits its largest value.
TRIED = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75)


class Packed(NamedTuple):
    """A matrix of 8-bit values (inputs, outputs) in 4 bits."""

    nibbles: NDArray[np.uint8]  # (blocks * 16, outputs): the lower four bits are the first half's
    steps: NDArray[np.uint8]  # (blocks, outputs)


def pack(values: NDArray[np.int8]) -> Packed:
    """Pack the 8-bit values of a matrix (inputs, outputs); inputs are a multiple of 32."""
    import numpy as np

    inputs, outputs = values.shape
    blocks = values.reshape(inputs // BLOCK, BLOCK, outputs).astype(np.float32)
    largest = np.abs(blocks).max(axis=1)
    best = np.full(largest.shape, np.inf, np.float32)
    steps = np.ones(largest.shape, np.float32)
    for share in TRIED:
        step = np.clip(np.rint(largest * share / HIGHEST * STEPS_PER_UNIT), 1, MAX_STEP)
        error = _error(blocks, step)
        better = error < best
        best[better] = error[better]
        steps[better] = step[better]
    whole = _rounded(blocks, steps).astype(np.int8).reshape(inputs // BLOCK, BLOCK, outputs)
    unsigned = (whole - LOWEST).astype(np.uint8)
    half = BLOCK // 2
    nibbles = unsigned[:, :half] | unsigned[:, half:] << 4
    return Packed(nibbles.reshape(-1, outputs), steps.astype(np.uint8))


def unpack(packed: Packed) -> NDArray[np.int8]:
    """Return the 8-bit values (inputs, outputs) that packed ones stand for."""
    import numpy as np

    blocks, outputs = packed.steps.shape
    nibbles = packed.nibbles.reshape(blocks, BLOCK // 2, outputs)
    whole = np.concatenate([nibbles & 15, nibbles >> 4], axis=1).astype(np.int32) + LOWEST
    product = whole * packed.steps[:, None].astype(np.int32)
    # Half a step is added before the division, which rounds down for either sign
    values = (2 * product + STEPS_PER_UNIT) // (2 * STEPS_PER_UNIT)
    return np.clip(values, -127, 127).astype(np.int8).reshape(blocks * BLOCK, outputs)


def _rounded(blocks: NDArray[np.float32], steps: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    whole: NDArray[np.float32] = np.rint(blocks * (STEPS_PER_UNIT / steps)[:, None])
    return np.clip(whole, LOWEST, HIGHEST, out=whole)


def _error(blocks: NDArray[np.float32], steps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the squared error of each block (blocks, outputs) with these steps."""
    difference = _rounded(blocks, steps) * (steps / STEPS_PER_UNIT)[:, None] - blocks
    error: NDArray[np.float32] = (difference * difference).sum(axis=1)
    return error
