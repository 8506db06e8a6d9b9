"""GPTQ: what it gains on inputs that go together, and that it is plain rounding on others."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from popinjay.exporting.web.gptq import compensated
from popinjay.exporting.web.packing import decoded, rounded

INPUTS, OUTPUTS, ROWS = 96, 24, 400


def matrix(seed: int = 0) -> NDArray[np.int8]:
    values = np.random.default_rng(seed).normal(0, 30, (INPUTS, OUTPUTS))
    return np.clip(np.rint(values), -127, 127).astype(np.int8)


def correlated_rows(seed: int = 1) -> NDArray[np.float32]:
    """Return rows that mostly lie in a space of few dimensions, as those of a model do."""
    random = np.random.default_rng(seed)
    few = random.normal(0, 1, (ROWS, 16)) @ random.normal(0, 1, (16, INPUTS))
    return (few + random.normal(0, 0.3, few.shape)).astype(np.float32)


def error(rows: NDArray[np.float32], whole: NDArray[np.int8], found: NDArray[np.int8]) -> float:
    return float(((rows @ (whole.astype(np.float32) - found)) ** 2).sum())


@pytest.mark.parametrize("bits", [4, 5])
def test_the_error_on_correlated_rows_is_far_below_that_of_rounding(bits: int) -> None:
    whole, rows = matrix(), correlated_rows()
    alone = error(rows, whole, decoded(rounded(whole, bits), bits))
    together = error(rows, whole, decoded(compensated(whole, rows.T @ rows, bits), bits))
    assert together < 0.3 * alone
    fresh = rows @ np.eye(INPUTS, dtype=np.float32) + np.float32(0.1)  # not the calibrated ones
    assert error(fresh, whole, decoded(compensated(whole, rows.T @ rows, bits), bits)) < alone


def test_it_is_deterministic() -> None:
    rows = correlated_rows()
    one, other = (compensated(matrix(), rows.T @ rows, 4) for _ in range(2))
    assert (one.codes == other.codes).all()
    assert (one.steps == other.steps).all()


def test_inputs_that_do_not_go_together_are_rounded_alone() -> None:
    alone = rounded(matrix(), 4)
    found = compensated(matrix(), np.eye(INPUTS, dtype=np.float32), 4)
    assert (found.codes == alone.codes).all()
    assert (found.steps == alone.steps).all()


def test_inputs_that_are_always_zero_and_no_rows_at_all() -> None:
    rows = correlated_rows()
    rows[:, ::3] = 0
    whole = matrix()
    for hessian in (rows.T @ rows, np.zeros((INPUTS, INPUTS), np.float32)):
        found = decoded(compensated(whole, hessian, 4), 4).astype(float)
        assert np.abs(found - whole).max() < 60
        assert np.sqrt(((found - whole) ** 2).mean()) < 12
