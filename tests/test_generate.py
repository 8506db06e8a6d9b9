"""Weights become text: by the right chances, and the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from popinjay.errors import OptionError
from popinjay.generate import draw, generate
from popinjay.language_model import LanguageModel
from popinjay.options import SayOptions
from popinjay.post import one_line


@pytest.fixture(scope="module", params=["tiny_gpt2", "tiny_llama"])
def model(request: pytest.FixtureRequest) -> LanguageModel:
    return LanguageModel.load(request.getfixturevalue(request.param))


def texts(model: LanguageModel, prompt: str = "", **options: object) -> list[str]:
    return [said.text for said in generate(model, SayOptions(**{"max_tokens": 20, **options}), prompt)]  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_posts(model: LanguageModel) -> None:
    assert texts(model, n=4, seed=1) == texts(model, n=4, seed=1) != texts(model, n=4, seed=2)


def test_how_many_are_asked_for_does_not_change_the_first(model: LanguageModel) -> None:
    assert texts(model, n=8, seed=5)[:3] == texts(model, n=3, seed=5)


def test_without_a_seed_posts_differ(model: LanguageModel) -> None:
    assert texts(model, n=2) != texts(model, n=2)


def test_posts_begin_with_the_prompt_and_stand_on_one_line(model: LanguageModel) -> None:
    for text in texts(model, "the lamp  is ", n=20, seed=0):
        assert text.startswith("the lamp is")
        assert "\n" not in text
        assert not any(ord(character) < 32 for character in text)


def test_greedy_is_what_transformers_says(model: LanguageModel) -> None:
    ids = [model.end, *model.encode(["the river"])[0]]
    expected = model.model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=15, min_new_tokens=10, pad_token_id=model.end)
    ours = generate(model, SayOptions(n=1, temperature=0, max_tokens=15), "the river")[0]
    assert ours.text == one_line(model.decode(expected[0].tolist()).rstrip("\ufffd").split("\n")[0])


def test_chances_are_those_of_the_nucleus() -> None:
    probabilities = torch.tensor([0.5, 0.3, 0.15, 0.05])
    count = 20_000
    chances = (torch.arange(count) + 0.5) / count
    drawn = draw(probabilities.log().expand(count, -1), chances, 1.0, 0.9)
    shares = torch.bincount(drawn, minlength=4) / count
    assert shares.tolist() == pytest.approx([0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0], abs=1e-3)


def test_temperature_sharpens_and_flattens() -> None:
    logits = torch.tensor([0.6, 0.4]).log().expand(10_000, -1)
    chances = (torch.arange(10_000) + 0.5) / 10_000
    shares = {t: (draw(logits, chances, t, 1.0) == 0).float().mean().item() for t in (0.5, 1.0, 2.0)}
    assert shares[0.5] == pytest.approx(0.36 / 0.52, abs=1e-3)
    assert shares[1.0] == pytest.approx(0.6, abs=1e-3)
    assert shares[2.0] == pytest.approx(0.6**0.5 / (0.6**0.5 + 0.4**0.5), abs=1e-3)


@pytest.mark.parametrize("chance", [0.0, 1 - 2**-24])
def test_the_ends_of_chance_stay_in_the_nucleus(chance: float) -> None:
    logits = torch.tensor([[0.7, 0.2, 0.1]]).log()
    assert draw(logits, torch.tensor([chance]), 1.0, 0.6).item() == 0
    assert draw(logits, torch.tensor([chance]), 1.0, 1.0).item() in (0, 2)


def test_a_prompt_that_fills_the_context_is_refused(model: LanguageModel) -> None:
    with pytest.raises(OptionError, match="tokens long"):
        texts(model, "the river hums " * 100)


def test_an_end_token_in_a_prompt_is_plain_text(model: LanguageModel) -> None:
    assert all("<|endoftext|>" in text for text in texts(model, "a <|endoftext|> b", n=2, seed=0))


def test_posts_are_no_longer_than_asked(model: LanguageModel) -> None:
    assert all(said.tokens <= 5 for said in generate(model, SayOptions(n=5, max_tokens=5, seed=0)))


def test_a_model_can_be_loaded_from_its_folder(tiny_gpt2: Path) -> None:
    assert LanguageModel.load(tiny_gpt2).parameters < 100_000
