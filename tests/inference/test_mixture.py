"""Tests of mixtures of decoders: the weighted sum of their logits, for any rows in the batch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models import END, gpt2, llama
from popinjay.inference.decoder import Decoder
from popinjay.inference.mixture import CUT_OFF, MixtureDecoder, mean_sampling
from popinjay.inference.onnx.decoder import OnnxDecoder
from popinjay.inference.open_decoder import open_decoder
from popinjay.inference.torch_decoder import TorchDecoder
from popinjay.models.language_model import LanguageModel
from popinjay.options import Sampling

if TYPE_CHECKING:
    from popinjay.inference.decoder import Logits

PROMPT = [0, 61, 17, 200, 5, 44]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two models of the same tokenizer."""
    home = tmp_path_factory.mktemp("models")
    return gpt2(home / "gpt2"), llama(home / "llama", (END,))


@pytest.fixture(params=["onnx", "torch"])
def members(request: pytest.FixtureRequest, folders: tuple[Path, Path]) -> list[Decoder]:
    if request.param == "onnx":
        return [OnnxDecoder(folder) for folder in folders]
    return [TorchDecoder(LanguageModel.load(folder)) for folder in folders]


def row_of(decoder: Decoder, tokens: list[int]) -> Logits:
    """Return the logits behind these tokens, computed in a row of its own."""
    reader = decoder.clone()
    reader.prefill(PROMPT)
    reader.add(1)
    logits = np.zeros((1, 0), np.float32)
    for token in tokens:
        logits = reader.step([token])
    found: Logits = logits[0].copy()
    return found


def test_the_logits_are_the_weighted_sum_of_the_members(members: list[Decoder]) -> None:
    mixture = MixtureDecoder([one.clone() for one in members], [0.7, 0.3])
    first = mixture.prefill(PROMPT)
    expected = 0.7 * members[0].prefill(PROMPT) + 0.3 * members[1].prefill(PROMPT)
    np.testing.assert_allclose(first, expected, atol=1e-5)
    mixture.add(3)
    mixture.step([5, 6, 7])
    found = mixture.step([8, 9, 10]).copy()
    mixture.filter([2, 0])
    later = mixture.step([11, 12])
    for logits, tokens in (
        (found[1], [6, 9]),
        (later[0], [7, 10, 11]),
        (later[1], [5, 8, 12]),
    ):
        own = [row_of(one, tokens) for one in members]
        np.testing.assert_allclose(logits, 0.7 * own[0] + 0.3 * own[1], atol=1e-5)


def test_a_sum_of_logits_has_the_probabilities_of_a_product_of_experts(
    members: list[Decoder],
) -> None:
    def softmax(logits: Logits) -> Logits:
        weights = np.exp(logits - logits.max())
        found: Logits = weights / weights.sum()
        return found

    first, second = (softmax(one.prefill(PROMPT)) for one in members)
    product = first**0.6 * second**0.4
    found = softmax(MixtureDecoder([one.clone() for one in members], [0.6, 0.4]).prefill(PROMPT))
    np.testing.assert_allclose(found, product / product.sum(), rtol=1e-4)


def test_rows_join_behind_another_prompt(folders: tuple[Path, Path]) -> None:
    mixture = MixtureDecoder([OnnxDecoder(folder) for folder in folders], [0.5, 0.5])
    assert mixture.supports_joining
    mixture.prefill(PROMPT)
    mixture.add(1)
    mixture.step([5])
    reader = mixture.clone()
    reader.prefill([0, 9])
    mixture.add(1, reader.prefix)
    found = mixture.step([6, 7]).copy()
    np.testing.assert_array_equal(found[0], row_of(mixture, [5, 6]))
    reader.add(1)
    np.testing.assert_array_equal(found[1], reader.step([7])[0])


def test_a_row_does_not_depend_on_the_others(folders: tuple[Path, Path]) -> None:
    mixture = MixtureDecoder([OnnxDecoder(folder) for folder in folders], [1.4, -0.4])
    mixture.prefill(PROMPT)
    mixture.add(5)
    found = mixture.step([5, 6, 7, 8, 9]).copy()
    for row, token in enumerate([5, 6, 7, 8, 9]):
        np.testing.assert_array_equal(found[row], row_of(mixture, [token]))


def test_a_single_member_of_weight_one_is_computed_as_alone(folders: tuple[Path, Path]) -> None:
    alone = OnnxDecoder(folders[0])
    mixture = MixtureDecoder([alone.clone()], [1.0], sampling=Sampling(0.5, 0.9))
    np.testing.assert_array_equal(mixture.prefill(PROMPT), alone.prefill(PROMPT))
    np.testing.assert_array_equal(row_of(mixture, [5, 6]), row_of(alone, [5, 6]))
    assert mixture.sampling == Sampling(0.5, 0.9)


def test_a_negative_weight_cuts_off_what_the_others_would_not_write(
    folders: tuple[Path, Path],
) -> None:
    own, base = (OnnxDecoder(folder) for folder in folders)
    share = 0.9  # of the highest probability: models of random weights have flat distributions
    cut = MixtureDecoder([own.clone(), base.clone()], [1.5, -0.5], plausible=share).prefill(PROMPT)
    free = MixtureDecoder([own.clone(), base.clone()], [1.5, -0.5], plausible=0).prefill(PROMPT)
    logits = own.prefill(PROMPT)
    plausible = np.exp(logits - logits.max()) >= share
    assert 0 < plausible.sum() < len(logits)
    np.testing.assert_allclose(cut[plausible], free[plausible], atol=1e-4)
    np.testing.assert_allclose(cut[~plausible], free[~plausible] - CUT_OFF, atol=1e-3)
    positive = MixtureDecoder([own.clone(), base.clone()], [0.5, 0.5], plausible=share)
    np.testing.assert_allclose(
        positive.prefill(PROMPT), 0.5 * logits + 0.5 * base.prefill(PROMPT), atol=1e-4
    )


def test_settings_and_suppressed_tokens_are_those_of_the_positive_members(
    folders: tuple[Path, Path],
) -> None:
    decoders = [OnnxDecoder(folder) for folder in (*folders, folders[0])]
    for number, decoder in enumerate(decoders):
        decoder.suppressed_tokens = [10 + number]
        decoder.sampling = Sampling(0.5 + number / 10, 0.9)
    mixture = MixtureDecoder(decoders, [0.75, 0.5, -0.25])
    assert list(mixture.suppressed_tokens) == [10, 11]
    assert mixture.sampling.temperature == pytest.approx((0.75 * 0.5 + 0.5 * 0.6) / 1.25)
    assert mean_sampling([(Sampling(1.0, 0.8), 2.0)]) == Sampling(1.0, 0.8)


def test_it_is_a_decoder(folders: tuple[Path, Path]) -> None:
    mixture: Decoder = MixtureDecoder([open_decoder(folder) for folder in folders], [0.5, 0.5])
    assert mixture.decode(mixture.encode("the river hums")) == "the river hums"
    assert mixture.context == 128
    assert mixture.pieces() is not None
    assert mixture.max_batch_rows(64) >= 10
