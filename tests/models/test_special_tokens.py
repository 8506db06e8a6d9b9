"""Tests of special tokens: which one begins a post; none is generated or obeyed by any engine."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import models
from popinjay.errors import BaseModelError
from popinjay.inference.decoder import Decoder
from popinjay.inference.onnx.decoder import OnnxDecoder
from popinjay.inference.torch_decoder import TorchDecoder
from popinjay.models.language_model import LanguageModel
from popinjay.models.special_tokens import read_special
from popinjay.options import SayOptions
from popinjay.sampling.generate import generate
from popinjay.sampling.prompt import prefill
from popinjay.sampling.sampler import Sampler, SamplingParams
from popinjay.sampling.sequence import TokenSequence
from popinjay.training.batches import training_sequences

NAMES = (models.END, "<bos>", "<|im_start|>", "<|im_end|>")
END, BEGIN, START, STOP = range(4)
CONTROL = 9  # an ordinary token of the tokenizer that the folder says must not be said


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model that begins posts with its own token and knows chat markup."""
    folder = models.llama(tmp_path_factory.mktemp("chat"), NAMES)
    file = folder / "generation_config.json"
    told = {**json.loads(file.read_text()), "bos_token_id": BEGIN, "suppress_tokens": [CONTROL]}
    file.write_text(json.dumps(told))
    return folder


@pytest.fixture(scope="module")
def model(chat: Path) -> LanguageModel:
    return LanguageModel.load(chat)


@pytest.fixture(scope="module", params=["onnx", "torch"])
def decoder(request: pytest.FixtureRequest, chat: Path) -> Decoder:
    if request.param == "onnx":
        return OnnxDecoder(chat, exact=True)
    return TorchDecoder(LanguageModel.load(chat))


def test_a_post_is_between_begin_and_end_tokens(model: LanguageModel) -> None:
    assert (model.bos_token, model.eos_token) == (BEGIN, END)
    ids = model.encode(["the river"])[0]
    assert training_sequences(model, ["the river"]) == [[BEGIN, *ids, END]]
    with torch.inference_mode():
        logits = model.model(torch.tensor([[BEGIN, *ids]])).logits[0, :-1].log_softmax(-1)
    bits = -logits[range(len(ids)), ids].sum().item() / np.log(2)
    assert model.bits(["the river"]) == [pytest.approx(bits, rel=1e-5)]


def test_previous_posts_end_before_a_post_begins(model: LanguageModel) -> None:
    before, ids = model.encode(["a lamp", "the river"])
    piece = model._pieces(["the river"], [["a lamp"]])[0]
    assert piece.ids == [BEGIN, *before, END, BEGIN, *ids]
    assert piece.context == len(before) + 3


def test_models_without_a_begin_token_use_their_end_token(
    tiny_llama: Path, tiny_gpt2: Path
) -> None:
    for folder in (tiny_llama, tiny_gpt2):
        model = LanguageModel.load(folder)
        decoder = OnnxDecoder(folder)
        assert model.bos_token == model.eos_token == decoder.bos_token == decoder.eos_token
        assert model.suppressed_tokens == decoder.suppressed_tokens == []
        piece = model._pieces(["the river"], [["a lamp"]])[0]
        before, ids = model.encode(["a lamp", "the river"])
        assert piece.ids == [END, *before, END, *ids]


@pytest.mark.parametrize("prompt", ["", "the riv", "a "])
def test_sampling_begins_with_the_begin_token(decoder: Decoder, prompt: str) -> None:
    beginning = prefill(decoder, prompt, 5)
    assert beginning.tokens[0] == decoder.bos_token == BEGIN
    if not prompt:
        expected = decoder.clone().prefill([BEGIN])
        kept = np.isfinite(beginning.logits)  # all but ends of words
        assert kept.sum() > 10
        assert np.array_equal(beginning.logits[kept], expected[kept])


@pytest.mark.parametrize("name", NAMES)
def test_markup_in_a_text_is_plain_text(decoder: Decoder, model: LanguageModel, name: str) -> None:
    text = f"a {name}user the river"
    for ids in (decoder.encode(text), model.encode([text])[0]):
        assert not set(ids) & {END, BEGIN, START, STOP}
        assert decoder.decode(ids) == text
    posts = generate(decoder, SayOptions(n=2, seed=1, max_tokens=20), text)
    assert all(post.text.startswith(text) for post in posts)


