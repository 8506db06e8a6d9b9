"""GGUF files: what other programs read in them is the model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gguf_files import fields, tensors, transformers_logits
from models import END
from popinjay.errors import OptionError, PersonaError
from popinjay.exporting.about import About
from popinjay.exporting.export import export
from popinjay.exporting.gguf.write import write_gguf
from popinjay.inference.tokenizer import Tokenizer
from popinjay.models.language_model import LanguageModel
from popinjay.models.model_files import ModelFiles
from popinjay.options import ExportOptions, Sampling
from popinjay.store.run import Run
from speaking_persona import BASE, put_persona

TOKENS = [0, 61, 17, 200, 5, 44, 44, 9]


@pytest.fixture(params=["long_gpt2", "tiny_llama", "tiny_gemma3"])
def model(request: pytest.FixtureRequest) -> Path:
    """The folder of a tiny model of each family."""
    folder: Path = request.getfixturevalue(request.param)
    return folder


def expected(folder: Path, tokens: list[int]) -> NDArray[np.float32]:
    """Return the logits (tokens, vocabulary) of the model in transformers' files."""
    import torch

    loaded = LanguageModel.load(folder)
    with torch.inference_mode():
        logits: NDArray[np.float32] = loaded.model(torch.tensor([tokens])).logits[0].numpy()
    return logits


@pytest.mark.parametrize(
    ("quant", "most"), [("f32", 1e-4), ("f16", 2e-3), ("q8_0", 0.07), ("q4_0", 0.6), ("q4_1", 0.6)]
)
def test_transformers_computes_the_same_from_the_file(
    model: Path, tmp_path: Path, quant: str, most: float
) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(ModelFiles(model), path, quant)
    logits = expected(model, TOKENS)
    found = transformers_logits(path, TOKENS)
    assert np.abs(found - logits).max() <= most * np.abs(logits).max()


def test_every_tensor_is_read_back(tiny_gpt2: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(ModelFiles(tiny_gpt2), path, "f16")
    found = tensors(path)
    weights = ModelFiles(tiny_gpt2).weights()
    assert len(found) == len(weights)
    matrix = weights["transformer.h.1.mlp.c_fc.weight"]
    kind, read = found["blk.1.ffn_up.weight"]
    assert kind == "F16"
    np.testing.assert_allclose(read, matrix.T, atol=1e-4)
    kind, read = found["position_embd.weight"]
    assert kind == "F32"
    np.testing.assert_array_equal(read, weights["transformer.wpe.weight"])


def test_the_file_says_what_it_is_and_how_to_sample(tiny_llama: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    what = About(
        "ada",
        ("Ada Lovelace",),
        "apache-2.0",
        "SmolLM2-135M",
        "HuggingFaceTB/SmolLM2-135M",
        ("en",),
        Sampling(0.8, 0.9),
    )
    write_gguf(ModelFiles(tiny_llama), path, "q8_0", what)
    found = fields(path)
    assert found["general.name"] == "ada"
    assert found["general.license"] == "apache-2.0"
    assert found["general.base_model.0.repo_url"].endswith("/HuggingFaceTB/SmolLM2-135M")
    assert found["general.base_model.0.organization"] == "HuggingFaceTB"
    assert found["general.languages"] == ["en"]
    assert "Ada Lovelace" in found["general.description"]
    assert found["general.sampling.temp"] == pytest.approx(0.8)
    assert found["general.sampling.top_p"] == pytest.approx(0.9)
    assert found["general.sampling.top_k"] == 0
    tokenizer = Tokenizer(tiny_llama)
    assert found["tokenizer.ggml.eos_token_id"] == tokenizer.eos_token
    assert found["tokenizer.ggml.bos_token_id"] == tokenizer.bos_token
    assert found["tokenizer.ggml.add_bos_token"] is True
    assert found["tokenizer.ggml.tokens"][tokenizer.eos_token] == END
    assert found["tokenizer.ggml.token_type"][tokenizer.eos_token] == 3  # control
    assert not [name for name in found if "chat_template" in name]


def test_a_begin_token_of_its_own_is_the_one_that_begins(tiny_gemma3: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_gemma3, tmp_path / "gemma"))
    (folder / "generation_config.json").write_text('{"bos_token_id": 2, "eos_token_id": 1}')
    path = tmp_path / "model.gguf"
    write_gguf(ModelFiles(folder), path)
    found = fields(path)
    assert found["general.architecture"] == "gemma3"
    assert found["tokenizer.ggml.bos_token_id"] == 2
    assert found["tokenizer.ggml.eos_token_id"] == 1
    assert found["tokenizer.ggml.token_type"][4] == 6  # a byte
    tokens = found["tokenizer.ggml.tokens"]
    scores = found["tokenizer.ggml.scores"]
    assert scores[tokens.index("th")] > scores[tokens.index("the")]  # merged first


def test_rows_that_are_no_multiple_of_32_stay_at_16_bits(tmp_path: Path) -> None:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    from models import tokenizer

    words = tokenizer()
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(words), n_positions=64, n_embd=48, n_layer=1, n_head=2, n_inner=64
    )
    folder = tmp_path / "narrow"
    GPT2LMHeadModel(config).save_pretrained(folder)
    words.save_pretrained(folder)
    write_gguf(ModelFiles(folder), tmp_path / "model.gguf", "q4_0")
    kinds = {name: kind for name, (kind, _) in tensors(tmp_path / "model.gguf").items()}
    assert kinds["blk.0.attn_qkv.weight"] == "F16"  # rows of 48
    assert kinds["blk.0.ffn_down.weight"] == "Q4_0"  # rows of 64


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("family", ["long_gpt2", "tiny_llama"])
def test_an_adapter_is_merged(family: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base: Path = request.getfixturevalue(family)
    loaded = AutoModelForCausalLM.from_pretrained(base)
    layers = ["c_attn"] if family == "long_gpt2" else ["q_proj", "k_proj"]
    adapted = get_peft_model(
        loaded,
        LoraConfig(r=2, lora_alpha=8, target_modules=layers, fan_in_fan_out="gpt2" in family),
    )
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    adapted.save_pretrained(str(tmp_path / "adapter"))
    with torch.inference_mode():
        logits = adapted(torch.tensor([TOKENS])).logits[0].numpy()
    write_gguf(ModelFiles(base, tmp_path / "adapter"), tmp_path / "model.gguf", "f16")
    found = transformers_logits(tmp_path / "model.gguf", TOKENS)
    assert np.abs(found - logits).max() < 2e-3 * np.abs(logits).max()
    assert np.abs(logits - expected(base, TOKENS)).max() > 0.05 * np.abs(logits).max()


def _with_biases(config: dict[str, object]) -> None:
    config["attention_bias"] = True


def _with_scaled_rope(config: dict[str, object]) -> None:
    config["rope_parameters"] = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 2.0}


