"""Tests of the sampler: its probabilities are exactly those of a plain sort."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from popinjay.sampling.sampler import Sampler, SamplingParams

DRAWS = 6_000
Floats = np.ndarray[Any, Any]


def exact(logits: Floats, shape: SamplingParams) -> Floats:
    """Return the distribution by sorting everything, in the order of transformers' processors."""
    logits = logits.astype(np.float64) / shape.temperature
    order = np.argsort(-logits, kind="stable")
    chances = np.exp(logits[order] - logits.max())
    if shape.top_k:
        chances[shape.top_k :] = 0
    chances /= chances.sum()
    if shape.top_p < 1:
        chances[chances.cumsum() - chances >= shape.top_p] = 0
    chances[chances < shape.min_p * chances[0]] = 0
    found: Floats = np.zeros_like(chances)
    found[order] = chances / chances.sum()
    return found


def drawn(logits: Floats, shape: SamplingParams, draws: int = DRAWS) -> Floats:
    sampler = Sampler(shape)
    generator = np.random.default_rng(0)
    sampler.load_logits(logits)
    return np.bincount([sampler.sample(generator) for _ in range(draws)], minlength=len(logits))


def agrees(counts: Floats, expected: Floats) -> bool:
    """Test by chi-square, with tokens of fewer than ten draws merged and no impossible ones."""
    if counts[expected == 0].any():
        return False
    want = expected * counts.sum()
    often = want >= 10
    pairs = [*zip(counts[often], want[often], strict=True)]
    if want[~often].sum() > 0:
        pairs.append((counts[~often].sum(), want[~often].sum()))
    statistic = sum((c - w) ** 2 / w for c, w in pairs)
    freedom = len(pairs) - 1
    return bool(statistic <= freedom + 5 * np.sqrt(2 * max(1, freedom)))


SHAPES = [
    SamplingParams(),
    SamplingParams(top_p=0.95),
    SamplingParams(top_p=0.3),
    SamplingParams(top_p=0.01),
    SamplingParams(temperature=0.7, top_p=0.9),
    SamplingParams(temperature=2.0),
    SamplingParams(top_k=1),
    SamplingParams(top_k=20),
    SamplingParams(top_k=400),
    SamplingParams(top_k=10_000),
    SamplingParams(min_p=0.1),
    SamplingParams(min_p=1.0),
    SamplingParams(top_k=50, top_p=0.8, min_p=0.05, temperature=1.3),
    SamplingParams(top_k=50, top_p=0.8, min_p=0.3),
    SamplingParams(top_p=0.6, min_p=0.02),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("size", [7, 256, 1_000])
def test_probabilities_are_those_of_a_plain_sort(shape: SamplingParams, size: int) -> None:
    logits = (np.random.default_rng(size).standard_normal(size) * 2.5).astype(np.float32)
    assert agrees(drawn(logits, shape), exact(logits, shape))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_ties_and_impossible_tokens(shape: SamplingParams) -> None:
    logits = np.repeat(np.array([1.0, 0.0, -np.inf, 3.0, 0.0], dtype=np.float32), 60)
    assert agrees(drawn(logits, shape), exact(logits, shape))
    flat = np.zeros(300, dtype=np.float32)
    assert agrees(drawn(flat, shape), exact(flat, shape))


def test_the_test_rejects_a_wrong_distribution() -> None:
    logits = (np.random.default_rng(0).standard_normal(1_000) * 2.5).astype(np.float32)
    assert not agrees(
        drawn(logits, SamplingParams(top_p=0.95), 20_000), exact(logits, SamplingParams(top_p=0.94))
    )
    assert not agrees(
        drawn(logits, SamplingParams(temperature=0.9), 20_000), exact(logits, SamplingParams())
    )
    assert not agrees(
        drawn(logits, SamplingParams(top_k=20)), exact(logits, SamplingParams(top_k=21))
    )


@pytest.mark.parametrize("chance", [0.0, 1 - 2**-53])
def test_extreme_random_numbers_stay_in_the_nucleus(chance: float) -> None:
    class Fixed(np.random.Generator):
        def random(self, *args: Any, **options: Any) -> Any:
            return chance

    logits = np.log(np.array([0.7, 0.2, 0.1], dtype=np.float32))
    for top_p, allowed in ((0.6, {0}), (0.8, {0, 1}), (1.0, {0, 2})):
        sampler = Sampler(SamplingParams(top_p=top_p))
        sampler.load_logits(logits)
        assert sampler.sample(Fixed(np.random.PCG64(0))) in allowed


def test_greedy_takes_the_likeliest_and_the_first_of_equals() -> None:
    sampler = Sampler(SamplingParams(temperature=0))
    sampler.load_logits(np.array([0, 5, 5, 1], dtype=np.float32))
    assert {sampler.sample(np.random.default_rng(seed)) for seed in range(20)} == {1}
    sampler.load_logits(np.array([0, 5, 5, 1], dtype=np.float32), banned=[1])
    assert sampler.sample(np.random.default_rng(0)) == 2


def test_very_low_temperatures_are_greedy_without_warnings() -> None:
    sampler = Sampler(SamplingParams(temperature=1e-300, top_p=0.95))
    sampler.load_logits(np.array([0, 5, 4, 1], dtype=np.float32))
    assert sampler.sample(np.random.default_rng(0)) == 1


def test_banned_tokens_are_never_drawn_and_the_logits_are_unchanged() -> None:
    sampler = Sampler(SamplingParams())
    logits = np.zeros(5, dtype=np.float32)
    sampler.load_logits(logits, banned=[0, 3])
    assert {sampler.sample(np.random.default_rng(seed)) for seed in range(200)} == {1, 2, 4}
    assert not logits.any()


@pytest.mark.parametrize("row", [[-np.inf, -np.inf], [np.nan, 0.0]])
def test_logits_without_possible_tokens_are_refused(row: list[float]) -> None:
    with pytest.raises(ValueError, match="No token can be sampled"):
        Sampler(SamplingParams()).load_logits(np.array(row, dtype=np.float32))


def test_the_repetition_penalty_is_that_of_transformers() -> None:
    import torch
    from transformers import RepetitionPenaltyLogitsProcessor

    logits = np.random.default_rng(1).standard_normal(50).astype(np.float32) * 3
    seen = [4, 7, 7, 30]
    penalised = RepetitionPenaltyLogitsProcessor(1.5)(
        torch.tensor([seen]), torch.from_numpy(logits.copy())[None]
    )[0].numpy()
    sampler = Sampler(SamplingParams(repetition_penalty=1.5))
    generator = np.random.default_rng(0)
    sampler.load_logits(logits, seen)
    assert agrees(
        np.bincount([sampler.sample(generator) for _ in range(DRAWS)], minlength=50),
        exact(penalised, SamplingParams()),
    )


def test_real_vocabularies_give_the_probabilities_of_a_sort() -> None:
    logits = (np.random.default_rng(3).standard_normal(50_257) * 2).astype(np.float32)
    logits[::997] += 8
    for shape in (SamplingParams(top_p=0.9), SamplingParams(top_k=40), SamplingParams(min_p=0.05)):
        assert agrees(drawn(logits, shape, 5_000), exact(logits, shape))
