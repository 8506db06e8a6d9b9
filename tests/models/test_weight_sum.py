"""Weighted sums of models' files."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from popinjay.errors import BaseModelError
from popinjay.models.weight_sum import write_sum
from popinjay.models.weights import Weights


def model(folder: Path, tensors: dict[str, torch.Tensor]) -> Weights:
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    return Weights(folder)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_sum_has_the_dtype_of_its_terms(tmp_path: Path, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    a, b = (torch.randn(7, 5).to(dtype) for _ in range(2))
    first, second = model(tmp_path / "a", {"w": a}), model(tmp_path / "b", {"w": b})
    write_sum([(0.7, first), (0.3, second)], tmp_path / "sum.safetensors")
    found = load_file(tmp_path / "sum.safetensors")["w"]
    assert found.dtype == dtype
    expected = (0.7 * a.float() + 0.3 * b.float()).to(dtype)
    torch.testing.assert_close(found, expected)


def test_the_ends_are_the_models_themselves(tmp_path: Path) -> None:
    a = model(tmp_path / "a", {"w": torch.randn(3, 3)})
    b = model(tmp_path / "b", {"w": torch.full((3, 3), float("nan"))})
    write_sum([(1.0, a), (0.0, b)], tmp_path / "sum.safetensors")
    assert (tmp_path / "sum.safetensors").read_bytes()[-36:] == a.path.read_bytes()[-36:]


def test_terms_of_different_precision_are_added_in_the_higher_one(tmp_path: Path) -> None:
    a = model(tmp_path / "a", {"w": torch.ones(2, 2)})
    b = model(tmp_path / "b", {"model.w": torch.ones(2, 2, dtype=torch.bfloat16)})
    write_sum([(0.5, a), (0.25, b)], tmp_path / "sum.safetensors")
    found = load_file(tmp_path / "sum.safetensors")
    assert found["w"].dtype == torch.float32
    assert found["w"].tolist() == [[0.75, 0.75], [0.75, 0.75]]


@pytest.mark.parametrize("other", [{"v": torch.ones(2)}, {"w": torch.ones(3)}])
def test_models_of_other_tensors_are_refused(
    tmp_path: Path, other: dict[str, torch.Tensor]
) -> None:
    a, b = model(tmp_path / "a", {"w": torch.ones(2)}), model(tmp_path / "b", other)
    with pytest.raises(BaseModelError, match="same tensors"):
        write_sum([(0.5, a), (0.5, b)], tmp_path / "sum.safetensors")
    assert not (tmp_path / "sum.safetensors").exists()


def test_memory_does_not_grow_with_the_model(tmp_path: Path) -> None:
    megabytes = 128
    tensor = {"w": torch.ones(megabytes * 2**18)}
    a, b = model(tmp_path / "a", tensor), model(tmp_path / "b", tensor)
    del tensor
    tracemalloc.start()
    write_sum([(0.5, a), (0.5, b)], tmp_path / "sum.safetensors")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * 2**20
    assert np.memmap(tmp_path / "sum.safetensors", np.float32, mode="r")[-1] == 1.0
