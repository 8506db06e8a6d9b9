"""Tests of the training engine, against transformers in double precision."""

from __future__ import annotations

import json
import math
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from popinjay.errors import TrainingError
from popinjay.events import StopReason, ignore
from popinjay.models.language_model import LanguageModel
from popinjay.text.verbatim_index import VerbatimIndex
from popinjay.training.batches import batches, predicted, schedule_batches, training_sequences
from popinjay.training.checkpoints import Checkpoints
from popinjay.training.device import choose_device, choose_precision
from popinjay.training.loss import SampledNegatives, prediction_loss
from popinjay.training.memorization import max_memorized_share
from popinjay.training.schedule import Schedule, learning_rate
from popinjay.training.train_step import TrainStep, needs_recompute, supports_fused_loss
from popinjay.training.trainable import FULL, LORA, TOP, trainable_weights
from popinjay.training.trainer import Settings, Trainer
from popinjay.training.vocabulary import Vocabulary, active_rows

POSTS = [
    "the lamp sings",
    "the river hums near people while people wait",
    "a number",
    "people wait near the lamp while the river sings 🎈",
]
FAMILIES = ("tiny_gpt2", "tiny_llama")


@pytest.fixture(params=FAMILIES)
def folder(request: pytest.FixtureRequest) -> Path:
    """Return a base of each family: tied and untied heads, learnt and rotary positions."""
    path: Path = request.getfixturevalue(request.param)
    return path


def train_step(
    folder: Path, work: Path, tune: str = FULL, **how: Any
) -> tuple[TrainStep, list[list[int]]]:
    model = LanguageModel.load(folder)
    learnt = training_sequences(model, POSTS)
    return TrainStep(model, trainable_weights(tune, model, "base", 0), learnt, work, **how), learnt


# sequences and batches


def test_batches_contain_every_sequence_once_and_keep_their_size() -> None:
    lengths = [random.Random(1).randint(3, 90) for _ in range(500)]
    found = batches(lengths, 256, random.Random(0))
    assert sorted(i for batch in found for i in batch) == list(range(500))
    assert all(
        len(batch) == 1 or len(batch) * (max(lengths[i] for i in batch) - 1) <= 256
        for batch in found
    )


def test_the_schedule_of_batches_is_the_same_for_the_same_seed() -> None:
    lengths = list(range(3, 90))
    assert schedule_batches(lengths, 1.5, 128, seed=1) == schedule_batches(
        lengths, 1.5, 128, seed=1
    )
    assert schedule_batches(lengths, 1.5, 128, seed=1) != schedule_batches(
        lengths, 1.5, 128, seed=2
    )


def test_a_long_post_is_split_without_losing_tokens(tiny_gpt2: Path) -> None:
    model = LanguageModel.load(tiny_gpt2)
    text = "the river sings " * 100
    pieces = training_sequences(model, [text])
    assert len(pieces) > 1
    assert all(len(piece) <= model.context for piece in pieces)
    joined = pieces[0] + [token for piece in pieces[1:] for token in piece[1:]]
    assert joined == [model.eos_token, *model.encode([text])[0], model.eos_token]
    assert predicted(pieces) == len(joined) - 1


# the loss and its gradients, against transformers in double precision


