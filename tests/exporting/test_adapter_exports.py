"""Exports of personas that were tuned with LoRA: the adapter alone, and merged into its base."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import popinjay
from gguf_files import transformers_logits
from popinjay.errors import BaseModelError, PersonaError
from popinjay.exporting.export import export
from popinjay.exporting.onnx.compare import ExportedModel
from popinjay.inference.onnx.architecture import read_architecture
from popinjay.models.language_model import LanguageModel
from popinjay.options import ExportOptions
from popinjay.store.run import Run
from speaking_persona import put_persona

TOKENS = [0, 61, 17, 200, 5, 44, 44, 9]
OPTIONS: dict[str, Any] = {
    "tune": "lora",
    "keep": "adapter",
    "epochs": 1.0,
    "learning_rate": 0.03,
    "batch_tokens": 256,
    "samples": 10,
    "whose": "fictional",
}
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


@pytest.fixture(scope="module")
def made(ada: Path, tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A persona that keeps only its adapter."""
    home = tmp_path_factory.mktemp("home")
    base = shutil.copytree(tiny_llama, home / "base")
    return popinjay.make(ada, name="ada", home=home, base=str(base), **OPTIONS).run


@pytest.fixture(scope="module")
def logits(made: Run) -> NDArray[np.float32]:
    """The persona's own logits."""
    return _logits(made.path / "model")


def _logits(folder: Path) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        found = LanguageModel.load(folder).model(torch.tensor([TOKENS])).logits[0].numpy()
    return np.asarray(found, np.float32)


@pytest.mark.parametrize("kind", ["transformers", "mlx"])
def test_a_whole_folder_is_written(
    made: Run, logits: NDArray[np.float32], kind: str, tmp_path: Path
) -> None:
    found = export(made, kind, tmp_path / "out")
    assert found.path == tmp_path / "out"
    assert str(found.path) in found.loaded_by
    np.testing.assert_allclose(_logits(found.path), logits, atol=1e-5)


def test_gguf_and_onnx_have_it_merged(
    made: Run, logits: NDArray[np.float32], tmp_path: Path
) -> None:
    gguf = export(made, "gguf", tmp_path / "gguf", ExportOptions(quant="f32"))
    np.testing.assert_allclose(transformers_logits(gguf.path, TOKENS), logits, atol=1e-3)
    onnx = export(made, "onnx", tmp_path / "onnx", ExportOptions(quant="fp32")).path
    model = ExportedModel(onnx / "onnx" / "model.onnx", read_architecture(onnx))
    np.testing.assert_allclose(model.logits(TOKENS), logits, atol=1e-3)


def test_peft_loads_the_adapter_by_the_line_that_is_shown(
    made: Run, logits: NDArray[np.float32], tmp_path: Path
) -> None:
    import peft
    import torch
    import transformers

    found = export(made, "adapter", tmp_path / "out")
    model = eval(found.loaded_by, {"peft": peft, "transformers": transformers})
    with torch.inference_mode():
        theirs = model(torch.tensor([TOKENS])).logits[0].numpy()
    np.testing.assert_allclose(theirs, logits, atol=1e-3)
    assert "PeftModel" in (tmp_path / "out" / "README.md").read_text()


def test_a_persona_without_an_adapter_has_none_to_export(
    tiny_gpt2: Path, own_home: Path, tmp_path: Path
) -> None:
    run = Run(put_persona(own_home, "ada", tiny_gpt2))
    with pytest.raises(PersonaError, match="has no adapter"):
        export(run, "adapter", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_without_the_base_nothing_can_be_merged(made: Run, own_home: Path, tmp_path: Path) -> None:
    run = Run(Path(shutil.copytree(made.path, own_home / "ada")))
    record = run.path / "model" / "base.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "base": "/nowhere"}))
    for kind in ("transformers", "gguf", "onnx"):
        with pytest.raises(BaseModelError, match="is not on this machine"):
            export(run, kind, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_gemma_goes_with_its_terms_only(tiny_gemma3: Path, own_home: Path, tmp_path: Path) -> None:
    folder = put_persona(own_home, "ada", tiny_gemma3)
    (folder / "run.toml").write_text(
        '[stages.train]\nstate = "done"\nversion = 3\n[stages.train.facts]\nbase = "gemma3"\n'
    )
    with pytest.raises(PersonaError, match="whose terms must go along"):
        export(Run(folder), "gguf", tmp_path / "out")
    for name in ("GEMMA_TERMS.html", "NOTICE.md"):
        (folder / "model" / name).write_text("terms")
    found = export(Run(folder), "gguf", tmp_path / "out")
    assert {"GEMMA_TERMS.html", "NOTICE.md"} <= {name for name, _ in found.files}
