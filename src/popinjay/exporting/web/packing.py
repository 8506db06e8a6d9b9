"""Weights packed in 5 bits, which the page unpacks to the 8 bits that its graph computes with.

With 4 bits SmolLM2 loses 8% of held-out bits a byte, and with 5 bits less than 2% (docs/log.md).

A column of a matrix is divided into blocks of 32 inputs. A block's values are small signed integers
times a step, which is stored as a signed byte: its sign lets the largest value, of whichever sign,
be the lowest integer. `unpack` is what the page's `weights.js` does, in the same arithmetic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 32  # inputs that share a step
HALF = BLOCK // 2
BITS = 5
HIGHEST = 1 << BITS - 1  # values are at least -HIGHEST and less than HIGHEST
# Steps that are tried for each block, as shares of the one that fits its largest value.
TRIED = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75)


class Packed(NamedTuple):
    """A matrix of 8-bit values (inputs, outputs) in fewer bits."""

    steps: NDArray[np.int8]  # (blocks, outputs)
    nibbles: NDArray[np.uint8]  # (blocks * 16, outputs): the lower four bits are the first half's
    fifths: NDArray[np.uint8]  # (blocks * 4, outputs): the fifth bits of 8 inputs each


def pack(values: NDArray[np.int8]) -> Packed:
    """Pack the 8-bit values of a matrix (inputs, outputs), whose inputs are a multiple of 32."""
    import numpy as np

    inputs, outputs = values.shape
    blocks = values.reshape(inputs // BLOCK, BLOCK, outputs).astype(np.float32)
    place = np.abs(blocks).argmax(axis=1)[:, None]
    largest = np.take_along_axis(blocks, place, axis=1)[:, 0]
    best = np.full(largest.shape, np.inf, np.float32)
    steps = np.ones(largest.shape, np.float32)
    for share in TRIED:
        step = np.rint(-largest * share)  # in units of 1 / HIGHEST
        step[step == 0] = 1
        difference = _rounded(blocks, step) * step[:, None] / HIGHEST - blocks
        error = (difference * difference).sum(axis=1)
        better = error < best
        best[better] = error[better]
        steps[better] = step[better]
    unsigned = (_rounded(blocks, steps) + HIGHEST).astype(np.uint8)
    nibbles = (unsigned[:, :HALF] & 15 | (unsigned[:, HALF:] & 15) << 4).astype(np.uint8)
    fifths = np.packbits(unsigned >> 4, axis=1, bitorder="little")
    return Packed(steps.astype(np.int8), nibbles.reshape(-1, outputs), fifths.reshape(-1, outputs))


def unpack(packed: Packed) -> NDArray[np.int8]:
    """Return the 8-bit values (inputs, outputs) that packed ones stand for."""
    import numpy as np

    blocks, outputs = packed.steps.shape
    nibbles = packed.nibbles.reshape(blocks, HALF, outputs)
    whole = np.concatenate([nibbles & 15, nibbles >> 4], axis=1).astype(np.int32)
    fifths = packed.fifths.reshape(blocks, -1, outputs)
    whole += np.unpackbits(fifths, axis=1, bitorder="little").astype(np.int32) << 4
    product = (whole - HIGHEST) * packed.steps[:, None].astype(np.int32)
    values = (product + HIGHEST // 2) >> BITS - 1  # rounded
    found: NDArray[np.int8] = np.clip(values, -127, 127).astype(np.int8)
    return found.reshape(blocks * BLOCK, outputs)


def _rounded(blocks: NDArray[np.float32], steps: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    whole: NDArray[np.float32] = np.rint(blocks * (HIGHEST / steps)[:, None])
    return np.clip(whole, -HIGHEST, HIGHEST - 1, out=whole)
