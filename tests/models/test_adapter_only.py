"""Tests of personas that keep only the adapter: with their base they do all that whole ones do."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import popinjay
from popinjay.cli.main import main
from popinjay.errors import BaseModelError, OptionError
from popinjay.forgetting.forget import forget
from popinjay.inference.decoder import Decoder
from popinjay.inference.onnx import engine_file
from popinjay.inference.onnx.decoder import OnnxDecoder
from popinjay.inference.open_decoder import open_decoder
from popinjay.inference.torch_decoder import TorchDecoder
from popinjay.models.language_model import LanguageModel
from popinjay.models.model_files import files_of, is_thin
from popinjay.options import PublishOptions, SayOptions, TrainOptions
from popinjay.persona import Persona
from popinjay.pipeline import relearn
from popinjay.publishing.model_content import WHOLE
from popinjay.publishing.publish import publish
from popinjay.sampling.generate import generate
from popinjay.server.voices.shared_models import _size
from popinjay.store.files import content_hash
from popinjay.store.run import ENGINE_FOLDER, Run

OPTIONS: dict[str, Any] = {
    "tune": "lora",
    "epochs": 2.0,
    "learning_rate": 0.03,
    "batch_tokens": 256,
    "samples": 10,
    "whose": "fictional",
}
PROMPT = [0, 61, 17, 200, 5, 44]


class Pair(NamedTuple):
    """The same training, kept as an adapter and as a whole model."""

    thin: Path
    whole: Path
    base: Path


@pytest.fixture(scope="module", params=["tiny_gpt2", "tiny_llama"])
def pair(
    request: pytest.FixtureRequest, ada: Path, tmp_path_factory: pytest.TempPathFactory
) -> Pair:
    home = tmp_path_factory.mktemp("home")
    base = Path(shutil.copytree(request.getfixturevalue(request.param), home / "base"))
    made = [
        popinjay.make(ada, name=keep, home=home, base=str(base), keep=keep, **OPTIONS)
        for keep in ("adapter", "model")
    ]
    return Pair(made[0].path, made[1].path, base)


@pytest.fixture
def copy(pair: Pair, own_home: Path) -> Run:
    """Return a copy of the adapter-only persona, in its own home."""
    return Run(Path(shutil.copytree(pair.thin, own_home / "ada")))


@pytest.fixture
def thin(copy: Run, pair: Pair, own_home: Path) -> Run:
    """Return an adapter-only persona with its own base, for tests that change it."""
    base = shutil.copytree(pair.base, own_home / "base-model")
    record = copy.file("model") / "base.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "base": str(base)}))
    return copy


def logits(decoder: Decoder) -> np.ndarray:
    """Return the logits after the prompt, and after two more tokens in two rows."""
    first = decoder.prefill(PROMPT).copy()
    decoder.add(2)
    decoder.step([4, 5])
    return np.concatenate([first[None], decoder.step([9, 8])])


def test_only_the_adapter_is_kept(pair: Pair) -> None:
    assert {path.name for path in (pair.thin / "model").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "base.json",
        "generation_config.json",
    }
    assert is_thin(pair.thin / "model")
    assert not is_thin(pair.whole / "model")
    adapters = [
        path / "adapter_model.safetensors"
        for path in (pair.thin / "model", pair.whole / "model" / "adapter")
    ]
    assert adapters[0].stat().st_size < 0.7 * adapters[1].stat().st_size  # half precision


@pytest.mark.parametrize("exact", [True, False])
def test_the_engine_computes_the_same_of_both(pair: Pair, exact: bool) -> None:
    thin, whole = (open_decoder(path / "model", exact=exact) for path in (pair.thin, pair.whole))
    assert isinstance(thin, OnnxDecoder)
    difference = np.abs(logits(thin) - logits(whole)).max()
    # A weight between two steps may be rounded differently.
    assert difference < (1e-3 if exact else 0.05)
    base = np.abs(logits(thin) - logits(open_decoder(pair.base, exact=exact))).max()
    assert base > 0.5  # the comparison is not with the base


def test_torch_computes_the_same_of_both(pair: Pair) -> None:
    thin, whole = (
        TorchDecoder(LanguageModel.load(path / "model")) for path in (pair.thin, pair.whole)
    )
    assert np.abs(logits(thin) - logits(whole)).max() < 1e-3
    texts = ["the lamp sings", "people wait"]
    assert thin.model.bits(texts) == pytest.approx(whole.model.bits(texts), rel=1e-3)


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_they_generate_the_same(pair: Pair, engine: str) -> None:
    def say(path: Path) -> list[str]:
        folder = path / "model"
        decoder = (
            open_decoder(folder, exact=True)
            if engine == "onnx"
            else TorchDecoder(LanguageModel.load(folder))
        )
        return [
            said.text for said in generate(decoder, SayOptions(n=2, temperature=0.0, max_tokens=20))
        ]

    assert say(pair.thin) == say(pair.whole)
    assert all(say(pair.thin))


def test_the_report_measures_the_same(pair: Pair) -> None:
    bits = [
        Persona(Run(path)).report["bits_per_byte"]["persona"]["all"]
        for path in (pair.thin, pair.whole)
    ]
    assert bits[0] == pytest.approx(bits[1], abs=2e-3)


def test_the_engine_is_in_the_cache_not_in_the_persona(
    thin: Run, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPINJAY_BASES", str(own_home / "cache"))
    first = logits(open_decoder(thin.file("model"), cache=thin.path / ENGINE_FOLDER))
    assert not (thin.path / ENGINE_FOLDER / engine_file.FILE).exists()
    (kept,) = (own_home / "cache" / engine_file.SHARED).iterdir()
    monkeypatch.setattr("popinjay.inference.onnx.decoder.build_graph", None)  # not built again
    assert np.array_equal(
        first, logits(open_decoder(thin.file("model"), cache=thin.path / ENGINE_FOLDER))
    )
    assert (kept / engine_file.FILE).is_file()


def test_engines_in_the_cache_are_bounded_in_number(
    thin: Run, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPINJAY_BASES", str(own_home / "cache"))
    shared = own_home / "cache" / engine_file.SHARED
    for number in range(engine_file.MAX_SHARED + 2):
        (shared / str(number)).mkdir(parents=True)
        os.utime(shared / str(number), (number, number))
    open_decoder(thin.file("model"), cache=thin.path / ENGINE_FOLDER)
    left = {path.name for path in shared.iterdir()}
    assert len(left) == engine_file.MAX_SHARED
    assert {"0", "1", "2"}.isdisjoint(left)  # least recently used
    assert str(engine_file.MAX_SHARED + 1) in left


def test_its_memory_includes_that_of_its_base(pair: Pair) -> None:
    weights = [pair.base / "model.safetensors", pair.thin / "model" / "adapter_model.safetensors"]
    assert _size(pair.thin / "model") == sum(path.stat().st_size for path in weights)


def test_a_missing_base_is_reported_with_how_to_get_it(
    thin: Run, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(own_home / "base-model")
    for opened in (
        lambda: open_decoder(thin.file("model")),
        lambda: LanguageModel.load(thin.file("model")),
    ):
        with pytest.raises(BaseModelError, match="not on this machine") as told:
            opened()
        assert "Put that folder back" in told.value.hint
    record = thin.file("model") / "base.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "base": "smollm2"}))
    with pytest.raises(BaseModelError, match="'smollm2', which is not on this machine") as told:
        files_of(thin.file("model"))
    assert told.value.hint == "Get it with: popinjay bases get smollm2"
    assert main(["status", "ada"]) == 0
    assert "can't write now" in capsys.readouterr().out


def test_another_base_of_that_name_is_refused(thin: Run, own_home: Path) -> None:
    open_decoder(thin.file("model"))
    weights = own_home / "base-model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-3] ^= 1
    weights.write_bytes(content)
    with pytest.raises(BaseModelError, match="whose weights have changed"):
        open_decoder(thin.file("model"))


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"base": 3}'])
def test_a_damaged_record_is_one_sentence(thin: Run, content: str) -> None:
    (thin.file("model") / "base.json").write_text(content)
    with pytest.raises(BaseModelError, match="names its base model"):
        files_of(thin.file("model"))


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_damaged_adapter_is_one_sentence(thin: Run, name: str) -> None:
    (thin.file("model") / name).write_text("{")
    for opened in (
        lambda: open_decoder(thin.file("model")),
        lambda: LanguageModel.load(thin.file("model")),
    ):
        with pytest.raises(BaseModelError, match="can't be read"):
            opened()


def test_a_whole_model_is_published_that_transformers_loads(
    copy: Run, pair: Pair, own_home: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    published = publish(copy, str(own_home / "out"), PublishOptions())
    names = {file.name for file in published.files}
    assert {"config.json", "model.safetensors", "tokenizer.json", "generation_config.json"} <= names
    assert not any("adapter" in name or name == "base.json" for name in names)
    model = AutoModelForCausalLM.from_pretrained(own_home / "out")
    assert model.generation_config.top_p == 0.95
    with torch.inference_mode():
        found = model(torch.tensor([PROMPT])).logits[0, -1].numpy()
    assert (
        np.abs(
            found
            - LanguageModel.load(pair.whole / "model")
            .model(torch.tensor([PROMPT]))
            .logits[0, -1]
            .detach()
            .numpy()
        ).max()
        < 1e-3
    )
    card = (own_home / "out" / "README.md").read_text()
    assert 'pipeline("text-generation", model="out")' in card
    assert "Only the adapter is kept" not in card
    assert "Only the adapter is kept" in copy.file("README.md").read_text()
    assert not list(copy.path.glob(f"{WHOLE}*"))
    assert not publish(
        copy, str(own_home / "out"), PublishOptions()
    ).changed  # the same bytes again


def test_a_dry_run_lists_the_whole_model(copy: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", "ada", "--to", "hub:ada/bird", "--dry-run", "--json"]) == 0
    sizes = {file["name"]: file["bytes"] for file in json.loads(capsys.readouterr().out)["files"]}
    assert sizes["model.safetensors"] > 10_000


def test_a_whole_model_left_by_a_killed_process_is_removed(copy: Run, own_home: Path) -> None:
    (copy.path / WHOLE).mkdir()
    (copy.path / WHOLE / "model-00001.safetensors").write_bytes(b"half")
    published = publish(copy, str(own_home / "out"), PublishOptions())
    assert "model-00001.safetensors" not in {file.name for file in published.files}
    assert not (copy.path / WHOLE).exists()


def test_retraining_keeps_an_adapter(copy: Run) -> None:
    before = content_hash(copy.file("model"))
    first = json.loads(copy.file("train.jsonl").read_text().splitlines()[0])
    forget(copy, [first["id"]])
    assert relearn(copy).say("the", n=1, allow_copies=True)
    assert is_thin(copy.file("model"))
    assert content_hash(copy.file("model")) != before


@pytest.mark.parametrize("tune", ["full", "top"])
def test_keeping_an_adapter_needs_lora(tune: str) -> None:
    with pytest.raises(OptionError, match="keep='adapter' needs an adapter") as told:
        TrainOptions(tune=tune, keep="adapter")
    assert "tune='lora'" in told.value.hint