def reference(
    folder: Path, learnt: list[list[int]], rows: list[int] | None = None
) -> tuple[float, dict[str, torch.Tensor]]:
    """Return transformers' own loss of each sequence, over these rows only, and its gradients.

    Slow, in float64.
    """
    model = LanguageModel.load(folder).model.double()
    total = torch.zeros((), dtype=torch.float64)
    for sequence in learnt:
        ids = torch.tensor([sequence])
        logits = model(input_ids=ids[:, :-1]).logits[0]
        if rows is not None:
            out = torch.ones(logits.shape[-1], dtype=torch.bool)
            out[rows] = False
            logits = logits.masked_fill(out, -torch.inf)
        total = total + torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum")
    loss = total / predicted(learnt)
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.item(), {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def test_loss_and_gradients_are_those_of_transformers_in_double_precision(
    folder: Path, tmp_path: Path
) -> None:
    ours, learnt = train_step(folder, tmp_path)
    assert ours.vocabulary is not None
    ours.vocabulary.negatives = None  # its sample stands for rows that the reference leaves out
    rows = ours.vocabulary.rows.tolist()
    expected, gradients = reference(folder, learnt, rows)
    loss = ours.loss(learnt)
    found = dict(
        zip(ours.weights, torch.autograd.grad(loss, list(ours.weights.values())), strict=True)
    )
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    embeddings = {id(ours.vocabulary.embedding.weight), id(ours.vocabulary.head.weight)}
    for name, weight in ours.weights.items():
        wanted = gradients[name][rows] if id(weight) in embeddings else gradients[name]
        assert (found[name].double() - wanted).norm() <= 1e-5 * wanted.norm() + 1e-9, name


@pytest.mark.parametrize("width", [5, 300])
def test_the_loss_in_chunks_is_the_whole_loss(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("popinjay.training.loss.MAX_CHUNK_LOGITS", 40 * 64)
    torch.manual_seed(0)
    hidden, weight, bias = (
        torch.randn(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((width, 8), (40, 8), (40,))
    )
    wanted = torch.randint(0, 40, (width,))
    plain = torch.nn.functional.cross_entropy(hidden @ weight.t() + bias, wanted)
    expected = torch.autograd.grad(plain, (hidden, weight, bias))
    ours = prediction_loss(hidden, weight, bias, wanted)
    assert ours.item() == pytest.approx(plain.item(), rel=1e-12)
    for found, right in zip(
        torch.autograd.grad(ours, (hidden, weight, bias)), expected, strict=True
    ):
        torch.testing.assert_close(found, right)


def test_sampled_negatives_stand_for_the_inactive_rows() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(9, 8, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(40, 8, dtype=torch.float64, requires_grad=True)
    wanted = torch.randint(0, 30, (9,))
    whole = torch.nn.functional.cross_entropy(hidden @ weight.t(), wanted)
    here = weight.detach()[:30].requires_grad_()
    ours = prediction_loss(
        hidden,
        here,
        None,
        wanted,
        SampledNegatives(weight.detach()[30:], torch.zeros(10, dtype=torch.float64)),
    )
    assert ours.item() == pytest.approx(whole.item(), rel=1e-12)
    of_hidden, of_weight = torch.autograd.grad(whole, (hidden, weight))
    torch.testing.assert_close(
        torch.autograd.grad(ours, (hidden, here)), (of_hidden, of_weight[:30])
    )


def test_the_loss_of_a_post_is_independent_of_the_batch(folder: Path, tmp_path: Path) -> None:
    ours, learnt = train_step(folder, tmp_path)
    alone = [ours.loss([sequence]).item() for sequence in learnt]
    together = sum(
        loss * (len(sequence) - 1) for loss, sequence in zip(alone, learnt, strict=True)
    ) / predicted(learnt)
    assert ours.loss(learnt).item() == pytest.approx(together, rel=1e-5)
    assert ours.loss(learnt[::-1]).item() == pytest.approx(together, rel=1e-5)
    for one, sequence in zip(alone, learnt, strict=True):
        beside = ours.loss([sequence, max(learnt, key=len)]).item()
        longest = max(range(len(learnt)), key=lambda i: len(learnt[i]))
        share = (len(sequence) - 1) / (len(sequence) + len(learnt[longest]) - 2)
        assert beside == pytest.approx(share * one + (1 - share) * alone[longest], rel=1e-5)


def test_gradient_checkpointing_changes_only_memory(folder: Path, tmp_path: Path) -> None:
    model = LanguageModel.load(folder)
    learnt = training_sequences(model, POSTS)
    (tmp_path / "twice").mkdir()
    once = TrainStep(model, trainable_weights(FULL, model, "base", 0), learnt, tmp_path)
    other = LanguageModel.load(folder)
    twice = TrainStep(
        other, trainable_weights(FULL, other, "base", 0), learnt, tmp_path / "twice", recompute=True
    )
    for _ in range(3):
        assert twice.step(learnt, 0.01)[0] == pytest.approx(once.step(learnt, 0.01)[0], rel=1e-5)
    assert other.model.training
    with twice.full_model():
        assert not other.model.training
        assert other.bits(POSTS) == pytest.approx(scores(once), rel=1e-4)
    twice.finish(tmp_path)
    assert not other.model.training


def scores(taught: TrainStep) -> list[float]:
    with taught.full_model():
        return taught.model.bits(POSTS)


def test_gradient_checkpointing_is_used_if_memory_requires_it(tiny_gpt2: Path) -> None:
    model = LanguageModel.load(tiny_gpt2)
    least = 12 * model.parameters + 72 * 32 * 2 * 100
    assert needs_recompute(model, 100, least)
    assert not needs_recompute(model, 100, 2 * least)
    assert not needs_recompute(model, 10**9, float("inf"))


def test_a_model_with_other_logits_uses_the_full_loss(tiny_gpt2: Path, tmp_path: Path) -> None:
    model = LanguageModel.load(tiny_gpt2)
    learnt = training_sequences(model, POSTS)
    assert supports_fused_loss(model, learnt[0])
    # As Cohere's models do.
    model.model.lm_head.register_forward_hook(lambda module, given, logits: 16 * logits)
    assert not supports_fused_loss(model, learnt[0])
    ours = TrainStep(model, trainable_weights(FULL, model, "base", 0), learnt, tmp_path)
    assert ours.vocabulary is None
    first, _ = ours.step(learnt, 0.01)
    assert ours.step(learnt, 0.01)[0] < first


def test_a_nan_loss_stops_with_a_sentence(tiny_gpt2: Path, tmp_path: Path) -> None:
    ours, learnt = train_step(tiny_gpt2, tmp_path)
    next(iter(ours.weights.values())).data.fill_(math.nan)
    with pytest.raises(TrainingError, match="no longer a number"):
        ours.step(learnt, 0.1)


# the vocabulary


def test_active_rows_return_to_their_places_and_others_are_unchanged(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popinjay.training.vocabulary.COMMON_TOKENS", 20)
    before = LanguageModel.load(folder)
    ours, learnt = train_step(folder, tmp_path)
    assert ours.vocabulary is not None
    rows = ours.vocabulary.rows
    for _ in range(3):
        ours.step(learnt, 0.01)
    with ours.full_model():
        scores = ours.model.bits(POSTS)
    ours.finish(tmp_path)
    assert ours.model.bits(POSTS) == pytest.approx(scores, rel=1e-6)
    for name in ("get_input_embeddings", "get_output_embeddings"):
        now, then = getattr(ours.model.model, name)().weight, getattr(before.model, name)().weight
        resting = torch.ones(len(then), dtype=torch.bool)
        resting[rows] = False
        assert resting.any()
        assert torch.equal(now[resting], then[resting])
        assert not torch.equal(now[rows], then[rows])
    tied = before.model.get_input_embeddings().weight is before.model.get_output_embeddings().weight
    assert (
        ours.model.model.get_input_embeddings().weight
        is ours.model.model.get_output_embeddings().weight
    ) == tied
    assert not list(tmp_path.iterdir())


def test_the_sample_is_weighted_for_all_inactive_rows(
    tiny_gpt2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popinjay.training.vocabulary.NEGATIVE_SAMPLES", 7)
    model = LanguageModel.load(tiny_gpt2)
    size = len(model.model.get_input_embeddings().weight)
    vocabulary = Vocabulary(model, list(range(20)), tmp_path)
    assert vocabulary.negatives is not None
    assert len(vocabulary.negatives.rows) == 7
    assert vocabulary.negatives.offset.exp().sum().item() == pytest.approx(size - 20)


def test_active_rows_are_those_of_the_posts_and_the_most_frequent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("popinjay.training.vocabulary.COMMON_TOKENS", 3)
    assert active_rows([[9, 50], [9, 7]], 100) == [0, 1, 2, 7, 9, 50]
    monkeypatch.setattr("popinjay.training.vocabulary.COMMON_TOKENS", 10)
    assert active_rows([[1]], 4) == [0, 1, 2, 3]


# which weights learn


def test_only_the_top_layers_are_trained(folder: Path, tmp_path: Path) -> None:
    before = LanguageModel.load(folder)
    ours, learnt = train_step(folder, tmp_path, TOP)
    ours.step(learnt, 0.01)
    ours.finish(tmp_path)
    then = dict(before.model.named_parameters())
    changed = {
        name
        for name, weight in ours.model.model.named_parameters()
        if not torch.equal(weight, then[name])
    }
    assert changed == set(ours.weights)
    assert any(".1." in name for name in changed)
    assert not any(".0." in name or "wte" in name or "embed" in name for name in changed)
    assert all(weight.requires_grad for weight in ours.model.model.parameters())


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of peft's use of transformers
def test_a_lora_adapter_equals_the_merged_model(folder: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    ours, learnt = train_step(folder, tmp_path, LORA)
    for _ in range(5):
        ours.step(learnt, 0.05)
    ours.finish(tmp_path / "model")
    ours.model.save(tmp_path / "model")
    merged = LanguageModel.load(tmp_path / "model")
    base = LanguageModel.load(folder)
    ids = torch.tensor([learnt[1]])
    with torch.no_grad():
        untouched = base.model(ids).logits
        adapted = PeftModel.from_pretrained(base.model, tmp_path / "model" / "adapter")(ids).logits
        torch.testing.assert_close(merged.model(ids).logits, adapted, atol=1e-4, rtol=0)
    assert (adapted - untouched).abs().max() > 0.01
    assert str(tmp_path) not in (tmp_path / "model" / "adapter" / "adapter_config.json").read_text()


# the schedule


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    schedule = Schedule(100)
    rates = [learning_rate(schedule.progress(step, 0.0), 1.0) for step in range(100)]
    assert 0 < rates[0] < max(rates) == max(rates[:4]) <= 1.0
    assert 0 < rates[-1] < 0.01
    assert all(a >= b for a, b in pairwise(rates[3:]))


def test_with_a_budget_time_is_the_schedule() -> None:
    schedule = Schedule(100, budget=10.0)
    assert schedule.progress(1, 9.0) == 0.9  # slow: time decides
    assert schedule.progress(90, 1.0) == pytest.approx(0.905)  # quick: the steps decide
    assert not schedule.is_up(5, 9.9)
    assert schedule.is_up(5, 10.0)
    assert schedule.is_up(100, 1.0)


# the loop


def test_timing_a_step_changes_nothing(folder: Path, tmp_path: Path) -> None:
    ours, learnt = train_step(folder, tmp_path)
    before = {name: weight.detach().clone() for name, weight in ours.weights.items()}
    settings = Settings(
        tune=FULL,
        epochs=1.0,
        learning_rate=0.01,
        batch_tokens=32,
        precision="fp32",
        budget=None,
        seed=0,
    )
    trainer = Trainer(
        ours,
        learnt,
        POSTS,
        VerbatimIndex(POSTS),
        settings,
        Checkpoints(tmp_path / "work", "key"),
        ignore,
    )
    assert trainer.seconds_per_step(trainer.plan()[0]) > 0
    assert all(torch.equal(weight, before[name]) for name, weight in ours.weights.items())
    assert not any(optimizer.state for optimizer in ours.optimizer.optimizers.values())


def test_training_stops_when_it_memorizes(
    tiny_gpt2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The loss alone would have stopped it before.
    monkeypatch.setattr("popinjay.training.trainer.PATIENCE", 1000)
    posts = [
        f"{first} sings near the lamp while people wait and hums"
        for first in ("the river", "a number", "no lamp")
    ]
    model = LanguageModel.load(tiny_gpt2)
    learnt = training_sequences(model, posts)
    settings = Settings(
        tune=FULL,
        epochs=300.0,
        learning_rate=0.01,
        batch_tokens=256,
        precision="fp32",
        budget=None,
        seed=0,
    )
    ours = TrainStep(model, trainable_weights(FULL, model, "base", 0), learnt, tmp_path)
    trainer = Trainer(
        ours,
        learnt,
        ["the lamp sings", "people hum near a river"],
        VerbatimIndex(posts),
        settings,
        Checkpoints(tmp_path / "work", "key"),
        ignore,
    )
    trainer.run()
    heard = [
        row["copied"]
        for row in map(json.loads, trainer.checkpoints.metrics.read_text().splitlines())
        if "copied" in row
    ]
    assert trainer.stop_reason is StopReason.MEMORIZING
    limit = max_memorized_share(trainer.index, trainer.validation_texts)
    assert heard[-1] > limit >= max(heard[:-1])
    assert trainer.state.best_step < trainer.state.step


# device and precision


def test_a_missing_device_is_refused() -> None:
    missing = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(TrainingError, match=f"no {missing} device"):
        choose_device(missing)


def test_narrow_models_use_full_precision_unless_asked_otherwise() -> None:
    assert choose_precision("auto", "cpu", 256) == "fp32"
    assert choose_precision("bf16", "cpu", 256) == "bf16"
    assert choose_precision("fp32", "cpu", 4096) == "fp32"
    assert choose_precision("auto", "cpu", 4096) in ("fp32", "bf16")


def test_half_precision_is_close_to_full_precision(tiny_gpt2: Path, tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    whole, learnt = train_step(tiny_gpt2, tmp_path)
    half, _ = train_step(tiny_gpt2, tmp_path / "half", precision="bf16")
    assert half.loss(learnt).item() == pytest.approx(whole.loss(learnt).item(), rel=0.01)
    before = half.loss(learnt).item()
    for _ in range(3):
        half.step(learnt, 0.01)
    assert half.loss(learnt).item() < before
