"""Weights packed in 4 or 5 bits, which the page unpacks to the 8 bits that its graph computes with.

A column of a matrix is divided into blocks of 32 inputs. A block has a step, a signed byte, and
each of its weights a code: the weight is the code's entry in a table, times the step, over 128. The
step's sign lets the largest weight, of whichever sign, be the table's lowest entry. `unpack` is
what the page's `weights.js` does, in the same arithmetic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 32  # inputs that share a step
HALF = BLOCK // 2
UNIT = 128  # that table entries are over; the lowest is -UNIT, for 4 bits nearly
MOST = 127  # the largest absolute value of a weight
TABLES = {  # by bits; weights are about normal, so entries near zero may lie closer together
    4: (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113),
    5: tuple(range(-UNIT, UNIT, 8)),
}
# Steps that are tried for each block, as shares of the one that fits its largest weight.
TRIED = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75)


class Coded(NamedTuple):
    """A matrix in few bits, a byte for each code."""

    codes: NDArray[np.uint8]  # (inputs, outputs)
    steps: NDArray[np.int8]  # (blocks, outputs)


class Packed(NamedTuple):
    """A matrix in few bits, as it is stored."""

    steps: NDArray[np.int8]  # (blocks, outputs)
    nibbles: NDArray[np.uint8]  # (blocks * 16, outputs): the lower four bits are the first half's
    fifths: NDArray[np.uint8]  # (blocks * 4 or 0, outputs): the fifth bits of 8 inputs each


class Grid:
    """The weights that can be stored in so many bits."""

    def __init__(self, bits: int) -> None:
        import numpy as np

        self.bits = bits
        self._table = np.array(TABLES[bits], np.int32)
        middles = (self._table[1:] + self._table[:-1]) / 2
        self._nearest = np.searchsorted(middles, np.arange(-UNIT, UNIT)).astype(np.uint8)

    def codes(self, weights: NDArray[Any], steps: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the nearest codes of weights, with steps that broadcast to them."""
        import numpy as np

        entries = np.rint(weights * (np.float32(UNIT) / steps))
        return self._nearest[np.clip(entries, -UNIT, UNIT - 1).astype(np.int16) + UNIT]

    def weights(self, codes: NDArray[np.uint8], steps: NDArray[Any]) -> NDArray[np.int32]:
        """Return the 8-bit weights that codes stand for, with steps that broadcast to them."""
        import numpy as np

        product = self._table[codes] * steps.astype(np.int32)
        rounded: NDArray[np.int32] = np.clip((product + UNIT // 2) >> 7, -MOST, MOST)
        return rounded

    def steps(self, weights: NDArray[Any], importance: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the best of the steps tried for blocks (blocks, 32, outputs): (blocks, outputs).

        Args:
            weights: The weights of the blocks, in 8-bit units.
            importance: The factor of each squared error (blocks, 32, 1), if they count differently.
        """
        import numpy as np

        place = np.abs(weights).argmax(axis=1)[:, None]
        largest = np.take_along_axis(weights, place, axis=1)[:, 0].astype(np.float32)
        best = np.full(largest.shape, np.inf, np.float32)
        found = np.ones(largest.shape, np.float32)
        for share in TRIED:
            step = np.clip(np.rint(-largest * share), -UNIT, UNIT - 1)
            step[step == 0] = 1
            wide = step[:, None]
            difference = self._table[self.codes(weights, wide)] * (wide / UNIT) - weights
            difference *= difference
            if importance is not None:
                difference *= importance
            error = difference.sum(axis=1)
            better = error < best
            best[better] = error[better]
            found[better] = step[better]
        return found


def rounded(values: NDArray[np.int8], bits: int) -> Coded:
    """Round each of the 8-bit weights (inputs, outputs), of a multiple of 32 inputs, by itself."""
    import numpy as np

    grid = Grid(bits)
    inputs, outputs = values.shape
    blocks = values.reshape(inputs // BLOCK, BLOCK, outputs).astype(np.float32)
    steps = grid.steps(blocks)
    codes = grid.codes(blocks, steps[:, None])
    return Coded(codes.reshape(inputs, outputs), steps.astype(np.int8))


def decoded(coded: Coded, bits: int) -> NDArray[np.int8]:
    """Return the 8-bit weights (inputs, outputs) that codes stand for."""
    import numpy as np

    blocks, outputs = coded.steps.shape
    codes = coded.codes.reshape(blocks, BLOCK, outputs)
    weights = Grid(bits).weights(codes, coded.steps[:, None])
    return weights.astype(np.int8).reshape(blocks * BLOCK, outputs)


def pack(coded: Coded, bits: int) -> Packed:
    """Pack codes."""
    import numpy as np

    blocks, outputs = coded.steps.shape
    codes = coded.codes.reshape(blocks, BLOCK, outputs)
    nibbles = (codes[:, :HALF] & 15 | (codes[:, HALF:] & 15) << 4).astype(np.uint8)
    fifths = np.packbits(codes >> 4, axis=1, bitorder="little")
    if bits == 4:
        fifths = fifths[:, :0]
    return Packed(coded.steps, nibbles.reshape(-1, outputs), fifths.reshape(-1, outputs))


def unpack(packed: Packed, bits: int) -> NDArray[np.int8]:
    """Return the 8-bit weights (inputs, outputs) that packed ones stand for."""
    import numpy as np

    blocks, outputs = packed.steps.shape
    nibbles = packed.nibbles.reshape(blocks, HALF, outputs)
    codes = np.concatenate([nibbles & 15, nibbles >> 4], axis=1)
    if bits == 5:
        fifths = packed.fifths.reshape(blocks, -1, outputs)
        codes |= np.unpackbits(fifths, axis=1, bitorder="little") << 4
    return decoded(Coded(codes.reshape(-1, outputs), packed.steps), bits)