@pytest.mark.parametrize("change", [_with_biases, _with_scaled_rope])
def test_what_llama_cpp_would_compute_otherwise_is_refused(
    tiny_llama: Path, tmp_path: Path, change: Callable[[dict[str, object]], None]
) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "changed"))
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(PersonaError, match=r"can't be exported for llama\.cpp"):
        write_gguf(ModelFiles(folder), tmp_path / "model.gguf")


def test_another_pattern_of_layers_than_gemma_3_is_refused(
    tiny_gemma: Path, tmp_path: Path
) -> None:
    with pytest.raises(PersonaError, match="are not those of Gemma 3"):
        write_gguf(ModelFiles(tiny_gemma), tmp_path / "model.gguf")


def test_a_tokenizer_that_splits_in_another_way_is_refused(tiny_gpt2: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_gpt2, tmp_path / "changed"))
    content = json.loads((folder / "tokenizer.json").read_text())
    content["pre_tokenizer"]["add_prefix_space"] = True
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(PersonaError, match="splits texts in a way of its own"):
        write_gguf(ModelFiles(folder), tmp_path / "model.gguf")


def test_the_built_in_model_as_a_folder_for_ollama(own_home: Path, tmp_path: Path) -> None:
    run = Run(put_persona(own_home, "Ada L", BASE))
    found = export(run, "ollama", tmp_path / "out", ExportOptions(quant="q4_0"))
    out = tmp_path / "out"
    assert (out / "template").read_text() == "{{ .Prompt }}"
    params = json.loads((out / "params").read_text())
    assert params["stop"] == ["<|endoftext|>"]
    assert params["temperature"] == 1.0
    lines = (out / "Modelfile").read_text().splitlines()
    assert lines[:2] == ["FROM ./Ada L-Q4_0.gguf", 'TEMPLATE "{{ .Prompt }}"']
    assert 'PARAMETER stop "<|endoftext|>"' in lines
    assert fields(out / "Ada L-Q4_0.gguf")["general.sampling.top_p"] == pytest.approx(0.95)
    create, speak = found.loaded_by.splitlines()
    assert create.endswith("&& ollama create ada-l -f Modelfile")
    assert speak.startswith("ollama run ada-l ")
    readme = (out / "README.md").read_text()
    assert "ollama create ada-l" in readme
    assert "ollama run ada-l" in readme


def test_an_unknown_type_of_weights(own_home: Path, tmp_path: Path, tiny_gpt2: Path) -> None:
    run = Run(put_persona(own_home, "ada", tiny_gpt2))
    with pytest.raises(OptionError, match="quant 'q2_k'"):
        export(run, "gguf", tmp_path / "out", ExportOptions(quant="q2_k"))
    assert list(tmp_path.iterdir()) == []
