"""Weights in 4 bits: what unpacking gives, and how near it is."""

from __future__ import annotations

import numpy as np
import pytest

from popinjay.exporting.web.packing import BLOCK, pack, unpack


@pytest.mark.parametrize("shape", [(32, 5), (96, 64)])
def test_what_is_unpacked_is_near(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(0, 30, shape)
    whole = np.clip(np.rint(values), -127, 127).astype(np.int8)
    packed = pack(whole)
    assert packed.nibbles.nbytes * 2 == whole.nbytes
    assert packed.steps.shape == (shape[0] // BLOCK, shape[1])
    error = unpack(packed).astype(float) - whole
    assert np.sqrt((error**2).mean()) < 0.12 * np.sqrt((whole.astype(float) ** 2).mean())


def test_extremes_survive() -> None:
    whole = np.zeros((32, 3), np.int8)
    whole[0] = [127, -127, 1]
    unpacked = unpack(pack(whole))
    assert np.abs(unpacked.astype(int) - whole).max() <= 8
    assert not unpacked[1:].any()
    assert not unpack(pack(np.zeros((64, 2), np.int8))).any()
