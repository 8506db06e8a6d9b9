"""ONNX exports: the same logits, in the folder that transformers.js loads."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from popinjay.cli.main import main
from popinjay.errors import PersonaError
from popinjay.exporting.export import export
from popinjay.exporting.onnx import compare
from popinjay.exporting.onnx.compare import ExportedModel
from popinjay.exporting.onnx.graph import whole_model
from popinjay.inference.onnx.architecture import read_architecture
from popinjay.inference.onnx.decoder import OnnxDecoder
from popinjay.inference.tokenizer import Tokenizer
from popinjay.models.language_model import LanguageModel
from popinjay.models.model_files import ModelFiles
from popinjay.options import ExportOptions
from popinjay.store.run import Run
from servers.install import TRANSFORMERS_JS, folder, missing
from speaking_persona import BASE, put_persona

TOKENS = [0, 61, 17, 200, 5, 44, 44, 9, 120, 33, 34, 35]
PROMPTS = ("My dream is", "", "I can't", "Today, 1234", "naïve 🙂", "the")
WORDS = ("the river", "sings  near", "a\n\nb", "the")  # what the tiny tokenizers know
COUNT = 24  # tokens of a continuation
# Logits this close may change places: Node has another version of ONNX Runtime.
NEAR = {"q8": 0.1, "fp32": 1e-3}


@pytest.fixture(params=["tiny_gpt2", "tiny_llama", "tiny_gemma"])
def model(request: pytest.FixtureRequest) -> Path:
    """The folder of a tiny model of each family."""
    found: Path = request.getfixturevalue(request.param)
    return found


def exported(model: Path, place: Path, *, exact: bool) -> ExportedModel:
    """Return the exported model in ONNX Runtime."""
    architecture = read_architecture(model)
    whole = whole_model(architecture, ModelFiles(model).weights(), exact=exact)
    onnx.save_model(whole, place)
    return ExportedModel(place, architecture)


def of_transformers(model: Path) -> NDArray[np.float32]:
    import torch

    loaded = LanguageModel.load(model)
    with torch.inference_mode():
        logits: NDArray[np.float32] = loaded.model(torch.tensor([TOKENS])).logits[0].numpy()
    return logits


def test_the_same_logits_in_float32(model: Path, tmp_path: Path) -> None:
    found = exported(model, tmp_path / "model.onnx", exact=True)
    wanted = of_transformers(model)
    for parts in (1, 2, len(TOKENS)):
        np.testing.assert_allclose(found.logits(TOKENS, parts), wanted, atol=2e-4)


def test_eight_bits_are_those_of_the_fast_engine(model: Path, tmp_path: Path) -> None:
    found = exported(model, tmp_path / "model.onnx", exact=False).logits(TOKENS, parts=3)
    decoder = OnnxDecoder(model)
    first = decoder.prefill(TOKENS[:1]).copy()
    decoder.add(1)
    wanted = np.stack([first, *(decoder.step([token])[0].copy() for token in TOKENS[1:])])
    exact = of_transformers(model)
    scale = np.abs(exact).max()
    # The engine keeps the embeddings of the tokens that it reads in more than 8 bits.
    assert np.abs(found - wanted).max() < 0.03 * scale
    assert np.abs(found - exact).max() < 0.05 * scale
    assert (tmp_path / "model.onnx").stat().st_size < 300_000


def test_two_rows_of_one_batch(tiny_llama: Path, tmp_path: Path) -> None:
    place = tmp_path / "model.onnx"
    one = exported(tiny_llama, place, exact=True)
    rows = np.array([TOKENS[:6], TOKENS[6:]], np.int64)
    past = {name: np.repeat(empty, 2, 0) for name, empty in one._empty().items()}
    inputs = {
        "input_ids": rows,
        "attention_mask": np.ones_like(rows),
        "position_ids": np.arange(6)[None].repeat(2, 0),
    }
    logits = one._session.run(["logits"], inputs | past)[0]
    for row, found in zip(rows, logits, strict=True):
        np.testing.assert_allclose(found, one.logits(row.tolist()), atol=1e-4)


def test_the_folder_is_laid_out_for_transformers_js(own_home: Path, tmp_path: Path) -> None:
    out = tmp_path / "ada"
    export(Run(put_persona(own_home, "ada", BASE)), "onnx", out)
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert names == {
        "README.md",
        "config.json",
        "generation_config.json",
        "onnx/model_quantized.onnx",
        "popinjay-export.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    config = json.loads((out / "config.json").read_text())
    assert config["transformers.js_config"]["dtype"] == "q8"
    assert config["model_type"] == "gpt2"
    inputs = [one.name for one in onnx.load(out / "onnx" / "model_quantized.onnx").graph.input]
    assert inputs[:5] == [
        "input_ids",
        "attention_mask",
        "position_ids",
        "past_key_values.0.key",
        "past_key_values.0.value",
    ]
    assert sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) < 12e6
    assert '"<|endoftext|>My dream is"' in (out / "README.md").read_text()


def test_what_would_write_something_else_is_not_exported(
    tiny_gpt2: Path, own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(put_persona(own_home, "ada", tiny_gpt2))
    monkeypatch.setattr(compare, "MAX_DIVERGENCE", 1e-12)
    with pytest.raises(PersonaError, match="would write something else"):
        export(run, "onnx", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_an_architecture_that_is_not_known(
    tiny_llama: Path, own_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = put_persona(own_home, "ada", tiny_llama) / "model" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "mlp_bias": True}))
    assert main(["export", "ada", "--to", "onnx", "--out", str(tmp_path / "out")]) == 2
    assert "This model can't be exported to ONNX" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(bool(missing(TRANSFORMERS_JS)), reason=missing(TRANSFORMERS_JS))
@pytest.mark.parametrize("quant", ["q8", "fp32"])
@pytest.mark.parametrize("family", ["built-in", "tiny_llama", "tiny_gemma"])
def test_transformers_js_writes_the_same(
    family: str, quant: str, own_home: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source = BASE if family == "built-in" else request.getfixturevalue(family)
    out = tmp_path / "ada"
    export(Run(put_persona(own_home, "ada", source)), "onnx", out, ExportOptions(quant=quant))
    tokenizer = Tokenizer(out)
    begin = json.loads((out / "tokenizer_config.json").read_text())["bos_token"]
    prompts = WORDS if family == "tiny_gemma" else PROMPTS
    found = _in_node(out, quant, [begin + prompt for prompt in prompts])
    model = ExportedModel(next((out / "onnx").iterdir()), read_architecture(out))
    for prompt, (read, written, text) in zip(prompts, found, strict=True):
        assert read == [tokenizer.bos_token, *tokenizer.encode(prompt)]
        assert text == tokenizer.decode(written)
        assert len(written) == COUNT or written[-1] == tokenizer.eos_token
        logits = model.logits([*read, *written[:-1]])[len(read) - 1 :]
        below = logits.max(axis=1) - logits[range(len(written)), written]
        assert below.max() < NEAR[quant], prompt


def _in_node(out: Path, quant: str, prompts: list[str]) -> list[tuple[list[int], list[int], str]]:
    """Return the tokens that transformers.js reads and writes, and what it writes as a text."""
    script = TRANSFORMERS_JS.file.with_name("greedy.mjs")
    modules = folder(TRANSFORMERS_JS) / "node_modules"
    done = subprocess.run(
        [str(shutil.which("node")), script, modules, out, quant, str(COUNT)],
        input=json.dumps(prompts),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])
    return [(row["read"], row["written"], row["text"]) for row in rows]
