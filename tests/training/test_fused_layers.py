"""Tests of the fused layers for training, against the layers of transformers that they replace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from popinjay.models.language_model import LanguageModel
from popinjay.training.batches import training_sequences
from popinjay.training.fused_layers import Fused, attention
from popinjay.training.llama_layer import FusedLayers
from popinjay.training.train_step import TrainStep, fused_layers
from popinjay.training.trainable import FULL, LORA, trainable_weights

POSTS = [
    "the lamp sings",
    "the river hums near people while people wait",
    "people wait near the lamp while the river sings 🎈",
]


def train_step(folder: Path, work: Path, tune: str, precision: str = "fp32") -> TrainStep:
    """Return a train step whose adapters, if it has any, do not start at zero."""
    torch.manual_seed(0)
    model = LanguageModel.load(folder)
    learnt = training_sequences(model, POSTS)
    tuned = trainable_weights(tune, model, "base", 0, precision)
    made = TrainStep(model, tuned, learnt, work, precision=precision)
    for name, weight in made.weights.items():
        if "lora_B" in name:
            weight.data.normal_(0, 0.05)
    return made


def gradients(made: TrainStep) -> tuple[float, dict[str, torch.Tensor]]:
    loss = made.loss(training_sequences(made.model, POSTS))
    found = torch.autograd.grad(loss, list(made.weights.values()))
    return loss.item(), dict(zip(made.weights, found, strict=True))


@pytest.mark.parametrize("tune", [FULL, LORA])
@pytest.mark.parametrize("family", ["tiny_gpt2", "tiny_llama"])
def test_loss_and_gradients_are_those_of_the_layers_replaced(
    family: str, tune: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    made = train_step(request.getfixturevalue(family), tmp_path, tune)
    assert made.fused is not None
    loss, quick = gradients(made)
    made.fused = None
    expected, plain = gradients(made)
    assert loss == pytest.approx(expected, rel=1e-5)
    for name, wanted in plain.items():
        assert (quick[name] - wanted).norm() <= 1e-4 * wanted.norm() + 1e-7, name


def test_only_a_llama_with_adapters_uses_the_fused_layers(
    tiny_llama: Path, tiny_gpt2: Path, tmp_path: Path
) -> None:
    kinds = {
        (folder.name, tune): type(train_step(folder, tmp_path, tune).fused)
        for folder in (tiny_llama, tiny_gpt2)
        for tune in (FULL, LORA)
    }
    assert kinds == {
        (tiny_llama.name, FULL): Fused,
        (tiny_llama.name, LORA): FusedLayers,
        (tiny_gpt2.name, FULL): Fused,
        (tiny_gpt2.name, LORA): Fused,
    }


@pytest.mark.parametrize("family", ["tiny_gpt2", "tiny_llama"])
def test_the_original_layers_are_restored_after_a_step(
    family: str, request: pytest.FixtureRequest
) -> None:
    model = LanguageModel.load(request.getfixturevalue(family))
    trainable_weights(LORA, model, "base", 0)
    before = [(name, type(module)) for name, module in model.model.named_modules()]
    implementation = model.model.config._attn_implementation
    forwards = [module.forward for module in model.model.modules()]
    with fused_layers(model, "fp32").active():
        is_changed = [module.forward for module in model.model.modules()] != forwards
        assert is_changed or model.model.config._attn_implementation != implementation
    assert [(name, type(module)) for name, module in model.model.named_modules()] == before
    assert model.model.config._attn_implementation == implementation
    assert [module.forward for module in model.model.modules()] == forwards


def test_adapters_in_half_precision_are_close_to_full_precision(
    tiny_llama: Path, tmp_path: Path
) -> None:
    (tmp_path / "half").mkdir()
    whole, _ = gradients(train_step(tiny_llama, tmp_path, LORA))
    half, found = gradients(train_step(tiny_llama, tmp_path / "half", LORA, "bf16"))
    assert half == pytest.approx(whole, rel=0.01)
    assert all(gradient.dtype == torch.float32 for gradient in found.values())


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("length", [7, 200])
def test_attention_equals_that_of_torch(length: int, window: int | None) -> None:
    torch.manual_seed(0)
    query = torch.randn(2, 6, length, 8, dtype=torch.float64, requires_grad=True)
    key = torch.randn(2, 3, length, 8, dtype=torch.float64, requires_grad=True)
    value = torch.randn(2, 3, length, 8, dtype=torch.float64, requires_grad=True)
    distance = torch.arange(length)[:, None] - torch.arange(length)
    allowed = (distance >= 0) & (distance < (window or length))
    function: Any = torch.nn.functional.scaled_dot_product_attention
    wanted = function(query, key, value, attn_mask=allowed, enable_gqa=True).transpose(1, 2)
    found, _ = attention(None, query, key, value, None, sliding_window=window)
    torch.testing.assert_close(found, wanted)
    inputs = (query, key, value)
    upstream = torch.randn_like(wanted)
    for ours, theirs in zip(
        torch.autograd.grad(found, inputs, upstream),
        torch.autograd.grad(wanted, inputs, upstream),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_long_rows_in_full_precision_store_no_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("popinjay.training.fused_layers.MAX_MATERIALIZED_LENGTH", 4)
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, heads, 9, 8) for heads in (4, 2, 2))
    short, _ = attention(None, query[:, :, :4], key[:, :, :4], value[:, :, :4], None)
    long, _ = attention(None, query, key, value, None)
    torch.testing.assert_close(long[:, :4], short)