def test_control_tokens_added_as_ordinary_ones_are_spelt_out(chat: Path) -> None:
    """Some tokenizers list such a token as an added one, but not as special."""
    decoder = OnnxDecoder(chat)
    model = LanguageModel.load(chat)
    decoder.tokenizer._tokenizer.add_tokens(["<unused0>"])
    model.tokenizer.add_tokens(["<unused0>"])
    number = decoder.tokenizer._tokenizer.token_to_id("<unused0>")
    assert number in decoder.encode("x<unused0>y")
    decoder.tokenizer._controls |= {number}
    model._controls |= {number}
    for ids in (decoder.encode("x<unused0>y"), model.encode(["x<unused0>y"])[0]):
        assert number not in ids
        assert decoder.decode(ids) == "x<unused0>y"


def test_special_tokens_are_never_generated(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even if the model gives them nearly all the probability."""
    assert list(decoder.suppressed_tokens) == [BEGIN, START, STOP, CONTROL]
    drawn: Counter[int] = Counter()
    weigh = Sampler.load_logits

    def tempted(self: Sampler, logits: Any, seen: Any = (), banned: Any = ()) -> None:
        logits = logits.copy()
        logits[[BEGIN, START, STOP, CONTROL]] += 50
        weigh(self, logits, seen, banned)

    take = TokenSequence._append
    monkeypatch.setattr(Sampler, "load_logits", tempted)
    monkeypatch.setattr(
        TokenSequence, "_append", lambda self, token: drawn.update([token]) or take(self, token)
    )
    for prompt in ("", "the "):
        generate(decoder, SayOptions(n=10, seed=1, max_tokens=20), prompt)
    assert sum(drawn.values()) > 200
    assert not {BEGIN, START, STOP, CONTROL} & set(drawn)


def test_the_sampler_never_draws_suppressed_tokens() -> None:
    logits = np.zeros(1000, dtype=np.float32)
    logits[500:] = 3
    for shape in (
        SamplingParams(),
        SamplingParams(temperature=0),
        SamplingParams(top_k=3),
        SamplingParams(top_p=0.5),
        SamplingParams(repetition_penalty=2),
    ):
        drawer = Sampler(shape, range(500, 1000))
        drawer.load_logits(logits, seen=[1, 600])
        rng = np.random.default_rng(0)
        assert max(drawer.sample(rng) for _ in range(200)) < 500


def test_saved_settings_suppress_them_in_transformers(model: LanguageModel, tmp_path: Path) -> None:
    model.set_generation_config(do_sample=True, max_new_tokens=5)
    model.save(tmp_path)
    told = json.loads((tmp_path / "generation_config.json").read_text())
    assert (told["bos_token_id"], told["eos_token_id"]) == (BEGIN, END)
    assert told["suppress_tokens"] == [BEGIN, START, STOP, CONTROL]
    again = LanguageModel.load(tmp_path)
    decoder = OnnxDecoder(tmp_path)
    assert again.bos_token == decoder.bos_token == BEGIN
    assert again.suppressed_tokens == decoder.suppressed_tokens == model.suppressed_tokens
    said = again.model.generate(max_new_tokens=40, num_return_sequences=8)
    assert set(said[:, 0].tolist()) == {BEGIN}
    assert not set(said[:, 1:].flatten().tolist()) & {BEGIN, START, STOP, CONTROL}


def test_nothing_is_suppressed_without_special_tokens(tiny_gpt2: Path, tmp_path: Path) -> None:
    model = LanguageModel.load(tiny_gpt2)
    model.set_generation_config(do_sample=True)
    model.save(tmp_path)
    assert "suppress_tokens" not in json.loads((tmp_path / "generation_config.json").read_text())


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"bos_token_id": "<s>"}',
        '{"suppress_tokens": [1.5]}',
        '{"suppress_tokens": 3}',
        '{"bos_token_id": -1}',
    ],
)
def test_invalid_settings_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "generation_config.json").write_text(content)
    with pytest.raises(BaseModelError, match=r"generation_config\.json"):
        read_special(tmp_path)
