"""llama.cpp itself loads the files and writes the same. Skipped where it is not installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gguf_files import LlamaCpp
from popinjay.exporting.gguf.write import write_gguf
from popinjay.inference.torch_decoder import TorchDecoder
from popinjay.models.language_model import LanguageModel
from popinjay.models.model_files import ModelFiles
from speaking_persona import BASE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
COUNT = 32  # tokens of a continuation
# Logits this close may change places. llama.cpp rounds what it multiplies with weights of 16 bits
# to 16 bits too, which moves logits by up to some 1e-3.
NEAR = {"f32": 1e-4, "f16": 2e-3}
TEXTS = (
    "",
    " ",
    "My dream is",
    "  two blanks, 1234 and a\nline\n\n",
    "I can't, won't and shouldn't!",
    "naïve café — “quoted” … 日本語 русский",
    "cut 👩‍👩‍👧 in two 🙂",
    "https://example.org/a?b=1 @ada #engine",
    "<|endoftext|>",
)
WORDS = "the my this we people today some why what never".split()
PROMPTS = [f"{a.title()} {b}" for a in WORDS for b in WORDS[:5]]


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> tuple[LlamaCpp, TorchDecoder]:
    """The built-in model in llama.cpp and in PyTorch, with the same weights of 16 bits."""
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    write_gguf(ModelFiles(BASE), path, "f16")
    return LlamaCpp(path), TorchDecoder(LanguageModel.load(BASE))


@pytest.mark.parametrize("text", TEXTS)
def test_the_same_tokens(exact: tuple[LlamaCpp, TorchDecoder], text: str) -> None:
    theirs, ours = exact
    assert theirs.encode(text) == [ours.bos_token, *ours.encode(text)]


@pytest.mark.parametrize("quant", NEAR)
def test_the_same_greedy_continuations(
    exact: tuple[LlamaCpp, TorchDecoder], quant: str, tmp_path: Path
) -> None:
    _, ours = exact
    write_gguf(ModelFiles(BASE), tmp_path / "model.gguf", quant)
    theirs = LlamaCpp(tmp_path / "model.gguf")
    whole = 0
    assert len(PROMPTS) == 50
    for prompt in PROMPTS:
        tokens = [ours.bos_token, *ours.encode(prompt)]
        logits = ours.prefill(tokens)
        ours.add(1)
        for token in theirs.greedy(tokens, COUNT):
            margin = logits.max() - logits[token]
            assert margin < NEAR[quant], f"{prompt!r}: {margin} below the best"
            if margin > 0:
                break  # from here on both write different texts
            logits = ours.step([token])[0]
        else:
            whole += 1
    assert whole >= 47  # are the same from the first token to the last


def test_eight_bits_cost_less_than_half_a_percent(
    exact: tuple[LlamaCpp, TorchDecoder], tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(ModelFiles(BASE), path, "q8_0")
    rounded = LlamaCpp(path)
    theirs, ours = exact
    texts = [ours.decode(theirs.greedy([ours.bos_token, *ours.encode(one)], 60)) for one in PROMPTS]
    texts = [text for text in texts if text][:20] + [text for text in TEXTS if len(text) > 9]
    bits = [
        sum(_bits(one, [ours.bos_token, *ours.encode(text)]) for text in texts)
        for one in (theirs, rounded)
    ]
    assert abs(bits[1] / bits[0] - 1) < 0.005


def _bits(model: LlamaCpp, tokens: list[int]) -> float:
    """Return the bits of a text after its begin token."""
    logits = model.logits(tokens)[:-1].astype(np.float64)
    top = logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
    losses -= logits[np.arange(len(logits)), tokens[1:]]
    return float(losses.sum() / np.log(2))


@pytest.mark.parametrize("family", ["tiny_llama", "tiny_gemma3"])
def test_the_other_families_compute_the_same(
    family: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    folder: Path = request.getfixturevalue(family)
    path = tmp_path / "model.gguf"
    write_gguf(ModelFiles(folder), path, "f16")
    theirs = LlamaCpp(path)
    decoder = TorchDecoder(LanguageModel.load(folder))
    tokens = [decoder.bos_token, *range(40, 70), 7, 9]  # more than a sliding window
    logits = decoder.prefill(tokens)
    found = theirs.logits(tokens)[-1]
    assert np.abs(found - logits).max() < 5e-3 * np.abs(logits).max()
    for text in ("the river", "the  number sings", "a the\n\nthe"):
        assert theirs.encode(text) == [decoder.bos_token, *decoder.encode(text)]
