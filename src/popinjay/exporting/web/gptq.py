"""GPTQ (Frantar et al. 2022, arXiv 2210.17323): rounding whose errors later weights make up for.

The weights of a matrix are rounded input by input. What rounding one of them changes in the outputs
is taken out of those that are not rounded yet, as far as their inputs go together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from popinjay.exporting.web.packing import BLOCK, Coded, Grid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DAMPING = 0.01  # added to the diagonal, as a share of its mean


def compensated(values: NDArray[np.int8], hessian: NDArray[np.float32], bits: int) -> Coded:
    """Round 8-bit weights (inputs, outputs), of a multiple of 32 inputs, to fewer bits.

    Args:
        values: The weights.
        hessian: The sum of the outer products of the rows that they are multiplied with
            (inputs, inputs).
        bits: The bits of a weight.
    """
    import numpy as np

    grid = Grid(bits)
    factor = _factor(hessian)
    left = values.astype(np.float32)  # what the weights should be, after what was rounded
    inputs, outputs = left.shape
    codes = np.empty((inputs, outputs), np.uint8)
    steps = np.empty((inputs // BLOCK, outputs), np.int8)
    for start in range(0, inputs, BLOCK):
        end = start + BLOCK
        block = left[start:end]
        importance = 1 / np.diagonal(factor)[start:end] ** 2
        step = grid.steps(block[None], importance[None, :, None])[0]
        steps[start // BLOCK] = step
        errors = np.empty_like(block)
        for row in range(BLOCK):
            place = start + row
            codes[place] = grid.codes(block[row], step)
            error = block[row] - grid.weights(codes[place], step)
            error /= factor[place, place]
            errors[row] = error
            block[row + 1 :] -= factor[place, place + 1 : end, None] * error
        left[end:] -= factor[start:end, end:].T @ errors
    return Coded(codes, steps)


def _factor(hessian: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the upper Cholesky factor of the inverse of a damped Hessian."""
    import numpy as np

    damped = hessian.astype(np.float64)
    diagonal = np.diagonal(damped).copy()
    damped[np.diag_indices_from(damped)] = diagonal + max(DAMPING * diagonal.mean(), 1e-12)
    # The inverse is U' U with U upper triangular: of the reversed matrix it is a lower inverse.
    lower = np.linalg.cholesky(damped[::-1, ::-1])
    upper = np.linalg.inv(lower)[::-1, ::-1]
    found: NDArray[np.float32] = np.ascontiguousarray(upper, np.float32)
    return found
