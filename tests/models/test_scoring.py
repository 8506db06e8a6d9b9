"""Tests of scoring texts in bits: equal to the model's own logits, without holding them all."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from models import tokenizer
from popinjay.models import language_model
from popinjay.models.language_model import LanguageModel

TEXTS = [
    "the river sings",
    "a lamp",
    "the number sings near the lamp while people wait",
    "é 🦜",
    "x",
]


def by_hand(model: LanguageModel, text: str) -> float:
    """Score one text alone from all of its logits."""
    ids = [model.bos_token, *model.encode([text])[0]]
    with torch.no_grad():
        logits = model.model(input_ids=torch.tensor([ids[:-1]])).logits[0].double()
    chosen = logits.log_softmax(1)[range(len(ids) - 1), ids[1:]]
    return -float(chosen.sum()) / math.log(2)


def scaling_model(folder: Path) -> Path:
    """Write a model that divides its logits by a number of its config, as Granite does."""
    from transformers import GraniteConfig, GraniteForCausalLM

    torch.manual_seed(0)
    words = tokenizer()
    config = GraniteConfig(
        vocab_size=len(words),
        max_position_embeddings=128,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        logits_scaling=0.05,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
    GraniteForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("tokens_at_once", [1, 3, 10_000])
def test_the_bits_are_independent_of_the_chunk_size(
    tokens_at_once: int, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LanguageModel.load(tiny_llama)
    rows = len(model.model.get_output_embeddings().weight)
    monkeypatch.setattr(language_model, "MAX_CHUNK_LOGITS", tokens_at_once * rows)
    heads: list[int] = []
    head = model.model.get_output_embeddings()
    model._has_plain_head(model.encode(TEXTS[:1])[0])
    head.register_forward_hook(lambda module, given, made: heads.append(given[0].shape[0]))
    monkeypatch.setattr(model, "_has_plain_head", lambda ids: True)
    expected = [
        pytest.approx(by_hand(LanguageModel.load(tiny_llama), text), rel=1e-5) for text in TEXTS
    ]
    assert model.bits(TEXTS) == expected
    assert max(heads) <= tokens_at_once


def test_each_token_is_scored_once_after_others_and_in_pieces(tiny_llama: Path) -> None:
    model = LanguageModel.load(tiny_llama)
    long = "the lamp sings " * 60
    assert len(model.encode([long])[0]) > model.context
    found = model.bits([long, "a lamp", ""], [(), ("the river",), ()])
    assert found[0] > 0
    assert found[1] != pytest.approx(by_hand(model, "a lamp"))
    assert found[2] == 0


def test_scaled_logits_are_scored_as_scaled(tmp_path: Path) -> None:
    model = LanguageModel.load(scaling_model(tmp_path))
    ids = [model.bos_token, *model.encode(TEXTS[:1])[0]]
    assert not model._has_plain_head(ids)
    assert model.bits(TEXTS) == [pytest.approx(by_hand(model, text), rel=1e-5) for text in TEXTS]
