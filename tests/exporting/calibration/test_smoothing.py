"""Smoothed weights compute the same in float32, and lose less in 8 bits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from popinjay.exporting.calibration.smoothing import smoothed
from popinjay.exporting.onnx.compare import ExportedModel
from popinjay.exporting.onnx.graph import whole_model
from popinjay.inference.onnx.architecture import read_architecture
from popinjay.inference.onnx.graph import bare
from popinjay.models.model_files import ModelFiles

TEXTS = ([5, 61, 17, 200, 5, 44], [5, 9, 120], [5, 33, 34, 35, 36])
FRESH = [5, 7, 61, 150, 33, 90, 12, 44]


class Outliers(Mapping[str, "NDArray[Any]"]):
    """The tensors of a Llama that computes the same, with some dimensions of its rows larger."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self._tensors = tensors

    def __getitem__(self, name: str) -> NDArray[Any]:
        tensor = self._tensors[name].copy()
        if name.endswith("layernorm.weight"):
            tensor[::9] *= 60
        elif name.endswith(("q_proj.weight", "k_proj.weight", "v_proj.weight")) or name.endswith(
            ("gate_proj.weight", "up_proj.weight")
        ):
            tensor[:, ::9] /= 60
        return tensor

    def __iter__(self) -> Any:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def release(self) -> None:
        """Do nothing."""


def logits(
    model: Path, tensors: Mapping[str, NDArray[Any]], place: Path, *, exact: bool
) -> NDArray[np.float32]:
    architecture = read_architecture(model)
    onnx.save_model(whole_model(architecture, tensors, exact=exact), place)
    return ExportedModel(place, architecture).logits(FRESH)


@pytest.mark.parametrize("family", ["tiny_llama", "tiny_gpt2", "tiny_gemma"])
def test_the_same_in_float32(family: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    model: Path = request.getfixturevalue(family)
    weights = ModelFiles(model).weights()
    architecture = read_architecture(model)
    found = smoothed(architecture, weights, TEXTS)
    assert set(found) == set(bare(architecture, weights))
    is_changed = any(
        (found[name] != weight).any() for name, weight in bare(architecture, weights).items()
    )
    assert is_changed is (family == "tiny_llama")
    wanted = logits(model, weights, tmp_path / "plain.onnx", exact=True)
    np.testing.assert_allclose(
        logits(model, found, tmp_path / "smooth.onnx", exact=True), wanted, atol=1e-5
    )


def test_dimensions_that_stand_out_cost_less(tiny_llama: Path, tmp_path: Path) -> None:
    weights: Any = Outliers(ModelFiles(tiny_llama).weights())
    wanted = logits(tiny_llama, weights, tmp_path / "exact.onnx", exact=True)
    plain = logits(tiny_llama, weights, tmp_path / "plain.onnx", exact=False)
    smooth = smoothed(read_architecture(tiny_llama), weights, TEXTS)
    found = logits(tiny_llama, smooth, tmp_path / "smooth.onnx", exact=False)
    assert np.abs(found - wanted).mean() < 0.7 * np.abs(plain - wanted).mean()
